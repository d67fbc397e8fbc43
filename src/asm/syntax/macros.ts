import type { Label } from '../../util/diagnostic.ts';
import type { Range } from './ast.ts';
import { quotedEnd } from './literals.ts';
import { isPlainName } from './plain-expression.ts';
import type { Problems } from './problems.ts';

/** A parameter of a macro: `index`, `index=0`, `index:req`, `rest:vararg`. */
export interface Parameter {
  readonly name: string;
  readonly fallback: string | undefined;
  readonly required: boolean;
  readonly takesRest: boolean;
}

export interface Macro {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Lines between `.macro` and `.endm`. */
  readonly body: string;
  /** Where its name stands; undefined for one of the standard library. */
  readonly defined: Range | undefined;
}

/** What a macro is used with; a range for each argument and one for the whole. */
export interface Arguments extends Range {
  readonly list: readonly (Range & { readonly name: string | undefined; readonly text: string })[];
}

const ParameterText = /^([A-Za-z_]\w*)(?:\s*:\s*(req|vararg))?(?:\s*=\s*(.*))?$/s;

/** Splits at commas outside strings and brackets. */
function splitAtCommas(text: string): { readonly text: string; readonly at: number }[] {
  const parts: { text: string; at: number }[] = [];
  let depth = 0;
  let from = 0;
  const push = (end: number): void => {
    const part = text.slice(from, end);
    const lead = part.length - part.trimStart().length;
    parts.push({ text: part.trim(), at: from + lead });
    from = end + 1;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"' || char === "'") at = Math.max(at, quotedEnd(text, at) - 1);
    else if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char)) depth--;
    else if (char === ',' && depth <= 0) push(at);
  }
  push(text.length);
  return parts.length === 1 && parts[0]!.text === '' ? [] : parts;
}

/** Spaces separate parameters too, as in GNU's assembler; not those around `:` and `=`. */
function withCommas(text: string): string {
  return text.replace(/(?<=[\w"')])[ \t]+(?=[A-Za-z_]\w*[ \t]*(?:$|[\s,:=]))/g, (spaces, at: number) =>
    /[:=,]\s*$/.test(text.slice(0, at)) ? spaces : ','.padEnd(spaces.length),
  );
}

/** The name and parameters of a `.macro` line; `start` is the place of its text. */
export function parseMacroHead(
  text: string,
  start: number,
  problems: Problems,
): (Omit<Macro, 'body'> & { readonly defined: Range }) | undefined {
  const name = /^[A-Za-z_][\w.$]*/.exec(text)?.[0];
  if (name === undefined) {
    problems.error({ start, end: start + text.length }, 'argument', "'.macro' needs a name", {
      help: ["'.macro tail_call map, index=0'"],
    });
    return undefined;
  }
  const defined = { start, end: start + name.length };
  if (!isPlainName(name)) {
    problems.error(
      defined,
      'argument',
      `a macro cannot be called '${name}', which is a word of the language`,
    );
    return undefined;
  }
  const parameters: Parameter[] = [];
  const behind = text.slice(name.length).replace(/^\s*,/, (sign) => ' '.repeat(sign.length));
  for (const { text: part, at } of splitAtCommas(withCommas(behind))) {
    const [, parameter, qualifier, fallback] = ParameterText.exec(part) ?? [];
    const place = start + name.length + at;
    const range = { start: place, end: place + Math.max(1, part.length) };
    if (parameter === undefined)
      problems.error(range, 'argument', `'${part}' is no parameter of a macro`, {
        help: ["parameters are 'name', 'name=default', 'name:req' or, as the last, 'name:vararg'"],
      });
    else if (parameters.at(-1)?.takesRest)
      problems.error(
        range,
        'argument',
        `behind '${parameters.at(-1)!.name}', which takes all the rest, no parameter gets anything`,
      );
    else if (parameters.some((known) => known.name === parameter))
      problems.error(range, 'defined-twice', `the macro '${name}' has two parameters '${parameter}'`);
    else
      parameters.push({
        name: parameter,
        fallback: fallback?.trim(),
        required: qualifier === 'req',
        takesRest: qualifier === 'vararg',
      });
  }
  return { name, parameters, defined };
}

/** The arguments of a macro's use, up to where the statement ends. */
export function parseArguments(text: string, start: number): Arguments {
  const code = text.trimEnd();
  const list = splitAtCommas(code).map(({ text: part, at }) => {
    const named = /^([A-Za-z_]\w*)\s*=(?!=)\s*/.exec(part);
    const range = { start: start + at, end: start + at + Math.max(1, part.length) };
    return { name: named?.[1], text: part, ...range };
  });
  return { list, start, end: start + code.length };
}

/** What each parameter stands for in one use of a macro; undefined after a problem. */
function bindArguments(macro: Macro, args: Arguments, problems: Problems): Map<string, string> | undefined {
  const { parameters, name } = macro;
  const bound = new Map<string, string>();
  let next = 0;
  for (const arg of args.list) {
    const named = arg.name !== undefined && parameters.find((one) => one.name === arg.name);
    if (named) {
      bound.set(named.name, arg.text.replace(/^\w+\s*=\s*/, ''));
      continue;
    }
    const parameter = parameters[next];
    if (!parameter) {
      problems.error(arg, 'operand-count', `the macro '${name}' takes ${countOf(parameters.length)}`, {
        labels: definitionOf(macro, problems),
      });
      return undefined;
    }
    const before = parameter.takesRest ? bound.get(parameter.name) : undefined;
    bound.set(parameter.name, before === undefined ? arg.text : `${before}, ${arg.text}`);
    if (!parameter.takesRest) next++;
  }
  for (const { name: parameter, fallback, required } of parameters) {
    if (bound.get(parameter)) continue;
    if (fallback === undefined && required) {
      problems.error(args, 'operand-count', `the macro '${name}' needs its parameter '${parameter}'`, {
        labels: definitionOf(macro, problems),
        help: [`'${[name, parameters.map((one) => one.name).join(', ')].join(' ')}'`],
      });
      return undefined;
    }
    bound.set(parameter, fallback ?? '');
  }
  return bound;
}

function definitionOf({ defined }: Macro, problems: Problems): Label[] {
  return defined ? [problems.label(defined, 'defined here')] : [];
}

function countOf(count: number): string {
  if (count === 0) return 'no arguments';
  return count === 1 ? 'one argument' : `${count} arguments`;
}

/**
 * The lines that a use of a macro stands for. `\name` is the parameter, `\@` a number of this use
 * alone (for labels), `\()` nothing (where a name would go on).
 */
export function expandMacro(
  macro: Macro,
  args: Arguments,
  use: number,
  problems: Problems,
): string | undefined {
  const bound = bindArguments(macro, args, problems);
  if (!bound) return undefined;
  return macro.body.replace(/\\(?:\(\)|@|([A-Za-z_]\w*))/g, (whole, name?: string) => {
    if (whole === '\\()') return '';
    if (whole === '\\@') return String(use);
    return bound.get(name!) ?? whole;
  });
}
