import { enumName } from '../../isa/enum-name.ts';
import { AttachType, MapType, ProgType } from '../../isa/kernel-tables.generated.ts';
import {
  collect,
  type FunctionSpec,
  type MapSpec,
  type ObjectSpec,
  type RelocatableObject,
  type Relocation,
} from '../../object/index.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { readRelocatable } from '../source.ts';
import { formatTable } from '../table.ts';

/** `tsbpf inspect`: what an object holds, as the loader sees it. */
export async function inspect(file: string, options: CommonOptions): Promise<undefined> {
  const object = await readRelocatable(file);
  const spec = collect(object);
  if (options.json) printJson({ file, ...asData(object, spec) });
  else print(asText(file, object, spec));
}

function programType(fn: FunctionSpec): string {
  if (!fn.program) return 'subprogram';
  const { progType, expectedAttachType } = fn.program;
  const type = progType === undefined ? 'unknown' : enumName(ProgType, progType).toLowerCase();
  return expectedAttachType === 0
    ? type
    : `${type} (attach ${enumName(AttachType, expectedAttachType).toLowerCase()})`;
}

/** What stands in a prog array's slots, `0=handle_icmp 1=handle_tcp`. */
function slotsOf(map: MapSpec): string {
  return map.contents
    .flatMap((entry) => (entry.kind === 'program' ? [`${entry.key}=${entry.program}`] : []))
    .join(' ');
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

function targetsOf(fn: FunctionSpec): string[] {
  return [...new Set(fn.relocations.map(targetOf))];
}

function asData(object: RelocatableObject, spec: ObjectSpec): Record<string, unknown> {
  return {
    endian: spec.endian,
    license: spec.license,
    functions: [...spec.functions.values()].map((fn) => ({
      name: fn.name,
      section: fn.section,
      linkage: fn.linkage,
      slots: fn.code.length / 8,
      type: programType(fn),
      program: fn.program,
      relocations: fn.relocations,
      coreRelocations: fn.coreRelocations.length,
      lines: fn.lines.length,
    })),
    maps: [...spec.maps.values()].map((map) => ({
      ...map,
      type: enumName(MapType, map.type).toLowerCase(),
      contents: map.contents.filter((entry) => entry.kind !== 'bytes'),
    })),
    variables: [...spec.variables.values()],
    externs: [...spec.externs.values()],
    sections: object.sections.map(({ name, type, flags, size, align }) => ({
      name,
      type,
      flags,
      size,
      align,
    })),
    symbols: object.symbols,
  };
}

function asText(file: string, object: RelocatableObject, spec: ObjectSpec): string {
  const functions = [...spec.functions.values()];
  const btf = spec.btf ? `${spec.btf.typeCount} BTF types` : 'no BTF';
  const parts = [
    `${file}: ${spec.endian} endian, licence ${spec.license ? JSON.stringify(spec.license) : 'none'}, ${btf}`,
    table(
      'functions',
      ['name', 'section', 'kind', 'slots', 'refers to'],
      functions.map((fn) => [
        fn.name,
        fn.section,
        programType(fn),
        fn.code.length / 8,
        targetsOf(fn).join(' '),
      ]),
    ),
    table(
      'maps',
      ['name', 'type', 'key', 'value', 'entries', 'flags', 'slots'],
      [...spec.maps.values()].map((map) => [
        map.name,
        enumName(MapType, map.type).toLowerCase(),
        map.keySize,
        map.valueSize,
        map.maxEntries,
        `0x${map.flags.toString(16)}`,
        slotsOf(map),
      ]),
    ),
    table(
      'variables',
      ['name', 'map', 'offset', 'size'],
      [...spec.variables.values()].map((variable) => [
        variable.name,
        variable.map,
        variable.offset,
        variable.size,
      ]),
    ),
    table(
      'externs',
      ['name', 'kind', 'weak'],
      [...spec.externs.values()].map(({ name, kind, weak }) => [name, kind, weak ? 'weak' : '']),
    ),
    table(
      'sections',
      ['name', 'size', 'relocations'],
      object.sections.map((section, index) => [
        section.name,
        section.size,
        object.relocations.filter((relocation) => relocation.section === index).length,
      ]),
    ),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function table(
  title: string,
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  return rows.length === 0 ? '' : `${title}\n${formatTable(head, rows)}`;
}
