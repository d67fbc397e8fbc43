import type { LineTable, LinkedProgram } from '../../object/spec.ts';
import { hintOf } from '../../object/verifier-hints.ts';
import { excerptLog, type LogExcerpt } from '../../object/verifier-log.ts';
import { errnoName } from '../../syscall/errno.ts';
import { TsbpfError } from '../../util/errors.ts';
import { WHOLE_SIZE } from './load-log.ts';

export {
  excerptLog,
  type LogExcerpt,
  type LogPlace,
  type LogStats,
  logStats,
} from '../../object/verifier-log.ts';
export type { VerifierFailure } from '../../object/verifier-report.ts';

/** What is known of a refused program besides its log. */
export interface VerifierContext {
  readonly progType?: number | undefined;
  /** What is wrong in better words than the verifier's last ones. */
  readonly reason?: string | undefined;
  /** Names source lines where the log does not. */
  readonly lines?: LineTable | undefined;
  /** Bytes of the whole log, where the kernel told. */
  readonly logSize?: number | undefined;
}

/**
 * The verifier rejected a program. The message quotes the failing instruction with its source line,
 * what was known of its registers, and what the verifier said about it; `hint` says what mends the
 * common kinds; `log` is what it wrote, or the end of that.
 */
export class VerifierError extends TsbpfError {
  override readonly name = 'VerifierError';
  /** The program's name. */
  readonly program: string;
  readonly errno: number;
  readonly errnoName: string;
  /** The log as text: its last MiB, or all of it where that is shorter or was asked for (`verifierLog`). */
  readonly log: string;
  /** True where the log was longer than what is kept: its beginning is missing, before Linux 6.4 its middle. */
  readonly truncated: boolean;
  /** Bytes of the whole log; 0 where the kernel did not tell (before Linux 6.4). */
  readonly logSize: number;
  readonly excerpt: LogExcerpt;
  readonly progType: number | undefined;

  constructor(
    program: string,
    errno: number,
    log: string,
    truncated: boolean,
    context: VerifierContext = {},
  ) {
    const excerpt = withSource(excerptLog(log), context.lines);
    const { progType, reason, logSize = 0 } = context;
    // Words of ours say already what is missing.
    const hint = reason === undefined ? hintOf({ progType, excerpt }) : undefined;
    const cut = truncated ? `\n  ${cutText(log.length, logSize)}` : '';
    super('VERIFIER_REJECTED', describe(program, errno, excerpt, reason) + cut, { hint });
    this.program = program;
    this.errno = errno;
    this.errnoName = errnoName(errno);
    this.log = log;
    this.truncated = truncated;
    this.logSize = logSize;
    this.excerpt = excerpt;
    this.progType = progType;
  }

  override toJSON(): Record<string, unknown> {
    const { program, errno, errnoName: errnoText, log, truncated, logSize, excerpt } = this;
    const plain = { ...excerpt, states: Object.fromEntries(excerpt.states) };
    return {
      ...super.toJSON(),
      program,
      errno,
      errnoName: errnoText,
      excerpt: plain,
      log,
      truncated,
      logSize,
    };
  }
}

/**
 * A refusal with what its object knows: source lines where the log has none, and where an instruction
 * was made unusable, what is missing; the verifier knows only that it calls `unknown#195896080`.
 */
export function explainRejection(error: unknown, { poisoned, lines }: LinkedProgram): unknown {
  if (!(error instanceof VerifierError)) return error;
  const { slot, messages, place } = error.excerpt;
  const names = (helper: number): boolean => messages.some((message) => message.includes(`#${helper}`));
  const reached = poisoned.find((insn) => insn.slot === slot && names(insn.helper));
  const wantsPlace = place === undefined && slot !== undefined && lines.length > 0;
  if (!reached && !wantsPlace) return error;
  const { program, errno, log, truncated, logSize, progType } = error;
  const reason = reached?.reason;
  return new VerifierError(program, errno, log, truncated, { progType, reason, lines, logSize });
}

/** Logs before Linux 6.9 have the text of a source line alone, and those of programs without BTF nothing. */
function withSource(excerpt: LogExcerpt, lines: LineTable | undefined): LogExcerpt {
  const { slot, place } = excerpt;
  if (!lines || place || slot === undefined) return excerpt;
  const found = lines.findLast((line) => line.slot <= slot);
  if (!found) return excerpt;
  const { file, line, text } = found;
  const source = `${excerpt.source ?? text.trim()} @ ${file}:${line}`.trimStart();
  return { ...excerpt, source, place: { file, line } };
}

/** Bounds of a scalar take some hundred letters; a line of them is enough. */
const MAX_STATE_LENGTH = 300;

/** What is known of the registers that the instruction reads or the messages name: `R2=pkt(r=0)`. */
function stateText({ insn, states, messages }: LogExcerpt): string {
  const read = insn?.replace(/^\([0-9a-f]{2}\) (?:[rw]\d+ = )?/, '') ?? '';
  const named = [...`${read} ${messages.join(' ')}`.matchAll(/\b[Rrw](\d{1,2})\b/g)].map(([, n]) =>
    Number(n),
  );
  const args = messages
    .flatMap((message) => /\barg#?(\d)\b/.exec(message)?.[1] ?? [])
    .map((n) => Number(n) + 1);
  return [...new Set([...named, ...args])]
    .sort((a, b) => a - b)
    .flatMap((number) => {
      const state = number === 10 ? undefined : states.get(`R${number}`);
      return state === undefined ? [] : [`R${number}=${state.slice(0, MAX_STATE_LENGTH)}`];
    })
    .join(' ');
}

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** What is missing of a log, and how to get it. */
function cutText(kept: number, logSize: number): string {
  const what = logSize > 0 ? `its last ${mib(kept)} of ${mib(logSize)}` : 'its beginning and its last lines';
  const how =
    kept < WHOLE_SIZE / 2
      ? `verifierLog: 'whole' keeps up to ${mib(WHOLE_SIZE)} (tsbpf load --log FILE)`
      : 'more is not kept';
  return `the log is cut: ${what} are here; ${how}`;
}

function describe(program: string, errno: number, excerpt: LogExcerpt, reason: string | undefined): string {
  const [failure] = excerpt.failures;
  const announced = failure && [failure.title, failure.reason.join(' ')].filter(Boolean).join(': ');
  const verdict = reason ?? (announced || excerpt.messages.at(-1)) ?? 'no reason given';
  const lines = [`the verifier rejected program '${program}': ${verdict} (${errnoName(errno)})`];
  if (excerpt.source !== undefined) lines.push(`  source: ${excerpt.source}`);
  if (excerpt.insn !== undefined) lines.push(`  at slot ${excerpt.slot}: ${excerpt.insn}`);
  const state = stateText(excerpt);
  if (state !== '') lines.push(`  state: ${state}`);
  if (failure?.at.length && excerpt.insn === undefined) lines.push(`  at: ${failure.at.join(' ')}`);
  for (const step of failure?.causalPath ?? []) lines.push(`  path: ${step}`);
  for (const message of announced ? excerpt.messages : excerpt.messages.slice(0, -1))
    lines.push(`  ${message}`);
  return lines.join('\n');
}
