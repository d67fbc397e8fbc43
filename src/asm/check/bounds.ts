const NEGATED: Readonly<Record<string, string>> = {
  '==': '!=',
  '!=': '==',
  '>': '<=',
  '<=': '>',
  '>=': '<',
  '<': '>=',
  's>': 's<=',
  's<=': 's>',
  's>=': 's<',
  's<': 's>=',
};

/** What its making and comparisons with constants leave of a 64-bit value, and of its lower half. */
export class Bounds {
  readonly #whole: Sides;
  readonly #half: Sides = new Sides(32);
  readonly #tested = new Map<string, boolean>();

  /** @param low and `high`: unsigned, the least and the greatest value that it can have */
  constructor(low: bigint = 0n, high: bigint = U64_MAX) {
    this.#whole = new Sides(64);
    this.#whole.unsigned.narrow(low, high);
    this.#settle();
  }

  /** Unsigned; equal where only one value is left. */
  get low(): bigint {
    return this.#whole.unsigned.low;
  }

  get high(): bigint {
    return this.#whole.unsigned.high;
  }

  /** Takes in that `value op operand` is so, or is not, in 32 or 64 bits; false where nothing is left. */
  assume(op: string, width: number, operand: bigint, so: boolean): boolean {
    if (op === '&') {
      const key = `${width} ${operand}`;
      const before = this.#tested.get(key);
      this.#tested.set(key, so);
      return before === undefined || before === so;
    }
    (width === 64 ? this.#whole : this.#half).take(so ? op : NEGATED[op]!, operand);
    this.#settle();
    return !this.#whole.isEmpty && !this.#half.isEmpty;
  }

  /** Lets each view of the value tell the others what it knows. */
  #settle(): void {
    this.#whole.settle();
    if (this.#whole.unsigned.high <= U32_MAX) {
      this.#half.unsigned.narrow(this.#whole.unsigned.low, this.#whole.unsigned.high);
      this.#half.settle();
      this.#whole.unsigned.narrow(this.#half.unsigned.low, this.#half.unsigned.high);
      this.#whole.settle();
    } else this.#half.settle();
  }
}

const U32_MAX = (1n << 32n) - 1n;
const U64_MAX = (1n << 64n) - 1n;

/** The same bits as a number without a sign and with one. */
class Sides {
  readonly #width: number;
  readonly unsigned: Range;
  readonly signed: Range;

  constructor(width: number) {
    this.#width = width;
    this.unsigned = new Range(0n, (1n << BigInt(width)) - 1n);
    this.signed = new Range(-(1n << BigInt(width - 1)), (1n << BigInt(width - 1)) - 1n);
  }

  get isEmpty(): boolean {
    return this.unsigned.isEmpty || this.signed.isEmpty;
  }

  take(relation: string, operand: bigint): void {
    const unsigned = BigInt.asUintN(this.#width, operand);
    const signed = BigInt.asIntN(this.#width, operand);
    if (relation === '==' || relation === '!=') {
      this.unsigned.take(relation, unsigned);
      this.signed.take(relation, signed);
    } else if (relation.startsWith('s')) this.signed.take(relation.slice(1), signed);
    else this.unsigned.take(relation, unsigned);
  }

  /** Where all values have the same sign, both ranges are one. */
  settle(): void {
    const { unsigned, signed } = this;
    const modulus = 1n << BigInt(this.#width);
    const [half, none] = [modulus / 2n, 0n];
    if (signed.low >= none) unsigned.narrow(signed.low, signed.high);
    else if (signed.high < none) unsigned.narrow(signed.low + modulus, signed.high + modulus);
    if (unsigned.high < half) signed.narrow(unsigned.low, unsigned.high);
    else if (unsigned.low >= half) signed.narrow(unsigned.low - modulus, unsigned.high - modulus);
  }
}

class Range {
  #low: bigint;
  #high: bigint;
  readonly #not = new Set<bigint>();

  constructor(low: bigint, high: bigint) {
    this.#low = low;
    this.#high = high;
  }

  get isEmpty(): boolean {
    return this.#low > this.#high;
  }

  get low(): bigint {
    return this.#low;
  }

  get high(): bigint {
    return this.#high;
  }

  narrow(low: bigint, high: bigint): void {
    this.take('>=', low);
    this.take('<=', high);
  }

  take(relation: string, operand: bigint): void {
    if (relation === '!=') this.#not.add(operand);
    if (relation === '==' || relation === '>=') this.#atLeast(operand);
    if (relation === '==' || relation === '<=') this.#atMost(operand);
    if (relation === '>') this.#atLeast(operand + 1n);
    if (relation === '<') this.#atMost(operand - 1n);
    while (this.#not.has(this.#low)) this.#not.delete(this.#low++);
    while (this.#not.has(this.#high)) this.#not.delete(this.#high--);
  }

  #atLeast(value: bigint): void {
    if (value > this.#low) this.#low = value;
  }

  #atMost(value: bigint): void {
    if (value < this.#high) this.#high = value;
  }
}
