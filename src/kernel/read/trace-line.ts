/** One line of `trace_pipe`. */
export interface TraceRecord {
  /** The thread's name, `<...>` where the kernel has forgotten it. */
  readonly task: string;
  readonly pid: number;
  readonly cpu: number;
  /** As the kernel prints them: interrupts off, rescheduling needed, in an interrupt, preemption depth. */
  readonly flags: string;
  /** Seconds, of the clock that tracing uses: since boot, unless it was changed. */
  readonly timestamp: number;
  /** What wrote it: `bpf_trace_printk`. */
  readonly event: string;
  readonly text: string;
}

/** What a line of `trace_pipe` says. */
export type TraceLine =
  | { readonly kind: 'record'; readonly record: TraceRecord }
  /** Events that found no room. */
  | { readonly kind: 'lost'; readonly cpu: number; readonly count: number }
  /** Goes on with the text of the record before. */
  | { readonly kind: 'text'; readonly text: string };

//            bash-1234    [001] d..31   361.123456: bpf_trace_printk: hello
// With the option record-tgid there is `(  1234)` behind the pid. Names of threads may have spaces.
const RECORD =
  /^\s*(?<task>.+)-(?<pid>\d+)\s+(?:\([\s\d-]+\)\s+)?\[(?<cpu>\d+)\]\s+(?:(?<flags>\S+)\s+)?(?<time>\d+\.\d+): (?<event>[^:\s]+): ?(?<text>.*)$/;
const LOST = /^CPU:(?<cpu>\d+) \[LOST (?<count>\d+) EVENTS\]/;

/** Longer ones are text: the expression must not search a megabyte for its parts. */
const MAX_HEAD = 256;

export function parseTraceLine(line: string): TraceLine {
  const lost = line.match(LOST)?.groups;
  if (lost) return { kind: 'lost', cpu: Number(lost.cpu), count: Number(lost.count) };
  const found = line.slice(0, MAX_HEAD).match(RECORD)?.groups;
  if (!found) return { kind: 'text', text: line };
  const { task = '', pid, cpu, flags = '', time, event = '', text = '' } = found;
  return {
    kind: 'record',
    record: {
      task,
      pid: Number(pid),
      cpu: Number(cpu),
      flags,
      timestamp: Number(time),
      event,
      text: text + line.slice(MAX_HEAD),
    },
  };
}

/** Puts lines together that come in pieces, and records whose text has several lines. */
export class TraceParser {
  #rest = '';
  lost = 0;

  /**
   * The records in what was read. The kernel hands out whole entries, so the last one is complete
   * when the text ends with a line's end.
   */
  push(chunk: string): TraceRecord[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    const out: TraceRecord[] = [];
    for (const line of lines) {
      const parsed = parseTraceLine(line);
      if (parsed.kind === 'record') out.push(parsed.record);
      else if (parsed.kind === 'lost') this.lost += parsed.count;
      else if (parsed.text !== '') append(out, parsed.text);
    }
    return out;
  }
}

function append(records: TraceRecord[], text: string): void {
  const before = records.pop();
  if (before) records.push({ ...before, text: `${before.text}\n${text}` });
}
