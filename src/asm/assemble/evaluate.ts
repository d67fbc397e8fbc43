import type { BinaryOperator, Expr } from '../syntax/ast.ts';
import type { Problems } from '../syntax/problems.ts';
import { namedConstants } from './constants.ts';
import type { Language } from './language.ts';
import { type AsmSymbol, type Location, newSymbol, type SymbolTable } from './symbols.ts';

/** What an expression amounts to: a number, or a symbol's address plus a number. */
export type Value =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'address'; readonly symbol: AsmSymbol; readonly addend: bigint };

type Arithmetic = (a: bigint, b: bigint) => bigint;

const ARITHMETIC: Readonly<Record<BinaryOperator, Arithmetic>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};

const MIN_S64 = -(2n ** 63n);
const MAX_U64 = 2n ** 64n - 1n;

/** Constants are evaluated recursively; those that lean on earlier ones are numbers already. */
const MAX_CONSTANT_DEPTH = 200;

/** Expressions have 64 bits, signed or unsigned; what leaves both wraps, as in LLVM. */
function wrap(value: bigint): bigint {
  return value >= MIN_S64 && value <= MAX_U64 ? value : BigInt.asIntN(64, value);
}

function number(value: bigint): Value {
  return { kind: 'number', value };
}

interface EvaluatorParts {
  readonly poisoned: ReadonlySet<string>;
  readonly language: Language;
  /** Where a text in the code goes; answers the symbol of its place. */
  text(bytes: Uint8Array): AsmSymbol;
}

/** Evaluates expressions against the names of a file. What is wrong goes to `problems`, once. */
export class Evaluator {
  readonly #symbols: SymbolTable;
  readonly #problems: Problems;
  readonly #poisoned: ReadonlySet<string>;
  readonly #language: Language;
  readonly #text: (bytes: Uint8Array) => AsmSymbol;
  /** Constants being evaluated, to notice one that is made of itself. */
  readonly #active: Set<AsmSymbol> = new Set();

  constructor(symbols: SymbolTable, problems: Problems, { poisoned, language, text }: EvaluatorParts) {
    this.#symbols = symbols;
    this.#problems = problems;
    this.#poisoned = poisoned;
    this.#language = language;
    this.#text = text;
  }

