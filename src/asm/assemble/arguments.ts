import type { Argument, Expr } from '../syntax/ast.ts';
import { type Assembler, type DirectiveStatement, describe } from './assembler.ts';

/**
 * Reads the arguments of one directive line from left to right. Each method reports what is wrong
 * and answers undefined.
 */
export class Arguments {
  readonly line: DirectiveStatement;
  readonly #assembler: Assembler;
  #next = 0;

  constructor(assembler: Assembler, line: DirectiveStatement) {
    this.#assembler = assembler;
    this.line = line;
  }

  get count(): number {
    return this.line.args.length;
  }

  get more(): boolean {
    return this.#next < this.line.args.length;
  }

  error(range: { start: number; end: number }, message: string, help: readonly string[] = []): undefined {
    this.#assembler.problems.error(range, 'argument', message, { help });
    return undefined;
  }

  #take(wanted: string): Argument | undefined {
    const arg = this.line.args[this.#next++];
    if (arg) return arg;
    return this.error({ start: this.line.end, end: this.line.end }, `'${this.line.name}' needs ${wanted}`);
  }

  peek(): Argument | undefined {
    return this.line.args[this.#next];
  }

  skip(): void {
    this.#next++;
  }

  /** A symbol's name; `wanted` names it in a message: `a name`, `the name of a map`. */
  name(wanted: string): { readonly name: string; readonly start: number; readonly end: number } | undefined {
    const arg = this.#take(wanted);
    if (!arg) return undefined;
    if (arg.kind === 'expr' && arg.value.kind === 'name') return arg.value;
    return this.error(arg, `expected ${wanted}, found ${describe(arg)}`);
  }

  string(
    wanted: string,
  ): { readonly bytes: Uint8Array; readonly start: number; readonly end: number } | undefined {
    const arg = this.#take(wanted);
    if (!arg || arg.kind === 'string') return arg;
    return this.error(arg, `expected ${wanted} in double quotes, found ${describe(arg)}`);
  }

  /** Quoted or bare: `"xdp/icmp"`, `.text`, `xdp/icmp`. */
  text(wanted: string): { readonly text: string; readonly start: number; readonly end: number } | undefined {
    const arg = this.#take(wanted);
    if (!arg) return undefined;
    const { start, end } = arg;
    if (arg.kind === 'string' && arg.bytes.includes(0))
      return this.error(arg, `${wanted.replace(/ such as.*/s, '')} cannot have a NUL in its name`);
    if (arg.kind === 'string') return { text: new TextDecoder().decode(arg.bytes), start, end };
    if (arg.kind === 'expr') return { text: this.#assembler.problems.textOf(arg), start, end };
    return this.error(arg, `expected ${wanted}, found ${describe(arg)}`);
  }

  expr(wanted: string): Expr | undefined {
    const arg = this.#take(wanted);
    if (!arg) return undefined;
    if (arg.kind === 'expr') return arg.value;
    return this.error(arg, `expected ${wanted}, found ${describe(arg)}`);
  }

  /** A number that is known here and now, within bounds. */
  number(wanted: string, min: number, max: number): number | undefined {
    const expr = this.expr(wanted);
    return expr && this.valueOf(expr, wanted, min, max);
  }

  valueOf(expr: Expr, wanted: string, min: number, max: number): number | undefined {
    const value = this.#assembler.evaluator.number(expr, this.#assembler.here, wanted);
    if (value === undefined) return undefined;
    if (value >= BigInt(min) && value <= BigInt(max)) return Number(value);
    return this.error(expr, `${wanted} is ${value}, but must be from ${min} to ${max}`);
  }

  /** Reports what is left over. */
  end(): boolean {
    const extra = this.line.args[this.#next];
    if (!extra) return true;
    this.error(extra, `'${this.line.name}' takes no more than ${plural(this.#next, 'argument')}`);
    return false;
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
