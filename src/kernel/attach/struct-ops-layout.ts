import type { Btf, BtfComposite, BtfMember, BtfType } from '../../btf/index.ts';
import type { KernelFacts, MapSpec, StructOpsSpec } from '../../object/spec.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';

/** What the kernel calls the value of a map whose data is a struct of functions (Linux, `kernel/bpf/bpf_struct_ops.c`). */
const VALUE_PREFIX = 'bpf_struct_ops_';
/** What follows in a local copy's name tells copies apart and is not part of the kernel's: `tcp_congestion_ops___mine`. */
const FLAVOUR = /___.*$/;

/** A struct of functions as the kernel has it. */
export interface KernelStruct {
  /** The module that has it; undefined for the kernel itself. */
  readonly module: string | undefined;
  readonly types: Btf;
  readonly struct: BtfComposite;
  /** The map's value: what the kernel keeps for itself, and the struct. */
  readonly value: BtfComposite;
  /** Byte offset of the struct in the value. */
  readonly dataOffset: number;
}

/** Where a program goes. */
export interface FunctionPlace {
  readonly program: string;
  readonly member: string;
  /** Its place among the kernel's members: what the program is loaded for. */
  readonly memberIndex: number;
  /** Byte offset in the map's value. */
  readonly offset: number;
}

/** An object's struct in the kernel's layout, the programs' places left empty. */
export interface ConvertedStruct {
  readonly value: Uint8Array;
  readonly places: readonly FunctionPlace[];
}

/**
 * Finds a struct of functions among the kernel's types, and those of its modules.
 *
 * @throws {TsbpfError} `KERNEL_BTF_UNAVAILABLE`, `STRUCT_OPS_UNKNOWN`
 */
export function kernelStruct(facts: KernelFacts, { struct: title }: StructOpsSpec): KernelStruct {
  const name = title.replace(FLAVOUR, '');
  const { btf, moduleBtf } = facts;
  if (!btf)
    throw new TsbpfError(
      'KERNEL_BTF_UNAVAILABLE',
      `the types of the kernel are not known, so ${name} is not found`,
      { hint: 'the kernel needs CONFIG_DEBUG_INFO_BTF' },
    );
  const own = findIn(btf, name, undefined);
  if (own) return own;
  for (const [module, types] of moduleBtf ?? []) {
    const found = findIn(types, name, module);
    if (found) return found;
  }
  const known = [btf, ...(moduleBtf?.values() ?? [])].flatMap(structNames);
  throw new TsbpfError('STRUCT_OPS_UNKNOWN', `the kernel takes no struct of functions '${name}'`, {
    hint: didYouMean(name, known)[0] ?? `it takes ${known.join(', ') || 'none'}`,
  });
}

function findIn(types: Btf, name: string, module: string | undefined): KernelStruct | undefined {
  const id = types.findByName(VALUE_PREFIX + name, 'struct');
  // A module's types go on from the kernel's, which have the lower numbers.
  if (id === undefined || id < types.firstId) return undefined;
  const value = types.type(id) as BtfComposite;
  const data = dataOf(types, value, name);
  return data && { module, types, struct: data.struct, value, dataOffset: Math.floor(data.offsetBits / 8) };
}

function dataOf(
  types: Btf,
  value: BtfComposite,
  name: string,
): { struct: BtfComposite; offsetBits: number } | undefined {
  for (const { type, offsetBits } of value.members) {
    const struct = types.resolve(type);
    if (struct.kind === 'struct' && struct.name === name) return { struct, offsetBits };
  }
  return undefined;
}

/** Every struct of functions of a BTF; walks all of it, for messages. */
function structNames(types: Btf): string[] {
  const names: string[] = [];
  for (let id = types.firstId; id < types.typeCount; id++) {
    if (types.kindOf(id) !== 'struct') continue;
    const value = types.type(id) as BtfComposite;
    const name = value.name.startsWith(VALUE_PREFIX) ? value.name.slice(VALUE_PREFIX.length) : '';
    if (name !== '' && dataOf(types, value, name)) names.push(name);
  }
  return names;
}

