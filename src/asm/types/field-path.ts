import type { Range } from '../syntax/ast.ts';
import { attempt, type CText } from './c-text.ts';
import { type CType, type Layout, strip, typeText } from './c-type.ts';
import { contextStructName } from './contexts.ts';
import type { Cursor } from './cursor.ts';
import type { Extent } from './layout.ts';
import type { TypeRegistry } from './registry.ts';

/** A member that can be written behind the dot of a struct, that of an unnamed struct in it included. */
export interface FlatField {
  readonly type: CType;
  /** From the start of the struct. */
  readonly offsetBits: number;
  /** Of a bit field. */
  readonly bits: number | undefined;
  /** Indexes of members, through unnamed ones. */
  readonly indexes: readonly number[];
}

/** Where a field lies in its struct, and how to load it. */
export interface FieldPlace {
  /** The struct, union or array that the path begins with. */
  readonly root: CType;
  readonly type: CType;
  /** Bytes from the root's start; of a bit field the smallest aligned word that holds it. */
  readonly offset: number;
  /** Bytes: of the field, or of that word. */
  readonly size: number;
  /** Of a bit field: its first bit from the root's start, as BTF counts, and how many it has. */
  readonly bits: { readonly offset: number; readonly size: number } | undefined;
  /** Indexes of members and elements on the way, unnamed structs counted. */
  readonly indexes: readonly number[];
}

/** Behind the name of a type: `.addr` or `[3]`. */
export type PathStep =
  | ({ readonly kind: 'member'; readonly name: string } & Range)
  | ({ readonly kind: 'element'; readonly index: bigint } & Range);

/** Bytes of the largest load. */
const MAX_LOAD = 8;
/** As loaders have it (`MAX_ACCESS_DEPTH` of src/btf/core). */
const MAX_STEPS = 64;

const flattened: WeakMap<Layout, ReadonlyMap<string, FlatField>> = new WeakMap();

/** The fields of a struct by name, those of unnamed structs and unions among them. */
export function fieldsOf(layout: Layout): ReadonlyMap<string, FlatField> {
  let known = flattened.get(layout);
  if (!known) {
    const out = new Map<string, FlatField>();
    flatten(layout, 0, [], out);
    known = out;
    flattened.set(layout, known);
  }
  return known;
}

function flatten(
  layout: Layout,
  startBits: number,
  before: readonly number[],
  out: Map<string, FlatField>,
): void {
  for (const [index, member] of layout.members.entries()) {
    const indexes = [...before, index];
    const offsetBits = startBits + member.offsetBits;
    const inner = strip(member.type);
    if (member.name !== '')
      out.set(member.name, { type: member.type, offsetBits, bits: member.bits, indexes });
    else if ('layout' in inner && typeof inner.layout === 'object')
      flatten(inner.layout, offsetBits, indexes, out);
  }
}

/** Reads `.addr.v4[3]`, as far as it goes. */
export function readSteps(cursor: Cursor, registry: TypeRegistry): PathStep[] {
  const steps: PathStep[] = [];
  for (;;) {
    const open = cursor.token;
    if (steps.length > MAX_STEPS)
      cursor.fail(open, 'nested-too-deep', `a path has ${MAX_STEPS} parts at most`);
    if (cursor.take('.')) {
      const { text, start, end } = cursor.word('the name of a field');
      steps.push({ kind: 'member', name: text, start, end });
    } else if (cursor.take('[')) {
      const index = cursor.constant('the index of an element', [']'], registry.constants);
      const { end } = cursor.expect(']', 'behind an index');
      steps.push({ kind: 'element', index, start: open.start, end });
    } else return steps;
  }
}

/** Follows a path from a type; undefined after a problem was reported. */
export function lookUp(
  registry: TypeRegistry,
  root: CType,
  steps: readonly PathStep[],
  range: Range,
): FieldPlace | undefined {
  let type = root;
  let offsetBits = 0;
  let bits: number | undefined;
  const indexes: number[] = [];
  for (const step of steps) {
    if (bits !== undefined) return failStep(registry, step, type);
    const next =
      step.kind === 'member' ? memberStep(registry, type, step) : elementStep(registry, type, step);
    if (!next) return undefined;
    type = next.type;
    bits = next.bits;
    offsetBits += next.offsetBits;
    indexes.push(...next.indexes);
  }
  const size = registry.sizeOf(type, range);
  if (size === undefined) return undefined;
  if (bits === undefined) return { root, type, offset: offsetBits / 8, size, bits: undefined, indexes };
  const word = wordOf(offsetBits, bits, size);
  if (word) return { root, type, ...word, bits: { offset: offsetBits, size: bits }, indexes };
  registry.problems.error(range, 'bad-bit-field', 'no load of 8 bytes holds this bit field');
  return undefined;
}

