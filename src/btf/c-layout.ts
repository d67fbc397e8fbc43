import { alignUp } from '../util/bytes.ts';
import type { Btf } from './btf.ts';
import type { BtfComposite } from './types.ts';

/** Bytes of a pointer and of `long` in BPF code. */
const POINTER_SIZE = 8;
/** Types that are within each other by value. */
const MAX_DEPTH = 100;

/** What C would align a type to, or 1 where a struct is packed. */
export class CLayout {
  readonly #btf: Btf;
  readonly #aligns: Map<number, number> = new Map();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** Bytes. @throws {FormatError} `BTF_CYCLE` */
  alignOf(id: number, depth = 0): number {
    const known = this.#aligns.get(id);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH)
      throw this.#btf.error('BTF_CYCLE', `types/${id}`, `${MAX_DEPTH} types lie within each other`);
    const align = this.#compute(id, depth);
    this.#aligns.set(id, align);
    return align;
  }

  /** Whether only `packed` gives a struct the offsets and the size that it has. */
  isPacked(type: BtfComposite): boolean {
    let largest = 1;
    for (const member of type.members) {
      const align = this.alignOf(member.type);
      const unit = 8 * align;
      if (member.bitSize === 0 && member.offsetBits % unit !== 0) return true;
      // A bit field stays within one word of its type.
      if (member.bitSize > 0 && (member.offsetBits % unit) + member.bitSize > unit) return true;
      largest = Math.max(largest, align);
    }
    return type.size % largest !== 0;
  }

  #compute(id: number, depth: number): number {
    const type = this.#btf.type(id);
    switch (type.kind) {
      case 'int':
      case 'float':
      case 'enum':
      case 'enum64':
        return Math.max(1, Math.min(POINTER_SIZE, type.size));
      case 'ptr':
        return POINTER_SIZE;
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'typeTag':
      case 'array':
        return this.alignOf(type.type, depth + 1);
      case 'struct':
      case 'union': {
        for (const member of type.members) this.alignOf(member.type, depth + 1);
        if (this.isPacked(type)) return 1;
        return type.members.reduce((largest, member) => Math.max(largest, this.alignOf(member.type)), 1);
      }
      default:
        return 1;
    }
  }
}

interface PadType {
  readonly name: string;
  readonly bits: number;
}
const padTypes: readonly PadType[] = [
  { name: 'long', bits: 64 },
  { name: 'int', bits: 32 },
  { name: 'short', bits: 16 },
  { name: 'char', bits: 8 },
];

/** Where padding is to lead. */
export interface Gap {
  /** Bits, from the end of one member to the start of the next or the end of the struct. */
  readonly from: number;
  readonly to: number;
  /** Bytes that the compiler aligns the next member to. */
  readonly align: number;
  /** Of a bit field that follows, which is aligned only where it would cross a word; or 0. */
  readonly nextBits: number;
  readonly packed: boolean;
  /** Both members are bit fields, between which the compiler aligns nothing. */
  readonly inBitField: boolean;
}

/** A bit field without a name. One of 0 bits moves on to the next word of its type. */
interface Pad {
  readonly type: PadType;
  readonly bits: number;
}

/**
 * Bit fields without a name that fill a gap, as far as the compiler's own alignment does not.
 * They are those of libbpf; where those would not lead to the right place (in a packed struct a
 * compiler aligns less than they count on) every bit is filled.
 */
export function padding(gap: Gap): string[] {
  if (gap.from >= gap.to) return [];
  const short = shortPads(gap);
  const pads = placeAfter(gap, short) === gap.to ? short : everyBit(gap);
  return pads.map(({ type, bits }) => `${type.name}: ${bits};`);
}

/** Where the compiler puts the next member. */
function placeAfter({ from, align, packed, nextBits }: Gap, pads: readonly Pad[]): number {
  let at = from;
  for (const { type, bits } of pads) {
    const crosses = !packed && (at % type.bits) + bits > type.bits;
    at = bits === 0 || crosses ? alignUp(at, type.bits) + bits : at + bits;
  }
  const unit = align * 8;
  if (nextBits === 0) return alignUp(at, packed ? 8 : unit);
  return !packed && (at % unit) + nextBits > unit ? alignUp(at, unit) : at;
}

function shortPads({ from, to, align, inBitField }: Gap): Pad[] {
  const out: Pad[] = [];
  const pad = padTypes.find(({ bits }) => alignUp(from, bits) <= to) ?? padTypes.at(-1)!;
  const aligned = alignUp(from, pad.bits);
  let at = from;
  if (aligned > at && aligned <= to) {
    // `long: 0` moves on to the next boundary; needed where neither the next member nor the
    // padding that follows would be put there anyway.
    const misplaced = aligned === to && alignUp(at, align * 8) !== aligned;
    const fits = aligned !== to && to - aligned <= aligned - at;
    if (inBitField || misplaced || fits) out.push({ type: pad, bits: inBitField ? aligned - at : 0 });
    at = aligned;
  }
  while (at < to) {
    const bits = Math.min(to - at, pad.bits);
    out.push({ type: bits === pad.bits ? pad : padTypes.findLast((each) => each.bits >= bits)!, bits });
    at += bits;
  }
  return out;
}

/** Whole words where they are aligned, and bits up to the next byte elsewhere. */
function everyBit({ from, to }: Gap): Pad[] {
  const out: Pad[] = [];
  for (let at = from; at < to; at += out.at(-1)!.bits) {
    const word = padTypes.find(({ bits }) => at % bits === 0 && at + bits <= to);
    out.push(
      word
        ? { type: word, bits: word.bits }
        : { type: padTypes.at(-1)!, bits: Math.min(to - at, 8 - (at % 8)) },
    );
  }
  return out;
}
