import { readFileSync } from 'node:fs';
import {
  FEATURE_KINDS,
  type FeatureAnswer,
  type FeatureKind,
  featureNames,
  KernelFeatures,
  kernelFeatures,
} from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { ExitCode } from '../exit.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { formatTable } from '../table.ts';

export interface FeaturesOptions extends CommonOptions {
  /** What `--json` printed on another machine. */
  readonly from?: string;
}

/** Kinds that are long, and printed only where they are asked for. */
const LONG: readonly FeatureKind[] = ['helper', 'kfunc'];

/** `tsbpf features [WORD…]`: a kind, a kind and the beginning of a name, or one name. */
export async function features(words: readonly string[], options: FeaturesOptions): Promise<ExitCode> {
  const wanted = words.length > 0 ? words : FEATURE_KINDS.filter((kind) => !LONG.includes(kind));
  const names = [...new Set(wanted.flatMap(namesFor))];
  const ask = options.from === undefined ? askKernel() : askFile(options.from);
  const answers = new Map(names.map((name) => [name, ask(name)]));
  if (options.json) printJson({ features: nest(answers) });
  else printAnswers(answers);
  return words.length > 0 && words.every((word) => answers.has(word))
    ? verdict([...answers.values()])
    : ExitCode.ok;
}

/** What was asked for by its whole name is answered by the exit code too. */
function verdict(answers: readonly FeatureAnswer[]): ExitCode {
  if (answers.some(({ state }) => state === 'no')) return ExitCode.rejected;
  return answers.some(({ state }) => state === 'unknown') ? ExitCode.unsupported : ExitCode.ok;
}

function namesFor(word: string): string[] {
  const [kind = '', ...rest] = word.split('/');
  if (!(FEATURE_KINDS as readonly string[]).includes(kind)) {
    throw new TsbpfError('FEATURE_UNKNOWN', `'${kind}' is no kind of feature`, {
      hint: didYouMean(kind, FEATURE_KINDS)[0] ?? `there are: ${FEATURE_KINDS.join(', ')}`,
    });
  }
  const known = featureNames(kind as FeatureKind);
  const name = rest.join('/');
  if (name === '') return known.map((each) => `${kind}/${each}`);
  const below = known.filter((each) => each.startsWith(`${name}/`));
  return below.length > 0 ? below.map((each) => `${kind}/${each}`) : [word];
}

type Ask = (name: string) => FeatureAnswer;

function askKernel(): Ask {
  const known = kernelFeatures();
  return (name) => known.ask(name);
}

function parseAnswers(file: string): { features?: Record<string, Record<string, FeatureAnswer>> } {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) ?? {}) as ReturnType<typeof parseAnswers>;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new TsbpfError('FEATURES_FILE', `${file} is not what 'tsbpf features --json' prints`, {
      hint: cause.message,
      cause,
    });
  }
}

function askFile(file: string): Ask {
  const text = parseAnswers(file);
  const answers: Record<string, FeatureAnswer> = {};
  for (const [kind, named] of Object.entries(text.features ?? {})) {
    for (const [name, answer] of Object.entries(named)) answers[`${kind}/${name}`] = answer;
  }
  const given = new KernelFeatures({}, { answers });
  return (name) => (name in answers ? given.ask(name) : { state: 'unknown', why: `it is not in ${file}` });
}

function nest(answers: ReadonlyMap<string, FeatureAnswer>): Record<string, Record<string, FeatureAnswer>> {
  const out: Record<string, Record<string, FeatureAnswer>> = {};
  for (const [name, answer] of answers) {
    const [kind = '', ...rest] = name.split('/');
    out[kind] ??= {};
    out[kind][rest.join('/')] = answer;
  }
  return out;
}

const WORDS = { yes: 'yes', no: 'no', unknown: 'not told' } as const;

function printAnswers(answers: ReadonlyMap<string, FeatureAnswer>): void {
  const tables = Object.entries(nest(answers)).map(([kind, named]) => {
    const rows = Object.entries(named).map(([name, { state, why }]) => [
      name,
      WORDS[state],
      // An option's value, and what stood in the way; that something is there needs no reason.
      state === 'yes' && kind !== 'option' ? '' : why,
    ]);
    return formatTable([kind, '', ''], rows, '');
  });
  print(tables.join('\n\n'));
}
