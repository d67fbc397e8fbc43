import { LddwSource } from '../../isa/insn-table.ts';
import { isName } from './dump-text.ts';

/** What a wide load loads. */
export type Address =
  | { readonly kind: 'name'; readonly name: string; readonly offset: number }
  | { readonly kind: 'pseudo'; readonly src: number; readonly imm: number; readonly nextImm: number }
  | { readonly kind: 'number' };

/** bpftool's words for the pseudo loads. */
const MAP_ID = /^map\[id:(\d+)\]$/;
const MAP_VALUE = /^map\[id:(\d+)\]\[0\]\+(\d+)$/;
const MAP_IDX = /^map\[idx:(\d+)\](?:\+(\d+))?$/;
const SUBPROG = /^subprog\[([+-]\d+)\]$/;

/** The state behind an instruction: `R1_w=map_ptr(map=counts,ks=4,vs=8)`, `R2=map_value(map=.bss,ks=4,vs=32,off=8)`. */
const STATE = /R(\d+)(?:_[a-z]+)?=([^(\s]*)(?:\(([^)]*)\))?/g;

/** Pointers of the kernel, on all machines that run BPF in 64 bits: negative, and far from small numbers. */
const MIN_ADDRESS = 0xffff_0000_0000_0000n;
const MAX_ADDRESS = 0xffff_ffff_7fff_ffffn;

interface Seen {
  readonly name: string;
  readonly offset: number;
  readonly isValue: boolean;
}

/** What a log says about the addresses in it, gathered from all of its lines. */
export class AddressBook {
  readonly #given: ReadonlyMap<number, string>;
  readonly #bySlot: Map<number, Seen | 'function' | 'number'> = new Map();
  /** Maps by the address of their descriptions, and places in values by theirs. */
  readonly #byAddress: Map<bigint, Seen> = new Map();
  /** Values of maps, by the address where they begin. */
  readonly #values: Map<bigint, { readonly name: string; readonly end: bigint }> = new Map();
  /** The keys of {@link #values} in order, once they are asked for. */
  #starts: readonly bigint[] | undefined;

  constructor(given: ReadonlyMap<number, string>) {
    this.#given = given;
  }

  /** A wide load with the state that is printed behind it. */
  note(slot: number, text: string, state: string): void {
    const [, dst, value] = /^r(\d+) = (.*)$/.exec(text) ?? [];
    if (dst === undefined || !state.includes('=')) return;
    for (const [, register, type, details] of state.matchAll(STATE)) {
      if (register !== dst) continue;
      this.#noteState(slot, value!, type!, details ?? '');
      return;
    }
  }

  #noteState(slot: number, value: string, type: string, details: string): void {
    if (type === 'func') this.#bySlot.set(slot, 'function');
    else if (type === 'map_ptr' || type === 'map_value') {
      const field = (name: string): string | undefined =>
        new RegExp(`(?:^|,)${name}=([^,]*)`).exec(details)?.[1];
      const name = field('map');
      if (name === undefined || !isName(name)) return;
      const offset = wholeNumber(field('off') ?? field('imm'));
      const seen = { name, offset, isValue: type === 'map_value' };
      this.#bySlot.set(slot, seen);
      this.#noteAddress(value, seen, wholeNumber(field('vs')));
    } else if (/^(?:-?\d|0x|scalar|P|inv)/.test(type)) this.#bySlot.set(slot, 'number');
  }

  #noteAddress(value: string, seen: Seen, size: number): void {
    const address = addressOf(value);
    if (address === undefined) return;
    this.#byAddress.set(address, seen);
    const start = address - BigInt(seen.offset);
    if (!seen.isValue || this.#values.has(start)) return;
    this.#values.set(start, { name: seen.name, end: start + BigInt(size) });
    this.#starts = undefined;
  }

  /** undefined where the log leaves it open. */
  find(slot: number, value: string): Address | undefined {
    const pseudo = pseudoOf(value);
    const seen = this.#bySlot.get(slot);
    const given = this.#given.get(slot);
    if (given !== undefined) {
      const offset = typeof seen === 'object' ? seen.offset : (pseudo?.nextImm ?? 0);
      return { kind: 'name', name: given, offset };
    }
    if (pseudo) return { kind: 'pseudo', ...pseudo };
    if (typeof seen === 'object') return { kind: 'name', name: seen.name, offset: seen.offset };
    if (seen === 'function') return { kind: 'pseudo', src: LddwSource.FUNC, imm: Number(value), nextImm: 0 };
    const address = addressOf(value);
    if (seen === 'number' || address === undefined) return { kind: 'number' };
    return this.#named(address);
  }

  #named(address: bigint): Address | undefined {
    const seen = this.#byAddress.get(address);
    if (seen) return { kind: 'name', name: seen.name, offset: seen.offset };
    const start = this.#startBefore(address);
    const holder = start === undefined ? undefined : this.#values.get(start);
    if (!holder || address >= holder.end) return undefined;
    return { kind: 'name', name: holder.name, offset: Number(address - start!) };
  }

  #startBefore(address: bigint): bigint | undefined {
    this.#starts ??= [...this.#values.keys()].sort((x, y) => (x < y ? -1 : x > y ? 1 : 0));
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return this.#starts[low - 1];
  }
}

function pseudoOf(
  value: string,
): { readonly src: number; readonly imm: number; readonly nextImm: number } | undefined {
  const id = MAP_ID.exec(value);
  if (id) return { src: LddwSource.MAP_FD, imm: Number(id[1]), nextImm: 0 };
  const place = MAP_VALUE.exec(value);
  if (place) return { src: LddwSource.MAP_VALUE, imm: Number(place[1]), nextImm: Number(place[2]) };
  const index = MAP_IDX.exec(value);
  if (index)
    return index[2] === undefined
      ? { src: LddwSource.MAP_IDX, imm: Number(index[1]), nextImm: 0 }
      : { src: LddwSource.MAP_IDX_VALUE, imm: Number(index[1]), nextImm: Number(index[2]) };
  const distance = SUBPROG.exec(value);
  return distance ? { src: LddwSource.FUNC, imm: Number(distance[1]), nextImm: 0 } : undefined;
}

function wholeNumber(text: string | undefined): number {
  return text !== undefined && /^(?:-?\d{1,10}|0x[0-9a-f]{1,8})$/.test(text) ? Number(text) : 0;
}

function addressOf(value: string): bigint | undefined {
  if (!/^0x[0-9a-f]{16}$/.test(value)) return undefined;
  const number = BigInt(value);
  return number >= MIN_ADDRESS && number <= MAX_ADDRESS ? number : undefined;
}
