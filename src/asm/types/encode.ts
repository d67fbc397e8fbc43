import { type Endian, viewOf } from '../../util/bytes.ts';
import type { Range } from '../syntax/ast.ts';
import { type ArrayType, type CType, POINTER_SIZE, strip, typeText } from './c-type.ts';
import type { VariableDeclaration } from './declarations.ts';
import { Filler, isChar, type Part } from './fill.ts';
import type { Initialiser, InitialiserItem } from './initialiser.ts';
import type { TypeRegistry } from './registry.ts';

/** A word of 8 bytes that is to hold an address. */
export interface WantedAddress extends Range {
  /** Bytes from the variable's start. */
  readonly offset: number;
  /** A function, a program, a map or a variable. */
  readonly name: string;
  readonly addend: bigint;
}

/** What a variable holds from the start. */
export interface InitialValue {
  /** The variable's, the length of an array filled in. */
  readonly type: CType;
  /** Bytes. */
  readonly size: number;
  readonly align: number;
  /** undefined where nothing is said: all zeros. */
  readonly bytes: Uint8Array | undefined;
  /** Sorted by offset. */
  readonly addresses: readonly WantedAddress[];
}

/** 16 MiB: a text of ten characters can ask for any number of bytes. */
const MAX_BYTES = 1 << 24;

/**
 * What a variable holds from the start.
 *
 * @returns undefined after a problem was reported
 */
export function encodeVariable(
  registry: TypeRegistry,
  declared: Pick<VariableDeclaration, 'type' | 'range' | 'align' | 'initialiser'>,
  endian: Endian,
): InitialValue | undefined {
  const { initialiser, range } = declared;
  const type = completed(registry, declared.type, initialiser, range);
  const extent = type && registry.extentOf(type, range);
  if (!type || !extent) return undefined;
  const { size } = extent;
  const align = Math.max(extent.align, declared.align);
  if (!initialiser) return { type, size, align, bytes: undefined, addresses: [] };
  if (size > MAX_BYTES) {
    const message = `${size} bytes are more than a variable with an initialiser may have, which is ${MAX_BYTES}`;
    registry.problems.error(range, 'too-large', message);
    return undefined;
  }
  const bytes = new Uint8Array(size);
  const encoder = new Encoder(registry, bytes, endian);
  encoder.put({ type, offset: 0, field: undefined }, initialiser);
  if (encoder.failed) return undefined;
  const addresses = [...encoder.addresses.values()].sort((a, b) => a.offset - b.offset);
  return { type, size, align, bytes, addresses };
}

/** An array without a length is as long as what it holds. */
function completed(
  registry: TypeRegistry,
  type: CType,
  initialiser: Initialiser | undefined,
  range: Range,
): CType | undefined {
  const plain = strip(type);
  if (plain.kind !== 'array' || plain.count !== undefined) return type;
  if (initialiser?.kind === 'string') return { ...plain, count: initialiser.bytes.length + 1 };
  if (initialiser?.kind === 'list') {
    const only = initialiser.items[0];
    if (
      initialiser.items.length === 1 &&
      only?.value.kind === 'string' &&
      only.path.length === 0 &&
      isChar(plain.of)
    )
      return { ...plain, count: only.value.bytes.length + 1 };
    const count = new Counter(registry).count(plain, initialiser.items);
    return count === undefined ? undefined : { ...plain, count };
  }
  registry.problems.error(range, 'incomplete-type', 'an array without a length needs an initialiser', {
    help: ['write its length between the brackets'],
  });
  return undefined;
}

/** Finds the length of an array by what it holds. */
class Counter extends Filler {
  count(type: ArrayType, items: readonly InitialiserItem[]): number | undefined {
    const count = this.fill(type, 0, { items, at: 0 }, true);
    return this.failed ? undefined : count;
  }

  override value(): void {}

  override list(): void {}
}

class Encoder extends Filler {
  /** By offset: a later value takes the place of an earlier one. */
  readonly addresses: Map<number, WantedAddress> = new Map();
  readonly #bytes: Uint8Array;
  readonly #little: boolean;

  constructor(registry: TypeRegistry, bytes: Uint8Array, endian: Endian) {
    super(registry);
    this.#bytes = bytes;
    this.#little = endian === 'little';
  }