/** The smallest aligned word that holds all bits of a field, as CO-RE has it. */
function wordOf(
  offsetBits: number,
  bits: number,
  typeSize: number,
): { offset: number; size: number } | undefined {
  for (let size = typeSize; size <= MAX_LOAD; size *= 2) {
    const offset = Math.floor(offsetBits / 8 / size) * size;
    if (offsetBits + bits <= (offset + size) * 8) return { offset, size };
  }
  return undefined;
}

function memberStep(
  registry: TypeRegistry,
  type: CType,
  step: Extract<PathStep, { kind: 'member' }>,
): FlatField | undefined {
  const plain = strip(type);
  if (plain.kind !== 'struct' && plain.kind !== 'union') return failStep(registry, step, type);
  const layout = registry.layoutOf(plain, step);
  if (!layout) return undefined;
  const fields = fieldsOf(layout);
  const field = fields.get(step.name);
  if (field) return field;
  registry.problems.error(step, 'unknown-field', `'${typeText(plain)}' has no field '${step.name}'`, {
    label: 'no such field',
    help: registry.problems.suggest(step.name, fields.keys()),
  });
  return undefined;
}

function elementStep(
  registry: TypeRegistry,
  type: CType,
  step: Extract<PathStep, { kind: 'element' }>,
): FlatField | undefined {
  const plain = strip(type);
  if (plain.kind !== 'array') return failStep(registry, step, type);
  const { index } = step;
  const size = registry.sizeOf(plain.of, step);
  if (size === undefined) return undefined;
  const count = plain.count || undefined;
  // An array without a length, or with that of old C for it, may be indexed as far as a type can reach.
  const most = count === undefined ? 0x7fff_ffff : count - 1;
  if (index >= 0n && index <= BigInt(most))
    return {
      type: plain.of,
      offsetBits: Number(index) * size * 8,
      bits: undefined,
      indexes: [Number(index)],
    };
  registry.problems.error(
    step,
    'out-of-range',
    `an array of ${count} has elements 0 to ${most}, not ${index}`,
  );
  return undefined;
}

function failStep(registry: TypeRegistry, step: PathStep, type: CType): undefined {
  const what = step.kind === 'member' ? 'fields' : 'elements';
  const { kind } = strip(type);
  const help =
    kind === 'ptr'
      ? [`load it into a register and go on from there, as '${typeText(strip(pointee(type)))}'`]
      : [];
  const message = `'${typeText(type)}' has no ${what}`;
  registry.problems.error(step, 'no-fields', kind === 'ptr' ? `${message}: it is a pointer` : message, {
    help,
  });
  return undefined;
}

function pointee(type: CType): CType {
  const plain = strip(type);
  return plain.kind === 'ptr' ? plain.of : plain;
}

/**
 * The place of `event.addr.v4[3]`: a type by its name, with `struct` before it or not, and a path.
 *
 * @returns undefined after a problem was reported
 */
export function fieldPlace(registry: TypeRegistry, text: CText): FieldPlace | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const { type, range } = reader.specifiers();
    const steps = readSteps(reader.cursor, registry);
    reader.cursor.end();
    return lookUp(registry, type, steps, { start: range.start, end: reader.cursor.last.end });
  });
}

/**
 * Size and alignment of what stands in `sizeof(…)`: a type (`u64[4]`, `struct event *`) or a field
 * (`event.comm`).
 *
 * @returns undefined after a problem was reported
 */
export function extentOfText(registry: TypeRegistry, text: CText): Extent | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const cursor: Cursor = reader.cursor;
    const specifiers = reader.specifiers();
    let { type } = specifiers;
    const { start } = specifiers.range;
    if (cursor.is('.')) {
      const steps = readSteps(cursor, registry);
      const place = lookUp(registry, type, steps, { start, end: cursor.last.end });
      if (!place) return undefined;
      ({ type } = place);
    } else ({ type } = reader.declarator(type, specifiers.attributes));
    cursor.end();
    return registry.extentOf(type, { start, end: cursor.last.end });
  });
}

/**
 * The place of a field in what programs of a type are given in `r1`: `data`, `cb[2]`.
 *
 * @param text the path without what stands for the context: `data` of `ctx.data`
 * @returns undefined after a problem was reported
 */
export function contextField(registry: TypeRegistry, progType: number, text: CText): FieldPlace | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const cursor: Cursor = reader.cursor;
    const first = cursor.word('the name of a field');
    const context = contextType(registry, progType);
    if (!context)
      cursor.fail(first, 'no-context', 'programs of this type are given no struct with fields', [
        "load from 'r1' by offset",
      ]);
    const { text: name, start, end } = first;
    const steps = [{ kind: 'member' as const, name, start, end }, ...readSteps(cursor, registry)];
    cursor.end();
    return lookUp(registry, context, steps, { start, end: cursor.last.end });
  });
}

/** The struct that programs of a type are given, the text's own definition of it where it has one. */
export function contextType(registry: TypeRegistry, progType: number): CType | undefined {
  const name = contextStructName(progType);
  return name === undefined ? undefined : registry.find(name);
}
