import { bitField } from '../../btf/codec-numbers.ts';
import { type Btf, type BtfComposite, type BtfEnum, btfCodec } from '../../btf/index.ts';
import { type MemberShape, type ValueShape, valueShape } from '../../btf/value-shape.ts';
import { ProgType } from '../../isa/kernel-tables.generated.ts';
import type { MapSpec, ObjectSpec } from '../../object/spec.ts';
import { viewOf } from '../../util/bytes.ts';
import { OutOfRangeError, TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import {
  type ConvertedStruct,
  type FunctionPlace,
  isFunction,
  type KernelStruct,
  missingMember,
} from './struct-ops-layout.ts';

/**
 * What a member becomes, by its type in the kernel: a number or bigint, a boolean, an enumeration's value or
 * its name, text for `char[]`, bytes for `u8[]`, an array, an object with some members of a struct. For a function
 * the name of the program that stands in for it, or null for none.
 */
export type StructOpsValue =
  | number
  | bigint
  | boolean
  | string
  | null
  | Uint8Array
  | readonly StructOpsValue[]
  | { readonly [member: string]: StructOpsValue };

/** Members of one struct of functions by their names; what is left out stays as the object has it. */
export type StructOpsMembers = Readonly<Record<string, StructOpsValue>>;

/** What a load may change about structs of functions. */
export interface StructOpsOptions {
  /**
   * Other values of members of structs of functions, by the structs' names: numbers, texts, and which programs
   * stand in for their functions. A program that no struct names any more is not loaded. Members are the kernel's:
   * also those may be set that the object's own copy of the struct leaves out.
   *
   * @example `{ my_control: { name: 'mine', flags: 1, ssthresh: 'careful_ssthresh', set_state: null } }`
   */
  readonly structOps?: Readonly<Record<string, StructOpsMembers>> | undefined;
}

/** The members of one struct that are changed; undefined values are none. */
export function editsOf(members: StructOpsMembers | undefined): ReadonlyMap<string, StructOpsValue> {
  return new Map(Object.entries(members ?? {}).filter(([, value]) => value !== undefined));
}

/** Whether a value is what a kernel without the member has in its place. */
function isNothing(value: StructOpsValue): boolean {
  return value === null || value === 0 || value === 0n || value === false || value === '';
}

/** @throws {TsbpfError} `STRUCT_OPS_NOT_FOUND` */
export function expectStructs({ maps }: ObjectSpec, edits: NonNullable<StructOpsOptions['structOps']>): void {
  const name = Object.keys(edits).find((name) => !maps.get(name)?.structOps);
  if (name === undefined) return;
  const there = [...maps.values()].flatMap((map) => (map.structOps ? [map.name] : []));
  throw new TsbpfError(
    'STRUCT_OPS_NOT_FOUND',
    `the object has no struct of functions '${name}'; it has: ${there.join(', ') || 'none'}`,
    { hint: didYouMean(name, there)[0] },
  );
}

/** A struct of functions of an object, and what the kernel has of it. */
interface EditedStruct {
  readonly spec: ObjectSpec;
  readonly map: MapSpec;
  readonly kernel: KernelStruct;
  readonly edits: ReadonlyMap<string, StructOpsValue>;
}

/**
 * A struct with the members that the load gives. One that the kernel does not have may be taken away from
 * what the object says: a newer object then works on an older kernel.
 *
 * @throws {TsbpfError} `STRUCT_OPS_MEMBER_MISSING`, `STRUCT_OPS_PROGRAM`, `STRUCT_OPS_POINTER`, `PROGRAM_NOT_FOUND`, `BTF_BAD_VALUE`
 * @throws {OutOfRangeError}
 */
export function editStruct(
  { spec, map, kernel, edits }: EditedStruct,
  before: ConvertedStruct,
): ConvertedStruct {
  if (edits.size === 0) return before;
  const { types, struct, dataOffset } = kernel;
  const local = spec.btf!.resolve(map.value ?? 0) as BtfComposite;
  const members = new Map(membersOf(types, struct.id).map((member) => [member.key, member]));
  const value = before.value.slice();
  const places: FunctionPlace[] = [...before.places];
  for (const [name, given] of edits) {
    const path = `${map.name}.${name}`;
    const member = members.get(name);
    if (!member) {
      if (isNothing(given) && local.members.some((own) => own.name === name)) continue;
      throw missingMember(map.name, name, struct);
    }
    // Functions are members of the struct itself; what an anonymous struct in it has are none.
    const memberIndex = struct.members.findIndex((each) => each.name === name);
    if (memberIndex < 0 || !isFunction(types, member.type)) {
      write({ types, view: viewOf(value) }, member, dataOffset, given, path);
      continue;
    }
    const program = programFor(spec, given, path);
    const offset = dataOffset + Math.floor(member.offsetBits / 8);
    if (program !== undefined) places.push({ program, member: name, memberIndex, offset });
  }
  return { value, places };
}

/**
 * The programs that a struct names, without asking what the kernel has of it: a text that is a program's
 * name counts unless the object's own copy has something else than a pointer there.
 */
export function programsOf(
  { btf, functions }: ObjectSpec,
  { structOps, value }: MapSpec,
  edits: ReadonlyMap<string, StructOpsValue>,
): string[] {
  const own = (structOps?.programs ?? []).filter(({ member }) => !edits.has(member));
  const local = (btf?.resolve(value ?? 0) as BtfComposite | undefined)?.members ?? [];
  const given = [...edits].flatMap(([name, value]) => {
    const member = local.find((each) => each.name === name);
    const mayBe = member === undefined || btf!.resolve(member.type).kind === 'ptr';
    return typeof value === 'string' && mayBe && functions.has(value) ? [value] : [];
  });
  return [...own.map(({ program }) => program), ...given];
}

/** The program that shall stand in for a function; undefined for none. */
function programFor({ functions }: ObjectSpec, value: StructOpsValue, path: string): string | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'string') throw badValue(path, "a program's name, or null", value);
  const program = functions.get(value)?.program;
  const fits = program?.progType === undefined || program.progType === ProgType.STRUCT_OPS;
  if (program && fits) return value;
  const there = [...functions.values()].flatMap(({ name, program }) =>
    program?.progType === ProgType.STRUCT_OPS ? [name] : [],
  );
  if (program)
    throw new TsbpfError(
      'STRUCT_OPS_PROGRAM',
      `${path} shall be program '${value}', which its section makes one of another type`,
      { hint: `in C: SEC("struct_ops") above ${value}; there are: ${there.join(', ') || 'none'}` },
    );
  throw new TsbpfError(
    'PROGRAM_NOT_FOUND',
    `${path} shall be program '${value}', which the object does not have; it has: ${there.join(', ') || 'none'}`,
    { hint: didYouMean(value, there)[0] },
  );
}