  override value(part: Part, value: Initialiser): void {
    const plain = strip(part.type);
    if (value.kind === 'list') {
      const [only, more] = value.items;
      if (!only || more || only.path.length > 0)
        this.fail(value, 'bad-initialiser', `'${typeText(part.type)}' takes one value`);
      else this.value(part, only.value);
    } else if (value.kind === 'string') this.#text(part, value);
    else if (plain.kind === 'ptr') this.#pointer(part, value);
    else if (plain.kind === 'int' || plain.kind === 'enum')
      this.#number(part, plain.size, plain.kind === 'int' && plain.bool, value);
    else this.fail(value, 'bad-initialiser', `'${typeText(part.type)}' takes its values in braces`);
  }

  #text(part: Part, value: Extract<Initialiser, { kind: 'string' }>): void {
    const plain = strip(part.type);
    if (plain.kind !== 'array' || !isChar(plain.of)) {
      this.fail(value, 'bad-initialiser', `'${typeText(part.type)}' cannot hold a text`, [
        'an array of char can',
      ]);
      return;
    }
    const { bytes } = value;
    const room = plain.count ?? 0;
    // As in C, the NUL may fall off.
    if (bytes.length > room)
      this.fail(
        value,
        'too-many-values',
        `this text has ${bytes.length} bytes, but '${typeText(part.type)}' holds ${room}`,
      );
    else {
      this.#bytes.fill(0, part.offset, part.offset + room);
      this.#bytes.set(bytes, part.offset);
    }
  }

  #pointer({ type, offset }: Part, value: Initialiser): void {
    if (value.kind === 'address') {
      if (value.name !== 'NULL') {
        const { name, addend, start, end } = value;
        this.addresses.set(offset, { offset, name, addend, start, end });
      }
      return;
    }
    const number = this.#evaluate(value);
    if (number === undefined) return;
    this.addresses.delete(offset);
    if (number >= 0n && number < 2n ** 64n) viewOf(this.#bytes).setBigUint64(offset, number, this.#little);
    else
      this.fail(
        value,
        'out-of-range',
        `${number} does not fit '${typeText(type)}', which has ${POINTER_SIZE * 8} bits`,
      );
  }

  #number(part: Part, size: number, isBool: boolean, value: Initialiser): void {
    const number = this.#evaluate(value);
    if (number === undefined) return;
    const bits = isBool ? 1 : (part.field?.bits ?? size * 8);
    const min = isBool ? 0n : -(1n << BigInt(bits - 1));
    const max = (1n << BigInt(bits)) - 1n;
    if (number < min || number > max) {
      const what = part.field ? `a bit field of ${bits} bits` : `'${typeText(part.type)}'`;
      this.fail(value, 'out-of-range', `${number} does not fit ${what}: ${min} to ${max}`);
      return;
    }
    if (part.field) this.#putBits(part.field.offsetBits, bits, BigInt.asUintN(bits, number));
    else this.#putBytes(part.offset, size, BigInt.asUintN(size * 8, number));
  }

  #evaluate(value: Initialiser): bigint | undefined {
    if (value.kind === 'number') return value.value;
    const { evaluate } = this.registry;
    if (value.kind === 'address' && (value.explicit || !evaluate)) {
      this.fail(value, 'bad-initialiser', `the address of '${value.name}' needs a pointer to hold it`);
      return undefined;
    }
    const answer = evaluate?.({ start: value.start, end: value.end }, 'an initial value');
    if (answer === undefined) {
      if (evaluate) this.failed = true;
      else this.fail(value, 'not-a-number', 'an initial value must be a number');
    }
    return answer;
  }

  #putBytes(offset: number, size: number, value: bigint): void {
    let rest = value;
    for (let index = 0; index < size; index++, rest >>= 8n)
      this.#bytes[offset + (this.#little ? index : size - 1 - index)] = Number(rest & 0xffn);
  }

  /** Little endian counts bits from the lowest of each byte, big endian from the highest. */
  #putBits(offsetBits: number, bits: number, value: bigint): void {
    for (let index = 0; index < bits; index++) {
      const nth = this.#little ? index : bits - 1 - index;
      const at = offsetBits + index;
      const mask = this.#little ? 1 << (at % 8) : 0x80 >> (at % 8);
      const byte = Math.floor(at / 8);
      const isSet = (value >> BigInt(nth)) & 1n;
      this.#bytes[byte] = isSet ? this.#bytes[byte]! | mask : this.#bytes[byte]! & ~mask;
    }
  }
}
