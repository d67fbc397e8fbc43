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

/** What comparisons with constants leave of a value of `width` bits. */
export class Bounds {
  readonly #width: number;
  readonly #unsigned: Range;
  readonly #signed: Range;
  readonly #tested = new Map<bigint, boolean>();

  constructor(width: number) {
    this.#width = width;
    this.#unsigned = new Range(0n, (1n << BigInt(width)) - 1n);
    this.#signed = new Range(-(1n << BigInt(width - 1)), (1n << BigInt(width - 1)) - 1n);
  }

  /** The only value that is left, unsigned. */
  get only(): bigint | undefined {
    return this.#unsigned.only;
  }

  /** Takes in that `value op operand` is so, or is not; false where nothing is left. */
  assume(op: string, operand: bigint, so: boolean): boolean {
    if (op === '&') {
      const before = this.#tested.get(operand);
      this.#tested.set(operand, so);
      return before === undefined || before === so;
    }
    const relation = so ? op : NEGATED[op]!;
    const unsigned = BigInt.asUintN(this.#width, operand);
    const signed = BigInt.asIntN(this.#width, operand);
    if (relation === '==' || relation === '!=') {
      this.#unsigned.take(relation, unsigned);
      this.#signed.take(relation, signed);
    } else if (relation.startsWith('s')) this.#signed.take(relation.slice(1), signed);
    else this.#unsigned.take(relation, unsigned);
    return !this.#unsigned.isEmpty && !this.#signed.isEmpty;
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

  get only(): bigint | undefined {
    return this.#low === this.#high ? this.#low : undefined;
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
