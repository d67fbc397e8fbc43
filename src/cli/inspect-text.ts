import { coreRequestText } from '../btf/index.ts';
import { enumName } from '../isa/enum-name.ts';
import { MapType } from '../isa/kernel-tables.generated.ts';
import {
  type FunctionSpec,
  type MapSpec,
  type ObjectSpec,
  type RelocatableObject,
  type Relocation,
  RelocationType,
  tailCallEdges,
} from '../object/index.ts';
import { calleeOf, programType, tagOf } from './inspect-facts.ts';
import { formatTable } from './table.ts';

/** What `tsbpf inspect` prints; with `all` the symbols and relocations too. */
export function inspectText(file: string, object: RelocatableObject, spec: ObjectSpec, all: boolean): string {
  const btf = spec.btf ? `${spec.btf.typeCount} BTF types` : 'no BTF';
  const license = spec.license ? JSON.stringify(spec.license) : 'none';
  const parts = [
    `${file}: ${spec.endian} endian, licence ${license}, ${btf}`,
    functionTable(spec),
    tagTable(spec),
    mapTable(spec),
    tailCallTable(spec),
    variableTable(spec),
    externTable(spec),
    coreTable(spec),
    sectionTable(object),
    ...(all ? [symbolTable(object), relocationTable(object)] : []),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

type Rows = readonly (readonly (string | number)[])[];

function table(title: string, head: readonly string[], rows: Rows): string {
  return rows.length === 0 ? '' : `${title}\n${formatTable(head, rows)}`;
}

function targetOf(relocation: Relocation): string {
  switch (relocation.kind) {
    case 'map':
      return relocation.map;
    case 'mapValue':
      return `${relocation.map}+${relocation.offset}`;
    case 'call':
      return `${relocation.target}()`;
    case 'functionAddress':
      return `&${relocation.target}`;
    case 'extern':
      return `extern ${relocation.name}`;
  }
}

function targetsOf(fn: FunctionSpec): string {
  return [...new Set(fn.relocations.map(targetOf))].join(' ');
}

function functionTable(spec: ObjectSpec): string {
  const rows = [...spec.functions.values()].map((fn) => [
    fn.name,
    fn.section,
    programType(fn),
    fn.code.length / 8,
    targetsOf(fn),
  ]);
  return table('functions', ['name', 'section', 'kind', 'slots', 'refers to'], rows);
}

/** Kernels show a program by its tag: SHA-256 since 6.18, SHA-1 before. */
function tagTable(spec: ObjectSpec): string {
  const rows = [...spec.functions.values()].flatMap((fn) => {
    const tag = tagOf(spec, fn);
    return tag ? [[fn.name, tag.sha256, tag.sha1]] : [];
  });
  return table('tags', ['program', 'since 6.18', 'before'], rows);
}

/** What stands in a prog array's slots, `0=handle_icmp 1=handle_tcp`. */
function slotsOf(map: MapSpec): string {
  return map.contents
    .flatMap((entry) => (entry.kind === 'program' ? [`${entry.key}=${entry.program}`] : []))
    .join(' ');
}

function mapTable(spec: ObjectSpec): string {
  const rows = [...spec.maps.values()].map((map) => [
    map.name,
    enumName(MapType, map.type).toLowerCase(),
    map.keySize,
    map.valueSize,
    map.maxEntries,
    `0x${map.flags.toString(16)}`,
    slotsOf(map),
  ]);
  return table('maps', ['name', 'type', 'key', 'value', 'entries', 'flags', 'slots'], rows);
}

function tailCallTable(spec: ObjectSpec): string {
  const rows = [...spec.functions.values()].flatMap((fn) =>
    tailCallEdges(fn, spec.endian).map((edge) => [
      fn.name,
      edge.slot,
      edge.map ?? 'decided at run time',
      edge.index ?? 'decided at run time',
      calleeOf(spec, edge) ?? '',
    ]),
  );
  return table('tail calls', ['from', 'slot', 'through', 'index', 'to'], rows);
}

function variableTable(spec: ObjectSpec): string {
  const rows = [...spec.variables.values()].map(({ name, map, offset, size }) => [name, map, offset, size]);
  return table('variables', ['name', 'map', 'offset', 'size'], rows);
}

function externTable(spec: ObjectSpec): string {
  const rows = [...spec.externs.values()].map(({ name, kind, weak }) => [name, kind, weak ? 'weak' : '']);
  return table('externs', ['name', 'kind', 'weak'], rows);
}

/** What the object asks of a kernel's types. */
function coreTable(spec: ObjectSpec): string {
  const { btf } = spec;
  if (!btf) return '';
  const rows = [...spec.functions.values()].flatMap((fn) =>
    fn.coreRelocations.map((request) => [fn.name, request.slot, coreRequestText(btf, request)]),
  );
  return table('CO-RE relocations', ['in', 'slot', 'asks for'], rows);
}

function sectionTable({ sections, relocations }: RelocatableObject): string {
  const counts = new Map<number, number>();
  for (const { section } of relocations) counts.set(section, (counts.get(section) ?? 0) + 1);
  const rows = sections.map(({ name, size }, index) => [name, size, counts.get(index) ?? 0]);
  return table('sections', ['name', 'size', 'relocations'], rows);
}

function symbolTable({ sections, symbols }: RelocatableObject): string {
  const rows = symbols.map(({ name, section, value, size, binding, type }) => [
    name,
    typeof section === 'number' ? sections[section]!.name : section,
    value,
    size,
    binding,
    type,
  ]);
  return table('symbols', ['name', 'section', 'value', 'size', 'binding', 'type'], rows);
}

function relocationTable({ sections, symbols, relocations }: RelocatableObject): string {
  const rows = relocations.map(({ section, offset, type, symbol }) => {
    const target = symbols[symbol];
    const place = typeof target?.section === 'number' ? sections[target.section]!.name : '';
    return [sections[section]!.name, offset, enumName(RelocationType, type), target?.name || place];
  });
  return table('relocations', ['section', 'offset', 'type', 'symbol'], rows);
}
