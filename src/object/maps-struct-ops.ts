import { MapFlag, MapType } from '../isa/kernel-tables.generated.ts';
import { type Context, type Extent, extentsOf, firstFrom } from './context.ts';
import type { FunctionTable } from './functions.ts';
import { pointerAt } from './map-values.ts';
import { plainMap } from './maps-legacy.ts';
import { type ElfSymbol, RelocationType } from './relocatable.ts';
import type { MapSpec, StructOpsProgram } from './spec.ts';

/** Reads the variables of `.struct_ops` or `.struct_ops.link`: each is a map of one entry, a struct of the kernel's. */
export function readStructOps(context: Context, section: number, functions: FunctionTable): MapSpec[] {
  return extentsOf(context, section, isDefinition).map((extent) =>
    Object.freeze(readVariable(context, section, extent, functions)),
  );
}

function isDefinition({ name, type, binding }: ElfSymbol): boolean {
  return name !== '' && (type === 'object' || (type === 'notype' && binding !== 'local'));
}

function readVariable(
  context: Context,
  section: number,
  { symbol, start, end }: Extent,
  functions: FunctionTable,
): MapSpec {
  const { name: title, bytes } = context.object.sections[section]!;
  const path = `maps/${symbol.name}`;
  const type = context.btf?.variableType(title, symbol.name);
  const struct = type === undefined ? undefined : context.btf!.btf.resolve(type);
  if (type === undefined || struct?.kind !== 'struct' || struct.name === '') {
    throw context.error(
      'MAP_NEEDS_BTF',
      path,
      `lies in ${title}, where BTF must tell which struct of the kernel it is`,
      'recompile with -g, and give the variable the type that the kernel has',
    );
  }
  const programs: StructOpsProgram[] = [];
  const entries = context.relocationsOf(section);
  for (let index = firstFrom(entries, start); index < entries.length; index++) {
    const entry = entries[index]!;
    if (entry.offset >= end) break;
    if (entry.type === RelocationType.R_BPF_NONE) continue;
    const offset = entry.offset - start;
    const member = struct.members.find(({ offsetBits }) => offsetBits === offset * 8)?.name;
    const target = pointerAt(context, path, entry);
    const program =
      target.section === undefined ? undefined : functions.startingAt(target.section, target.offset);
    if (member === undefined || !program)
      throw context.error(
        'MAP_BAD_FIELD',
        `${path}/${member ?? offset}`,
        `holds the address of ${target.name}, but a struct of this kind can only point to programs`,
        'leave it out, or let a program set it',
      );
    programs.push(Object.freeze({ member, offset, program: program.name }));
  }
  const link = title.endsWith('.link');
  const value = new Uint8Array(bytes.subarray(start, end));
  return {
    ...plainMap(symbol.name, MapType.STRUCT_OPS, 'btf'),
    keySize: 4,
    valueSize: end - start,
    maxEntries: 1,
    flags: link ? MapFlag.LINK : 0,
    value: type,
    contents: Object.freeze([Object.freeze({ kind: 'bytes', key: new Uint8Array(4), value } as const)]),
    structOps: Object.freeze({ struct: struct.name, link, programs: Object.freeze(programs) }),
    autocreate: !title.startsWith('?'),
  };
}
