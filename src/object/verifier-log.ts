import { readReport, type VerifierFailure } from './verifier-report.ts';

// What the kernel's verifier writes (Linux, `kernel/bpf/verifier.c` and `kernel/bpf/log.c`), read for people:
//
//   ; return *(char *)data; @ prog.c:14              the source, where the program has line info
//   3: (71) r0 = *(u8 *)(r2 +0)   ; R0=scalar()      an instruction, and the registers that it changed
//   from 1 to 3: R1=ctx() R10=fp0                    all registers, where another way is taken up
//   invalid access to packet, off=0 size=1           why it is refused
//   processed 3 insns (limit 1000000) …              statistics

/** Where an instruction comes from. */
export interface LogPlace {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** The lines of a verifier log that say what was wrong. */
export interface LogExcerpt {
  /** The failing instruction as the log prints it, without register states, where it shows one. */
  readonly insn: string | undefined;
  /** The slot that stands before it. */
  readonly slot: number | undefined;
  /** The source line above it, where the program has line info. */
  readonly source: string | undefined;
  /** Of the source line: Linux 6.9 and later print it, and line tables of the object tell it. */
  readonly place: LogPlace | undefined;
  /** What was known of registers and stack slots before it, as far as the log tells: `R2` is `pkt(r=0)`, `fp-8` is `mmmmmmmm`. */
  readonly states: ReadonlyMap<string, string>;
  /** What the verifier says about it. */
  readonly messages: readonly string[];
  /** Blocks of the format that was announced for later kernels; empty for today's. */
  readonly failures: readonly VerifierFailure[];
}

/** The statistics at the end of a log. */
export interface LogStats {
  /** Instructions that were walked, and the most that may be. */
  readonly processed: number;
  readonly limit: number | undefined;
  readonly maxStatesPerInsn: number | undefined;
  readonly totalStates: number | undefined;
  readonly peakStates: number | undefined;
  /** Log level 4 only. */
  readonly timeUs: number | undefined;
  /** Bytes by function, in the order of their code; log level 4 only. */
  readonly stackDepths: readonly number[];
}

/** `3: (71) r0 = *(u8 *)(r2 +0)` with whatever stands behind it. */
const INSN_LINE = /^(\d+): (\([0-9a-f]{2}\) .*)$/;
/** What may stand behind an instruction: the registers that it changed, or the whole state at the next slot. */
const BEHIND_INSN = /;| \d{1,7}: (?=R\d|frame\d|fp-)/;
/** A whole state on a line of its own: `3: R0=scalar() R10=fp0`, `from 2 to 5: frame1: R0=…`. */
const STATE_LINE =
  /^(?:\d+|from \d+ to \d+(?: \(speculative execution\))?): (?:safe$|(?:frame\d+: ?)?(?:R\d|fp-|$))/;
const WHOLE_STATE = /^from |\bR10=/;
/** Headings of what a call and a return print, each with a state on the next line. */
const FRAME_HEADING = /^(?:caller|callee|returning from callee|to caller at \d+):$/;
/** The frame that is left behind. */
const OTHER_FRAME = /^(?:caller|returning from callee):$/;
const FRAME_STATE = /^\s*(?:frame\d+: ?)?R\d+(?:_\w+)?=/;
/** How levels 2 and 4 speak of what they do, between the lines. */
const CHATTER =
  /^(?:mark_precise: |cur state: |old state: |parent (?:didn't|already) |regs=|func#\d+ @|Live regs before insn|\s*\d+: [.\d]{10,11} |last_idx |propagating |update stack|Func#\d+|Validating |arg#\d+ reg type)/;
/** Statistics that close every log. */
const TRAILER =
  /^(?:processed \d+ insns|verification time|stack depth|max_states_per_insn|total_states|peak_states|mark_read|insns processed)/;
/** Stands where a loader left something out between a log's beginning and its last lines. */
export const LOG_CUT = '[…]';
/** The end of a log says why; logs of tens of megabytes need not be cut into lines for that. */
const EXCERPT_WINDOW = 64 * 1024;
/** Enough to show every message that is known; more is a dump of something. */
const MAX_MESSAGES = 8;

/**
 * Finds the failing instruction, what was known before it, and the messages at the end of a verifier
 * log. Any text is taken: what is not understood stands among the messages. The log's beginning may be
 * missing; states are then those that the rest tells.
 */
export function excerptLog(log: string): LogExcerpt {
  const lines = endOf(log)
    .split('\n')
    // Some messages lack their line break.
    .map((line) => line.replace(/(?<=\S)processed \d{1,9} insns \(limit .*$/, ''))
    .filter((line) => line.trim() !== '' && !TRAILER.test(line));
  const { failures, from: end } = readReport(lines);
  const at = lines.slice(0, end).findLastIndex((line) => INSN_LINE.test(line));
  const match = lines[at]?.match(INSN_LINE) ?? insnOf(failures[0]);
  const quoted = lines.slice(0, Math.max(at, 0)).findLast((line) => line.startsWith('; '));
  const source = quoted?.slice(2).trim() ?? failures[0]?.at.find((line) => !INSN_LINE.test(line));
  return {
    insn: match ? withoutStates(match[2]!) : undefined,
    slot: match ? Number(match[1]) : undefined,
    source,
    place: placeOf(source),
    states: statesBefore(lines, Math.max(at, 0)),
    messages: messagesAfter(lines.slice(at + 1, end)),
    failures,
  };
}

/** The last whole lines of a log, nothing of what stands before a gap. */
function endOf(log: string): string {
  const tail = log.slice(-EXCERPT_WINDOW);
  const gap = tail.lastIndexOf(`${LOG_CUT}\n`);
  if (gap >= 0) return tail.slice(gap + LOG_CUT.length + 1);
  // A line whose beginning is missing tells of another slot: `123: (95) exit` becomes `3: (95) exit`.
  return tail.length < log.length ? tail.slice(tail.indexOf('\n') + 1) : tail;
}

/** Whether a log says nothing but that all went well. */
export function isQuietLog(log: string): boolean {
  return log.split('\n').every((line) => line.trim() === '' || TRAILER.test(line));
}

/** A report may be all that there is. */
function insnOf(failure: VerifierFailure | undefined): RegExpMatchArray | null {
  for (const line of failure?.at ?? []) {
    const match = line.match(INSN_LINE);
    if (match) return match;
  }
  return null;
}

/** An instruction as a log prints it, without the states behind it. */
export function withoutStates(text: string): string {
  const at = text.search(BEHIND_INSN);
  return (at < 0 ? text : text.slice(0, at)).trimEnd();
}

/** The `@ file:line` behind the text of a source line, or in place of it. */
function placeOf(source: string | undefined): LogPlace | undefined {
  const at = source?.lastIndexOf('@ ') ?? -1;
  const colon = source?.lastIndexOf(':') ?? -1;
  if (source === undefined || at < 0 || colon < at) return undefined;
  const [file, line] = [source.slice(at + 2, colon), source.slice(colon + 1)];
  return file !== '' && /^\d{1,7}$/.test(line) ? { file, line: Number(line) } : undefined;
}

function messagesAfter(lines: readonly string[]): string[] {
  const messages = lines.filter((line, index) => {
    if (STATE_LINE.test(line) || line.startsWith('; ') || CHATTER.test(line)) return false;
    const heading = index > 0 && FRAME_HEADING.test(lines[index - 1]!);
    return !(FRAME_HEADING.test(line) || (heading && FRAME_STATE.test(line)));
  });
  return messages.slice(-MAX_MESSAGES).map((line) => line.trim());
}

/** A call of a helper or kfunc; one of a function of the program has a state of its own. */
const HELPER_CALL = /^\d+: \(85\) call (?!pc)/;
const CALLER_SAVED = ['R0', 'R1', 'R2', 'R3', 'R4', 'R5'];

/** Registers and stack slots as they were before line `at`. */
function statesBefore(lines: readonly string[], at: number): Map<string, string> {
  let states = new Map<string, string>();
  for (let index = 0; index < at; index++) {
    const line = lines[index]!;
    if (INSN_LINE.test(line)) {
      if (HELPER_CALL.test(line)) for (const name of CALLER_SAVED) states.delete(name);
      const behind = line.search(BEHIND_INSN);
      if (behind < 0) continue;
      for (const [name, state] of readStates(line.slice(behind))) states.set(name, state);
    } else if (STATE_LINE.test(line)) {
      if (line.endsWith(': safe')) continue;
      // R10 is in every whole state; others tell what an instruction changed, where something came in between.
      if (WHOLE_STATE.test(line)) states = new Map();
      for (const [name, state] of readStates(line)) states.set(name, state);
    } else if (index > 0 && FRAME_HEADING.test(lines[index - 1]!) && !OTHER_FRAME.test(lines[index - 1]!)) {
      if (FRAME_STATE.test(line)) states = new Map(readStates(line));
    }
  }
  return states;
}

/** `R2_w=`, `R10=`, `fp-8=`: where a state begins. Letters behind the `_` say how it was used. */
const STATE = /(?:^|\s)(R\d{1,2}|fp-\d{1,3})(?:_[a-zA-Z]{1,4})?=/g;

/** `R1=ctx() R2=pkt(id=1, r=0)` cut into names and states. */
function* readStates(text: string): Generator<[string, string]> {
  const starts = [...text.matchAll(STATE)];
  for (const [index, start] of starts.entries()) {
    const end = starts[index + 1]?.index ?? text.length;
    const state = text.slice(start.index + start[0].length, end);
    // References and callbacks that are held stand behind the last one.
    yield [start[1]!, state.replace(/ (?:refs=|cb|async_cb).*$/, '').trim()];
  }
}

/** The statistics of a log; undefined where it has none. */
export function logStats(log: string): LogStats | undefined {
  const tail = log.slice(-EXCERPT_WINDOW);
  const at = tail.lastIndexOf('processed ');
  const processed = /^processed (\d+) insns/.exec(tail.slice(at))?.[1];
  if (at < 0 || processed === undefined) return undefined;
  const line = tail.slice(at).split('\n', 1)[0]!;
  const number = (pattern: RegExp, text = line): number | undefined => {
    const found = pattern.exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const depths = /^stack depth ([\d+]+)$/m.exec(tail)?.[1];
  return {
    processed: Number(processed),
    limit: number(/\(limit (\d+)\)/),
    maxStatesPerInsn: number(/max_states_per_insn (\d+)/),
    totalStates: number(/total_states (\d+)/),
    peakStates: number(/peak_states (\d+)/),
    timeUs: number(/^verification time (\d+) usec$/m, tail),
    stackDepths: depths?.split('+').filter(Boolean).map(Number) ?? [],
  };
}
