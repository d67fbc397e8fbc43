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

/** Whether an answer is the wanted one; undefined where there is none. */
function same(answer: boolean | undefined, wanted: boolean): boolean | undefined {
  return answer === undefined ? undefined : answer === wanted;
}

/** The rest of the line. */
function takeText(scanner: Scanner): string {
  const from = scanner.at;
  scanner.at = scanner.end;
  return scanner.text.slice(from, commentStart(scanner.text, from, scanner.end)).trim();
}

/** The directives that choose lines. */
export const CONDITIONALS: ReadonlySet<string> = new Set(
  '.if .ifdef .ifndef .ifc .ifnc .ifb .ifnb .elseif .elif .else .endif'.split(' '),
);

/** `.if`, `.ifdef`, `.ifndef`, `.ifc`, `.ifnc`, `.elseif`, `.else`, `.endif`: which lines count. */
export class Conditionals {
  readonly #problems: Problems;
  readonly #values: Values;
  readonly #open: Open[] = [];
  /** Those of the texts around the present one, which cannot end them. */
  #base = 0;

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

  /** A text begins within another. */
  enter(): void {
    this.#base = this.#open.length;
  }

  /** A text ends: reports what it leaves open. `base` is the depth where the one around it began. */
  leave(base: number): void {
    while (this.#open.length > this.#base) {
      const { name, range } = this.#open.pop()!;
      this.#problems.error(range, 'unclosed-block', `'${name}' has no '.endif'`);
    }
    this.#base = base;
  }

  /** Forgets what is open in the texts that are left. */
  abandon(depth: number, base: number): void {
    this.#open.length = Math.min(this.#open.length, depth);
    this.#base = base;
  }

  /** Follows a line; false where it is none of these. The scanner stands behind the name. */
  directive(name: string, range: Range, scanner: Scanner): boolean {
    switch (name) {
      case '.if':
        this.#begin(name, range, () => this.#condition(range, scanner));
        return true;
      case '.ifdef':
      case '.ifndef':
        this.#begin(name, range, () => same(this.#isDefined(range, scanner), name === '.ifdef'));
        return true;
      case '.ifc':
      case '.ifnc':
        this.#begin(name, range, () => same(this.#isSame(range, scanner), name === '.ifc'));
        return true;
      case '.ifb':
      case '.ifnb':
        this.#begin(name, range, () => (takeText(scanner) === '') === (name === '.ifb'));
        return true;
      case '.elseif':
      case '.elif':
        this.#next(name, range, () => this.#condition(range, scanner));
        return true;
      case '.else':
        this.#next(name, range, () => true);
        this.#end(name, scanner);
        return true;
      case '.endif':
        if (this.#open.length > this.#base) this.#open.pop();
        else this.#stray(name, range);
        this.#end(name, scanner);
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
    const open = this.#open.length > this.#base ? this.#open.at(-1) : undefined;
    if (!open || open.hasElse) {
      this.#stray(name, range, open);
      return;
    }
    open.hasElse = name === '.else';
    const held = open.outer && !open.taken && holds();
    open.active = held === true;
    open.taken ||= held !== false;
  }

  #stray(name: string, range: Range, open?: Open): void {
    this.#problems.error(range, 'stray-end', `there is no '.if' that this '${name}' could belong to`, {
      labels: open ? [this.#problems.label(open.range, "this one has its '.else'")] : [],
    });
  }

  /** Reports what stands behind a directive that takes nothing more. */
  #end(name: string, scanner: Scanner): void {
    if (scanner.atEnd) return;
    const at = { start: scanner.place, end: scanner.base + scanner.end };
    this.#problems.error(at, 'argument', `'${name}' takes nothing more`);
  }

  #isDefined(range: Range, scanner: Scanner): boolean | undefined {
    const name = scanner.text.slice(scanner.at, scanner.wordEnd());
    if (name === '' || /^\d/.test(name)) {
      this.#problems.error(range, 'argument', 'this needs a name');
      return undefined;
    }
    scanner.takeWord(name);
    this.#end(this.#problems.textOf(range), scanner);
    return this.#values.isDefined(name);
  }

  /** Two texts, as macros have them: `.ifc \\reg, r1`. The second goes to the end of the line. */
  #isSame(range: Range, scanner: Scanner): boolean | undefined {
    const text = takeText(scanner);
    const comma = text.indexOf(',');
    if (comma >= 0) return text.slice(0, comma).trim() === text.slice(comma + 1).trim();
    this.#problems.error(range, 'argument', 'this needs two texts with a comma between them');
    return undefined;
  }

  #condition(range: Range, scanner: Scanner): boolean | undefined {
    const start = scanner.place;
    const condition = takeCondition(scanner);
    if (condition && scanner.atEnd) return this.#holds(condition);
    const end = scanner.base + commentStart(scanner.text, scanner.at, scanner.end);
    const at = end > start ? { start: condition ? scanner.place : start, end } : range;
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
