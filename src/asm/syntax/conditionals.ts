import type { Expr, Range } from './ast.ts';
import { type Comparison, type Condition, takeCondition } from './condition.ts';
import type { Problems } from './problems.ts';
import { commentStart } from './raw-directives.ts';
import type { Scanner } from './scanner.ts';

/** Who knows the values of names. */
interface Values {
  number(expr: Expr, what: string): bigint | undefined;
  isDefined(name: string): boolean;
}

/** An `.if` whose `.endif` has yet to come. */
interface Open {
  readonly name: string;
  readonly range: Range;
  /** Whether the lines around it count. */
  readonly outer: boolean;
  /** Whether its present branch counts. */
  active: boolean;
  /** Whether some branch counted: no later one does. */
  taken: boolean;
  hasElse: boolean;
}

const COMPARE: Readonly<Record<Comparison, (a: bigint, b: bigint) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** `.if`, `.ifdef`, `.ifndef`, `.ifc`, `.ifnc`, `.elseif`, `.else`, `.endif`: which lines count. */
export class Conditionals {
  readonly #problems: Problems;
  readonly #values: Values;
  readonly #open: Open[] = [];

  constructor(problems: Problems, values: Values) {
    this.#problems = problems;
    this.#values = values;
  }

  get active(): boolean {
    return this.#open.at(-1)?.active ?? true;
  }

  get depth(): number {
    return this.#open.length;
  }

  /** Reports what a text leaves open where it ends. */
  closeTo(depth: number): void {
    while (this.#open.length > depth) {
      const { name, range } = this.#open.pop()!;
      this.#problems.error(range, 'unclosed-block', `'${name}' has no '.endif'`);
    }
  }

  /** Follows a line; false where it is none of these. The scanner stands behind the name. */
  directive(name: string, range: Range, scanner: Scanner): boolean {
    switch (name) {
      case '.if':
        this.#begin(name, range, () => this.#condition(range, scanner));
        return true;
      case '.ifdef':
      case '.ifndef':
        this.#begin(name, range, () => this.#isDefined(range, scanner) === (name === '.ifdef'));
        return true;
      case '.ifc':
      case '.ifnc':
        this.#begin(name, range, () => this.#isSame(range, scanner) === (name === '.ifc'));
        return true;
      case '.elseif':
      case '.elif':
        this.#next(name, range, () => this.#condition(range, scanner));
        return true;
      case '.else':
        this.#next(name, range, () => true);
        return true;
      case '.endif':
        if (this.#open.pop() === undefined) this.#stray(name, range);
        return true;
      default:
        return false;
    }
  }

  /** Of a condition that cannot be told no branch counts: what stands there is no second problem. */
  #begin(name: string, range: Range, holds: () => boolean | undefined): void {
    const outer = this.active;
    const held = outer && holds();
    this.#open.push({ name, range, outer, active: held === true, taken: held !== false, hasElse: false });
  }

  #next(name: string, range: Range, holds: () => boolean | undefined): void {
    const open = this.#open.at(-1);
    if (!open || open.hasElse) {
      this.#stray(name, range);
      return;
    }
    open.hasElse = name === '.else';
    const held = open.outer && !open.taken && holds();
    open.active = held === true;
    open.taken ||= held !== false;
  }

  #stray(name: string, range: Range): void {
    this.#problems.error(range, 'stray-end', `there is no '.if' that this '${name}' could belong to`);
  }

  #isDefined(range: Range, scanner: Scanner): boolean {
    const name = scanner.text.slice(scanner.at, scanner.wordEnd());
    if (name === '') this.#problems.error(range, 'argument', 'this needs a name');
    return this.#values.isDefined(name);
  }

  /** Two texts, as macros have them: `.ifc \\reg, r1`. */
  #isSame(range: Range, scanner: Scanner): boolean {
    const end = commentStart(scanner.text, scanner.at, scanner.end);
    const [left, right, more] = scanner.text.slice(scanner.at, end).split(',');
    if (right === undefined || more !== undefined)
      this.#problems.error(range, 'argument', 'this needs two texts with a comma between them');
    return left!.trim() === right?.trim();
  }

  #condition(range: Range, scanner: Scanner): boolean | undefined {
    const condition = takeCondition(scanner);
    if (condition && scanner.atEnd) return this.#holds(condition);
    const at = condition ? { start: scanner.place, end: scanner.base + scanner.end } : range;
    this.#problems.error(at, 'syntax', 'this is no condition', {
      help: ["conditions are written as in C: '.if LIMIT > 4 && !DEBUG'"],
    });
    return undefined;
  }

  #holds(condition: Condition): boolean | undefined {
    switch (condition.kind) {
      case 'value': {
        const value = this.#values.number(condition.value, 'a condition');
        return value === undefined ? undefined : value !== 0n;
      }
      case 'compare': {
        const left = this.#values.number(condition.left, 'a condition');
        const right = this.#values.number(condition.right, 'a condition');
        return left === undefined || right === undefined ? undefined : COMPARE[condition.op](left, right);
      }
      case 'not': {
        const operand = this.#holds(condition.operand);
        return operand === undefined ? undefined : !operand;
      }
      case 'and':
      case 'or': {
        const left = this.#holds(condition.left);
        if (left === undefined || left === (condition.kind === 'or')) return left;
        return this.#holds(condition.right);
      }
    }
  }
}