  /** undefined after a problem. Names that nothing defines are answered as addresses. */
  evaluate(expr: Expr, here: Location): Value | undefined {
    switch (expr.kind) {
      case 'number':
        return number(BigInt(expr.value));
      case 'name':
        return this.#name(expr, here);
      case 'here':
        return { kind: 'address', symbol: placeSymbol(here), addend: 0n };
      case 'call':
        return this.#call(expr, here);
      case 'string':
        return { kind: 'address', symbol: this.#text(expr.bytes), addend: 0n };
      case 'unary':
        return this.#unary(expr, here);
      case 'binary':
        return this.#binary(expr, here);
    }
  }

  #call(expr: Extract<Expr, { kind: 'call' }>, here: Location): Value | undefined {
    const value = this.#language.call(expr, here, (arg) =>
      this.number(arg, here, `what '${expr.name}' takes`),
    );
    return value === undefined ? undefined : number(value);
  }

  /** The value of an expression that must not depend on where the program is loaded. */
  number(expr: Expr, here: Location, what: string): bigint | undefined {
    const value = this.evaluate(expr, here);
    if (value === undefined || value.kind === 'number') return value?.value;
    if (value.symbol.defined || value.symbol.declared)
      this.#problems.error(
        expr,
        'not-a-number',
        `${what} must be a number, but '${value.symbol.name}' is an address`,
      );
    else this.undefinedName(expr, value.symbol.name);
    return undefined;
  }

  /** Reports a name that nothing defines, unless its definition is known to be broken. */
  undefinedName(range: Expr, name: string, kind = 'name'): void {
    if (this.#poisoned.has(name)) return;
    const symbols = this.#symbols;
    const candidates = function* (): Generator<string> {
      yield* symbols.definedNames();
      yield* namedConstants().keys();
    };
    this.#problems.error(range, 'undefined-name', `there is no ${kind} '${name}'`, {
      label: 'not defined',
      help: this.#problems.suggest(name, candidates()),
    });
  }

  isPoisoned(name: string): boolean {
    return this.#poisoned.has(name);
  }

  #name(expr: Extract<Expr, { kind: 'name' }>, here: Location): Value | undefined {
    const symbol = this.#symbols.find(expr.name);
    if (symbol?.constant) return this.#constant(symbol, expr);
    if (symbol?.defined || symbol?.declared) return { kind: 'address', symbol, addend: 0n };
    if (!symbol?.used && this.#language.knows(expr.name)) {
      const value = this.#language.valueOf(expr.name, expr, here);
      return value === undefined ? undefined : number(value);
    }
    const known = namedConstants().get(expr.name);
    if (known !== undefined) return number(known);
    // The program counter of the kernel's log: `goto pc+3`.
    if (expr.name === 'pc' && here.section.hasCode) return number(0n);
    return { kind: 'address', symbol: symbol ?? this.#symbols.mention(expr.name), addend: 0n };
  }

  #constant(symbol: AsmSymbol, use: Expr): Value | undefined {
    if (this.#active.has(symbol)) {
      this.#problems.error(use, 'circular-constant', `the constant '${symbol.name}' is made of itself`);
      return undefined;
    }
    if (this.#active.size >= MAX_CONSTANT_DEPTH) {
      this.#problems.error(
        use,
        'expression-too-long',
        'constants that lean on later ones can do so 200 deep, not deeper',
      );
      return undefined;
    }
    this.#active.add(symbol);
    const { expr, here } = symbol.constant!;
    const value = this.evaluate(expr, here);
    this.#active.delete(symbol);
    return value;
  }

  #unary(expr: Extract<Expr, { kind: 'unary' }>, here: Location): Value | undefined {
    const operand = this.evaluate(expr.operand, here);
    if (operand === undefined || expr.op === '+') return operand;
    if (operand.kind === 'address') return this.#notArithmetic(expr, expr.op, operand.symbol);
    const { value } = operand;
    if (expr.op === '!') return number(value === 0n ? 1n : 0n);
    return number(wrap(expr.op === '-' ? -value : ~value));
  }

  #binary(expr: Extract<Expr, { kind: 'binary' }>, here: Location): Value | undefined {
    const left = this.evaluate(expr.left, here);
    const right = this.evaluate(expr.right, here);
    if (!left || !right) return undefined;
    if (left.kind === 'number' && right.kind === 'number')
      return this.#arithmetic(expr, left.value, right.value);
    if (expr.op === '+' && left.kind === 'address' && right.kind === 'number')
      return { ...left, addend: left.addend + right.value };
    if (expr.op === '+' && left.kind === 'number' && right.kind === 'address')
      return { ...right, addend: right.addend + left.value };
    if (expr.op === '-' && left.kind === 'address')
      return right.kind === 'number'
        ? { ...left, addend: left.addend - right.value }
        : this.#distance(expr, left, right);
    return this.#notArithmetic(
      expr,
      expr.op,
      left.kind === 'address' ? left.symbol : (right as { symbol: AsmSymbol }).symbol,
    );
  }

  #distance(
    expr: Expr,
    left: Extract<Value, { kind: 'address' }>,
    right: Extract<Value, { kind: 'address' }>,
  ): Value | undefined {
    for (const { symbol } of [left, right])
      if (!symbol.section) {
        this.undefinedName(expr, symbol.name);
        return undefined;
      }
    if (left.symbol.section === right.symbol.section)
      return number(BigInt(left.symbol.value - right.symbol.value) + left.addend - right.addend);
    this.#problems.error(
      expr,
      'other-section',
      `'${left.symbol.name}' is in section '${left.symbol.section!.name}', '${right.symbol.name}' in '${right.symbol.section!.name}': they have no distance`,
    );
    return undefined;
  }

  #arithmetic(expr: Extract<Expr, { kind: 'binary' }>, a: bigint, b: bigint): Value | undefined {
    if ((expr.op === '/' || expr.op === '%') && b === 0n) {
      this.#problems.error(expr, 'division-by-zero', 'this divides by zero');
      return undefined;
    }
    if ((expr.op === '<<' || expr.op === '>>') && (b < 0n || b > 63n)) {
      this.#problems.error(expr.right, 'bad-shift', `a shift by ${b} is not within 0 and 63`);
      return undefined;
    }
    return number(wrap(ARITHMETIC[expr.op](a, b)));
  }

  #notArithmetic(expr: Expr, op: string, symbol: AsmSymbol): undefined {
    if (!symbol.section && !symbol.declared) this.undefinedName(expr, symbol.name);
    else
      this.#problems.error(
        expr,
        'not-a-number',
        `'${op}' takes numbers, but '${symbol.name}' is an address`,
        {
          help: ['an address can have a number added, or another address of its section subtracted'],
        },
      );
    return undefined;
  }
}

function placeSymbol({ section, offset }: Location): AsmSymbol {
  return Object.assign(newSymbol('.L.'), { section, value: offset, defined: { start: 0, end: 0 } });
}
