import { readdirSync, readFileSync } from 'node:fs';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { tryLinkCreate } from '../../syscall/bpf-link.ts';
import { Errno } from '../../syscall/errno.ts';
import { Fd } from '../../syscall/fd.ts';
import {
  type ExplainPerf,
  HardwareEvent,
  type PerfEventParams,
  PerfType,
  perfEnable,
  perfError,
  SoftwareEvent,
  tryPerfEventOpen,
  tryPerfSetBpf,
} from '../../syscall/perf-attach.ts';
import type { Capability } from '../../syscall/privileges.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Program } from '../load/program.ts';
import { tracepointId } from '../tracefs.ts';
import { requireType } from './attach-type.ts';
import { type Attached, attachContext, keepAlive, LinkGroup, ownLink } from './link.ts';

export interface PerfAttachOptions {
  /** What bpf_get_attach_cookie() answers (Linux 5.15). */
  readonly cookie?: bigint;
  /**
   * `link`: a BPF link (Linux 5.15), which can be pinned and listed; `ioctl`: the event itself holds
   * the program, as before. Left out, a link, and the other where the kernel has none.
   */
  readonly via?: 'link' | 'ioctl';
}

/** A program on a perf event of an old kernel: the event is what holds it. */
class PerfAttachment implements Attached {
  readonly target: string;
  readonly fd: Fd;
  readonly #keep: Program | undefined;

  constructor(fd: Fd, target: string, keep: Program | undefined) {
    this.fd = fd;
    this.target = target;
    this.#keep = keep;
  }

  detach(): boolean {
    if (this.fd.closed) return false;
    this.close();
    return true;
  }

