import { alignUp } from '../../util/bytes.ts';
import type { Range } from '../syntax/ast.ts';
import type { ProblemSink } from './c-text.ts';
import {
  type Composite,
  type CompositeBody,
  type CType,
  type Layout,
  type Member,
  type PlacedMember,
  POINTER_SIZE,
  strip,
  typeText,
} from './c-type.ts';

/** As the kernel's MAX_RESOLVE_DEPTH (`kernel/bpf/btf.c`): it refuses structs that nest deeper. */
const MAX_DEPTH = 32;
/** Sizes are u32 in BTF. */
const MAX_SIZE = 0xffff_ffff;
/** Bit offsets of members are u32 in BTF, and 24 bits where the struct has bit fields. */
const MAX_OFFSET_BITS = 0xffff_ffff;
const MAX_OFFSET_BITS_PACKED = 0xff_ffff;

/** What a value of a type takes. */
export interface Extent {
  /** Bytes. */
  readonly size: number;
  readonly align: number;
}

/** Gives types their places by the rules of C on BPF, each once. */
export class Layouts {
  readonly #problems: ProblemSink;

  constructor(problems: ProblemSink) {
    this.#problems = problems;
  }

  /**
   * Size and alignment of a type.
   *
   * @param range what is marked where the type has none
   * @returns undefined after a problem was reported
   */
  extentOf(type: CType, range: Range): Extent | undefined {
    const plain = strip(type);
    switch (plain.kind) {
      case 'int':
      case 'enum':
        return { size: plain.size, align: plain.size };
      case 'ptr':
        return { size: POINTER_SIZE, align: POINTER_SIZE };
      case 'array': {
        const element = this.extentOf(plain.of, range);
        if (!element) return undefined;
        const size = element.size * (plain.count ?? 0);
        if (size <= MAX_SIZE) return { size, align: element.align };
        return this.#fail(
          range,
          'too-large',
          `${size} bytes are more than a type may have, which is ${MAX_SIZE}`,
        );
      }
      case 'struct':
      case 'union':
        return this.layoutOf(plain, range);
      case 'void':
      case 'func':
        return this.#fail(
          range,
          'no-size',
          `${plain.kind === 'func' ? 'a function' : "'void'"} has no size`,
          ["a pointer has one: write '*'"],
        );
    }
  }

  /** The places of a struct's members; undefined after a problem was reported. */
  layoutOf(type: Composite, range: Range): Layout | undefined {
    const known = type.layout;
    if (known === 'broken') return undefined;
    if (known === 'busy')
      return this.#fail(range, 'endless-type', `'${typeText(type)}' would hold itself`, [
        "point to it with '*'",
      ]);
    if (known) return known;
    if (!type.body)
      return this.#fail(range, 'incomplete-type', `'${typeText(type)}' is declared, but not defined`, [
        `define it with '.${type.kind} ${type.name} { … }', or point to it with '*'`,
      ]);
    type.layout = 'busy';
    const layout = this.#compute(type, type.body);
    type.layout = layout ?? 'broken';
    return layout;
  }

  #compute(type: Composite, body: CompositeBody): Layout | undefined {
    const place = new Placement(type.kind, body.packed);
    const members: PlacedMember[] = [];
    let sound = true;
    let depth = 0;
    for (const [index, member] of body.members.entries()) {
      const extent = this.#memberExtent(type, member, index === body.members.length - 1);
      if (!extent) {
        sound = false;
        continue;
      }
      const offsetBits = place.put(member, extent);
      const inner = strip(elementOf(member.type));
      if ((inner.kind === 'struct' || inner.kind === 'union') && typeof inner.layout === 'object')
        depth = Math.max(depth, inner.layout.depth);
      if (member.bits === undefined || member.name !== '') members.push({ ...member, offsetBits });
    }
    if (!sound) return undefined;
    const align = Math.max(place.align, body.align);
    const size = alignUp(Math.ceil(place.endBits / 8), align);
    const range = type.definedAt ?? { start: 0, end: 0 };
    const hasBitFields = members.some(({ bits }) => bits !== undefined);
    const last = members.reduce((most, { offsetBits }) => Math.max(most, offsetBits), 0);
    if (size > MAX_SIZE || last > (hasBitFields ? MAX_OFFSET_BITS_PACKED : MAX_OFFSET_BITS))
      return this.#fail(range, 'too-large', `'${typeText(type)}' is larger than a type can be described`);
    if (depth + 1 > MAX_DEPTH)
      return this.#fail(range, 'nested-too-deep', `structs are nested ${MAX_DEPTH} deep at most`);
    return { size, align, members, depth: depth + 1 };
  }

  #memberExtent(owner: Composite, member: Member, isLast: boolean): Extent | undefined {
    const plain = strip(member.type);
    if (plain.kind === 'array' && plain.count === undefined && (!isLast || owner.kind === 'union'))
      return this.#fail(
        member.range,
        'bad-array',
        `only the last member of a struct can be an array without a length, but '${member.name}' is not`,
      );
    return this.extentOf(member.type, member.range);
  }

  #fail(range: Range, code: string, message: string, help: readonly string[] = []): undefined {
    this.#problems.error(range, code, message, { help });
    return undefined;
  }
}

function elementOf(type: CType): CType {
  let at = type;
  for (let plain = strip(at); plain.kind === 'array'; plain = strip(at)) at = plain.of;
  return at;
}

/** Puts members behind each other (Itanium C++ ABI, section 2.4, as compilers for BPF do it for C). */
class Placement {
  readonly #isUnion: boolean;
  readonly #packed: boolean;
  align = 1;
  endBits = 0;
  #nextBits = 0;

  constructor(kind: 'struct' | 'union', packed: boolean) {
    this.#isUnion = kind === 'union';
    this.#packed = packed;
  }

  /** Bits from the start. */
  put(member: Member, extent: Extent): number {
    const packed = this.#packed || member.packed;
    const align = Math.max(packed ? 1 : extent.align, member.align);
    const from = this.#isUnion ? 0 : this.#nextBits;
    const at =
      member.bits === undefined ? alignUp(from, align * 8) : this.#bitField(member, extent, from, packed);
    const length = member.bits ?? extent.size * 8;
    this.#nextBits = at + length;
    this.endBits = Math.max(this.endBits, at + length);
    // Bit fields without a name align nothing but what follows them.
    if (member.bits === undefined || member.name !== '') this.align = Math.max(this.align, align);
    return at;
  }

  #bitField(member: Member, extent: Extent, from: number, packed: boolean): number {
    const bits = member.bits!;
    const unit = extent.size * 8;
    if (bits === 0) return alignUp(from, Math.max(extent.align, member.align) * 8);
    if (member.align > 1) return alignUp(from, member.align * 8);
    // It stays within one word of its type, unless it is packed.
    return !packed && (from % unit) + bits > unit ? alignUp(from, unit) : from;
  }
}