interface Target {
  readonly types: Btf;
  readonly view: DataView;
}

/** @param base byte offset of what the member is in */
function write(target: Target, member: MemberShape, base: number, value: StructOpsValue, path: string): void {
  const { types, view } = target;
  const { type, bitSize, offsetBits } = member;
  const shape = valueShape(types, type);
  const offset = base + Math.floor(offsetBits / 8);
  if (bitSize > 0 && (shape.kind === 'int' || shape.kind === 'enum' || shape.kind === 'bool')) {
    const number = leaf(types, shape, type, value, path) as number;
    bitField(shape, offsetBits & 7, bitSize).write(view, offset, number, true, path);
  } else if (shape.kind === 'struct' || shape.kind === 'union') {
    for (const [key, part] of partsOf(value, path)) {
      const inner = membersOf(types, shape.id).find((each) => each.key === key);
      if (!inner) throw missing(types, shape.id, key, path);
      write(target, inner, offset, part, `${path}.${key}`);
    }
  } else if (shape.kind === 'array') {
    if (!Array.isArray(value)) throw badValue(path, 'an array', value);
    if (value.length > shape.count) throw new OutOfRangeError(`${path}.length`, value.length, 0, shape.count);
    const step = types.sizeOf(shape.element) * 8;
    for (const [index, part] of value.entries()) {
      const element = { key: '', type: shape.element, offsetBits: index * step, bitSize: 0 };
      write(target, element, offset, part, `${path}[${index}]`);
    }
  } else btfCodec(types, type).write(view, offset, leaf(types, shape, type, value, path), true, path);
}

function membersOf(types: Btf, id: number): readonly MemberShape[] {
  const shape = valueShape(types, id);
  return shape.kind === 'struct' || shape.kind === 'union' ? shape.members : [];
}

function partsOf(value: StructOpsValue, path: string): [string, StructOpsValue][] {
  const plain =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
  if (!plain) throw badValue(path, 'an object', value);
  return [...editsOf(value as StructOpsMembers)];
}

/** What the codec of a type takes. */
function leaf(types: Btf, { kind }: ValueShape, type: number, value: StructOpsValue, path: string): unknown {
  const resolved = types.resolve(type);
  if (resolved.kind === 'ptr') {
    if (isNothing(value)) return 0n;
    throw new TsbpfError('STRUCT_OPS_POINTER', `${path} is a pointer, which nobody but the kernel can set`, {
      hint: 'programs stand in for functions only; let one of them keep the data in a map',
    });
  }
  if (value === null)
    throw new TsbpfError('BTF_BAD_VALUE', `${path} is no function, so it cannot be null`, {
      hint: 'give it the value that it shall have, or leave it out',
    });
  if (kind !== 'enum' || typeof value !== 'string') return value;
  const { values, name } = resolved as BtfEnum;
  const found = values.find((each) => each.name === value);
  if (found) return found.value;
  const known = values.map((each) => each.name);
  throw new TsbpfError('BTF_BAD_VALUE', `${path} is '${value}', which is no value of enum ${name}`, {
    hint: didYouMean(value, known)[0] ?? `it has ${known.join(', ')}`,
  });
}

function missing(types: Btf, id: number, key: string, path: string): TsbpfError {
  const known = membersOf(types, id).map((each) => each.key);
  return new TsbpfError('STRUCT_OPS_MEMBER_MISSING', `${path} has no member '${key}' in the kernel`, {
    hint: didYouMean(key, known)[0] ?? `it has ${known.join(', ')}`,
  });
}

function badValue(path: string, wanted: string, value: unknown): TsbpfError {
  const given = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  return new TsbpfError('BTF_BAD_VALUE', `${path} must be ${wanted}, but is of type ${given}`);
}