  close(): void {
    this.fd.close();
    this.#keep?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens an event and puts a program on it. */
export function attachToEvent(
  program: Program,
  params: PerfEventParams,
  target: string,
  options: PerfAttachOptions,
  words: { readonly explain?: ExplainPerf; readonly needs?: readonly Capability[] } = {},
): Attached {
  const doing = `attach program '${program.name}' to ${target}`;
  const opened = tryPerfEventOpen(params);
  if (opened < 0) throw perfError('perf_event_open', -opened, doing, words.explain, words.needs);
  const event = new Fd(opened, `the event of '${program.name}' at ${target}`);
  try {
    const { cookie, via } = options;
    const link = via === 'ioctl' ? -Errno.EINVAL : linkToEvent(program, event, cookie);
    // A kernel without these links says EINVAL; a cookie cannot do without one.
    const old = via !== 'link' && cookie === undefined && link === -Errno.EINVAL;
    if (link < 0 && !old)
      throw bpfError('LINK_CREATE', -link, doing, attachContext(program, AttachType.PERF_EVENT));
    if (old) {
      const result = tryPerfSetBpf(event, program.fd.number);
      if (result < 0) throw perfError('ioctl', -result, doing, explainSetBpf);
      perfEnable(event);
      return new PerfAttachment(event, target, keepAlive(program));
    }
    const owned = ownLink(link, program, target);
    try {
      perfEnable(event);
    } catch (error) {
      owned.close();
      throw error;
    }
    // The link holds the event; this descriptor would only be one more.
    event.close();
    return owned;
  } catch (error) {
    event.close();
    throw error;
  }
}

function linkToEvent(program: Program, event: Fd, cookie: bigint | undefined): number {
  return tryLinkCreate({
    progFd: program.fd.number,
    target: event.number,
    attachType: AttachType.PERF_EVENT,
    arm: { kind: 'perf-event', ...(cookie !== undefined && { cookie }) },
  });
}

const explainSetBpf: ExplainPerf = (errno) =>
  errno === Errno.EEXIST
    ? { explanation: 'the event has a program already' }
    : errno === Errno.EINVAL
      ? { explanation: 'programs of this type do not go to this kind of event' }
      : undefined;

/** An event of every process is of one CPU; for tracepoints and probes any one stands for all. */
export const EVERY_PROCESS = { pid: -1, cpu: 0 } as const;

export interface TracepointOptions extends PerfAttachOptions {
  /** Its number, where tracefs is not mounted. */
  readonly id?: number;
}

/**
 * Attaches a program to a tracepoint, on every CPU and for every process.
 *
 * @param category as the folders of tracefs: `syscalls`, `sched`
 * @example `using link = attachTracepoint(program, 'syscalls', 'sys_enter_execve');`
 * @throws {TsbpfError} `TRACEFS_UNAVAILABLE`, `TRACEPOINT_NOT_FOUND`, `PROG_TYPE_WRONG`
 * @throws {SyscallError} EACCES without CAP_PERFMON, EINVAL
 */
export function attachTracepoint(
  program: Program,
  category: string,
  name: string,
  options: TracepointOptions = {},
): Attached {
  const target = `tracepoint ${category}/${name}`;
  requireType(program, [ProgType.TRACEPOINT], target);
  const id = options.id ?? tracepointId(category, name);
  const params = { type: PerfType.TRACEPOINT, config: BigInt(id), ...EVERY_PROCESS };
  return attachToEvent(program, params, target, options);
}

export interface PerfEventOptions extends PerfAttachOptions {
  /** A software or hardware event by its name, as perf(1) calls it: `cpu-clock`, `page-faults`, `cycles`. */
  readonly event?: keyof typeof SoftwareEvent | keyof typeof HardwareEvent;
  /** In place of `event`: `type` and `config` of perf_event_open(2). */
  readonly raw?: { readonly type: number; readonly config: bigint };
  /** Runs the program once every so many events. */
  readonly period?: bigint | number;
  /** Runs the program so many times a second. */
  readonly frequency?: number;
  /** Left out, every process. */
  readonly pid?: number;
  /** Left out, every CPU that is online; with `pid`, wherever the process runs. */
  readonly cpu?: number;
}

/**
 * Attaches a program to a perf event: one event on each CPU, closed as one.
 *
 * @example `using sampling = attachPerfEvent(program, { event: 'cpu-clock', frequency: 99 });`
 * @throws {TsbpfError} `PERF_EVENT_UNKNOWN`, `PROG_TYPE_WRONG`
 * @throws {SyscallError} ENOENT where the machine has no such counter, EACCES without CAP_PERFMON
 */
export function attachPerfEvent(program: Program, options: PerfEventOptions): LinkGroup {
  const name = options.event ?? 'raw event';
  requireType(program, [ProgType.PERF_EVENT], 'a perf event');
  const { type, config } = options.raw ?? eventByName(options.event);
  const { pid = -1, cpu } = options;
  const cpus = cpu !== undefined ? [cpu] : pid >= 0 ? [-1] : onlineCpus();
  const period = options.frequency === undefined ? BigInt(options.period ?? 1) : undefined;
  return LinkGroup.make(cpus, `event ${name}`, (each) =>
    attachToEvent(
      program,
      { type, config, period, frequency: options.frequency, pid, cpu: each },
      `event ${name}${each < 0 ? '' : ` of CPU ${each}`}`,
      options,
      {
        explain: (errno) =>
          errno === Errno.ENOENT
            ? {
                explanation: 'this machine has no such counter',
                hint: `software events work everywhere: ${Object.keys(SoftwareEvent).slice(0, 4).join(', ')} …`,
              }
            : undefined,
      },
    ),
  );
}

function eventByName(name: string | undefined): { type: number; config: bigint } {
  const software = (SoftwareEvent as Readonly<Record<string, number>>)[name ?? ''];
  if (software !== undefined) return { type: PerfType.SOFTWARE, config: BigInt(software) };
  const hardware = (HardwareEvent as Readonly<Record<string, number>>)[name ?? ''];
  if (hardware !== undefined) return { type: PerfType.HARDWARE, config: BigInt(hardware) };
  const names = [...Object.keys(SoftwareEvent), ...Object.keys(HardwareEvent)];
  throw new TsbpfError('PERF_EVENT_UNKNOWN', `there is no perf event '${name ?? ''}'`, {
    hint: didYouMean(name ?? '', names)[0] ?? `known events: ${names.join(', ')}`,
  });
}

function onlineCpus(): number[] {
  const text = readFileSync('/sys/devices/system/cpu/online', 'utf8').trim();
  return text.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

const PMU_FOLDER = '/sys/bus/event_source/devices';

/** A dynamic source of events: its number, and which bit of `config` makes a probe one of returns. */
export interface ProbePmu {
  readonly type: number;
  readonly retprobeBit: bigint;
  /** Where in `config` the offset of a USDT semaphore stands; undefined before Linux 4.20. */
  readonly refCtrShift: bigint | undefined;
}

/** @throws {TsbpfError} `KPROBE_UNAVAILABLE`, `UPROBE_UNAVAILABLE` */
export function probePmu(name: 'kprobe' | 'uprobe'): ProbePmu {
  const read = (file: string): string | undefined => {
    try {
      return readFileSync(`${PMU_FOLDER}/${name}/${file}`, 'utf8');
    } catch {
      return undefined;
    }
  };
  const type = read('type');
  if (type === undefined) {
    const there = readdirSync(PMU_FOLDER).join(', ');
    throw new TsbpfError(
      `${name.toUpperCase()}_UNAVAILABLE`,
      `this kernel has no ${name}s: ${PMU_FOLDER}/${name} is missing (there are: ${there})`,
      {
        hint:
          name === 'kprobe'
            ? 'tracepoints, raw tracepoints and tp_btf work without CONFIG_KPROBES'
            : 'the kernel needs CONFIG_UPROBE_EVENTS',
      },
    );
  }
  const bit = (file: string): bigint | undefined => {
    const at = read(`format/${file}`)?.match(/^config:(\d+)/)?.[1];
    return at === undefined ? undefined : BigInt(at);
  };
  return { type: Number(type), retprobeBit: bit('retprobe') ?? 0n, refCtrShift: bit('ref_ctr_offset') };
}
