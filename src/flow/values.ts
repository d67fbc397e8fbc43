/** What a register holds, as far as the code alone tells. */
export type FlowValue =
  /** No way leads here. */
  | { readonly kind: 'undefined' }
  | { readonly kind: 'unknown' }
  /** 64 bits, unsigned. */
  | { readonly kind: 'constant'; readonly value: bigint }
  /** `r10 + offset` of the function at hand. */
  | { readonly kind: 'stack'; readonly offset: number }
  /** `offset` bytes behind what the `lddw` at `slot` loads: a map, a variable, a function. */
  | { readonly kind: 'address'; readonly slot: number; readonly offset: number };

/** A value's number in a {@link ValueTable}. */
export type ValueId = number;

export const UNDEFINED: ValueId = 0;
export const UNKNOWN: ValueId = 1;

/** Offsets past this are arithmetic on something that is no address any more. */
const MAX_OFFSET = 2 ** 31;

/** Every value once, so that two are the same where their numbers are. */
export class ValueTable {
  readonly #values: FlowValue[] = [{ kind: 'undefined' }, { kind: 'unknown' }];
  readonly #constants = new Map<bigint, ValueId>();
  readonly #stack = new Map<number, ValueId>();
  readonly #addresses = new Map<number, Map<number, ValueId>>();

  get(id: ValueId): FlowValue {
    return this.#values[id]!;
  }

  /** @param value unsigned */
  constant(value: bigint): ValueId {
    return (
      this.#constants.get(value) ??
      this.#add(this.#constants, value, Object.freeze({ kind: 'constant', value }))
    );
  }

  stack(offset: number): ValueId {
    if (Math.abs(offset) > MAX_OFFSET) return UNKNOWN;
    return (
      this.#stack.get(offset) ?? this.#add(this.#stack, offset, Object.freeze({ kind: 'stack', offset }))
    );
  }

  address(slot: number, offset: number): ValueId {
    if (Math.abs(offset) > MAX_OFFSET) return UNKNOWN;
    const ofSlot = this.#addresses.get(slot) ?? new Map<number, ValueId>();
    this.#addresses.set(slot, ofSlot);
    return ofSlot.get(offset) ?? this.#add(ofSlot, offset, Object.freeze({ kind: 'address', slot, offset }));
  }

  #add<K>(map: Map<K, ValueId>, key: K, value: FlowValue): ValueId {
    const id = this.#values.push(value) - 1;
    map.set(key, id);
    return id;
  }
}
