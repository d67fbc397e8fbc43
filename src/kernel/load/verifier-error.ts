import type { LinkedProgram } from '../../object/spec.ts';
import { errnoName } from '../../syscall/errno.ts';
import { TsbpfError } from '../../util/errors.ts';

/** The lines of a verifier log that say what was wrong. */
export interface LogExcerpt {
  /** The failing instruction as the log prints it, without register states, where it shows one. */
  readonly insn: string | undefined;
  /** The slot that stands before it. */
  readonly slot: number | undefined;
  /** The source line above it, where the program has line info. */
  readonly source: string | undefined;
  /** What the verifier says about it. */
  readonly messages: readonly string[];
}

const INSN_LINE = /^(\d+): (\([0-9a-f]{2}\) .*)$/;
/** A register state on a line of its own: `3: R0=scalar() R10=fp0`, `from 2 to 5: R0=…`. */
const STATE_LINE = /^(?:\d+: |from \d+ to \d+: )[^(]*R\d+/;
/** Statistics that close every log. */
const TRAILER =
  /^(?:processed \d+ insns|verification time|stack depth|max_states_per_insn|total_states|peak_states|mark_read)/;
/** The end of a log says why; logs of tens of megabytes need not be cut into lines for that. */
const EXCERPT_WINDOW = 64 * 1024;
/** Enough to show every message that is known; more is a dump of something. */
const MAX_MESSAGES = 8;

/** Finds the failing instruction and the messages at the end of a verifier log. */
export function excerptLog(log: string): LogExcerpt {
  const lines = log
    .slice(-EXCERPT_WINDOW)
    .split('\n')
    .filter((line) => line.trim() !== '' && !TRAILER.test(line));
  const at = lines.findLastIndex((line) => INSN_LINE.test(line));
  const match = lines[at]?.match(INSN_LINE);
  const after = lines.slice(at + 1).filter((line) => !STATE_LINE.test(line) && !line.startsWith('; '));
  const source = lines.slice(0, Math.max(at, 0)).findLast((line) => line.startsWith('; '));
  return {
    insn: match?.[2]?.replace(/\s*;.*$/, ''),
    slot: match ? Number(match[1]) : undefined,
    source: source?.slice(2).trim(),
    messages: after.slice(-MAX_MESSAGES).map((line) => line.trim()),
  };
}

/**
 * The verifier rejected a program. The message quotes the failing instruction and what the verifier
 * said about it; `log` is everything that it wrote.
 */
export class VerifierError extends TsbpfError {
  override readonly name = 'VerifierError';
  /** The program's name. */
  readonly program: string;
  readonly errno: number;
  readonly errnoName: string;
  /** The whole log, as text. */
  readonly log: string;
  /** True where the log was longer than what is kept, and its beginning is missing. */
  readonly truncated: boolean;
  readonly excerpt: LogExcerpt;

  /** @param reason what is known of it beyond the log, in place of the verifier's own last words */
  constructor(program: string, errno: number, log: string, truncated: boolean, reason?: string) {
    const excerpt = excerptLog(log);
    super('VERIFIER_REJECTED', describe(program, errno, excerpt, reason));
    this.program = program;
    this.errno = errno;
    this.errnoName = errnoName(errno);
    this.log = log;
    this.truncated = truncated;
    this.excerpt = excerpt;
  }

  override toJSON(): Record<string, unknown> {
    const { program, errno, errnoName: errnoText, log, truncated, excerpt } = this;
    return { ...super.toJSON(), program, errno, errnoName: errnoText, excerpt, log, truncated };
  }
}

/**
 * A refusal of an instruction that was made unusable, said in the words of what is missing: the
 * verifier knows only that it calls `unknown#195896080`.
 */
export function explainPoison(error: unknown, { poisoned }: LinkedProgram): unknown {
  if (!(error instanceof VerifierError) || poisoned.length === 0) return error;
  const { slot, messages } = error.excerpt;
  const names = (helper: number): boolean => messages.some((message) => message.includes(`#${helper}`));
  const reached = poisoned.find((insn) => insn.slot === slot && names(insn.helper));
  if (!reached) return error;
  return new VerifierError(error.program, error.errno, error.log, error.truncated, reached.reason);
}

function describe(program: string, errno: number, excerpt: LogExcerpt, reason: string | undefined): string {
  const verdict = reason ?? excerpt.messages.at(-1) ?? 'no reason given';
  const lines = [`the verifier rejected program '${program}': ${verdict} (${errnoName(errno)})`];
  if (excerpt.source !== undefined) lines.push(`  source: ${excerpt.source}`);
  if (excerpt.insn !== undefined) lines.push(`  at slot ${excerpt.slot}: ${excerpt.insn}`);
  for (const message of excerpt.messages.slice(0, -1)) lines.push(`  ${message}`);
  return lines.join('\n');
}