/**
 * An object's struct in the kernel's layout: members are found by their names, so that an object may
 * leave out what it does not need and have them in another order.
 *
 * @param edited members that the load gives, which are left out here
 * @throws {TsbpfError} `STRUCT_OPS_MEMBER_MISSING`, `STRUCT_OPS_MEMBER_DIFFERS`
 */
export function convertStruct(
  map: MapSpec,
  types: Btf,
  kernel: KernelStruct,
  edited: ReadonlyMap<string, unknown> = new Map(),
): ConvertedStruct {
  const { structOps, contents, name, value: type } = map;
  const local = types.resolve(type ?? 0) as BtfComposite;
  const [entry] = contents;
  const bytes = new Uint8Array(local.size);
  if (entry?.kind === 'bytes') bytes.set(entry.value.subarray(0, bytes.length));
  const value = new Uint8Array(kernel.value.size);
  const places: FunctionPlace[] = [];
  for (const member of local.members) {
    if (edited.has(member.name)) continue;
    const program = structOps!.programs.find(({ offset }) => offset * 8 === member.offsetBits)?.program;
    const size = member.bitSize > 0 ? 0 : types.sizeOf(member.type);
    const at = Math.floor(member.offsetBits / 8);
    const data = bytes.subarray(at, at + size);
    const memberIndex = kernel.struct.members.findIndex((other) => other.name === member.name);
    const target = member.name === '' ? undefined : kernel.struct.members[memberIndex];
    if (!target) {
      // A newer object on an older kernel: what it leaves at zero is nothing that the kernel could miss.
      if (program === undefined && member.bitSize === 0 && data.every((byte) => byte === 0)) continue;
      throw missingMember(name, member.name, kernel.struct);
    }
    const offset = kernel.dataOffset + Math.floor(target.offsetBits / 8);
    const differs = difference(types, member, program, kernel, target);
    if (differs !== undefined)
      throw new TsbpfError(
        'STRUCT_OPS_MEMBER_DIFFERS',
        `'${name}' has ${differs.has} as its member ${member.name}, but in the kernel's ${kernel.struct.name} it is ${differs.wants}`,
        { hint: `take the struct from the kernel's types: tsbpf btf dump --format c` },
      );
    if (program !== undefined) places.push({ program, member: member.name, memberIndex, offset });
    else value.set(data, offset);
  }
  return { value, places };
}

/** What is said of a member that the kernel's struct does not have. */
export function missingMember(map: string, member: string, struct: BtfComposite): TsbpfError {
  const known = struct.members.flatMap(({ name }) => (name === '' ? [] : [name]));
  return new TsbpfError(
    'STRUCT_OPS_MEMBER_MISSING',
    `'${map}' sets its member '${member}', which the kernel's ${struct.name} does not have`,
    { hint: didYouMean(member, known)[0] ?? `it has ${known.join(', ')}` },
  );
}

/** Whether a member is a function, for which a program can stand in. */
export function isFunction(types: Btf, id: number): boolean {
  const type = types.resolve(id);
  return type.kind === 'ptr' && types.resolve(type.type).kind === 'funcProto';
}

interface Difference {
  readonly has: string;
  readonly wants: string;
}

/** Why a member cannot be carried over; undefined where it can. */
function difference(
  types: Btf,
  member: BtfMember,
  program: string | undefined,
  kernel: KernelStruct,
  target: BtfMember,
): Difference | undefined {
  if (member.bitSize > 0 || target.bitSize > 0)
    return { has: 'bits', wants: 'bits too, which cannot be carried over' };
  const mine = types.resolve(member.type);
  const theirs = kernel.types.resolve(target.type);
  if (program !== undefined && !isFunction(kernel.types, target.type))
    return { has: 'a function', wants: describe(kernel.types, target, theirs) };
  const same = mine.kind === theirs.kind && types.sizeOf(member.type) === kernel.types.sizeOf(target.type);
  return same
    ? undefined
    : { has: describe(types, member, mine), wants: describe(kernel.types, target, theirs) };
}

function describe(types: Btf, { type }: BtfMember, { kind, name }: BtfType): string {
  const noun =
    kind === 'ptr'
      ? 'a pointer'
      : kind === 'array'
        ? 'an array'
        : kind === 'int'
          ? name
          : `${kind} ${name}`.trimEnd();
  return `${noun} of ${types.sizeOf(type)} bytes`;
}
