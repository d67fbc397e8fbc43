import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { programKind } from '../../object/section-names.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Program } from '../load/program.ts';
import { attachIter, type IterAttachment } from './attach-iter.ts';
import { attachKprobe, attachKprobeMulti, attachKsyscall } from './attach-kprobe.ts';
import { attachTracepoint } from './attach-perf.ts';
import { attachRawTracepoint, attachTracing } from './attach-raw-tracepoint.ts';
import { attachUprobe, attachUprobeMulti, attachUsdt } from './attach-uprobe.ts';
import type { Attached } from './link.ts';

/** What `attach` may be told besides what the section says. */
export interface AttachOptions {
  /** What bpf_get_attach_cookie() answers. */
  readonly cookie?: bigint;
  /** uprobes and USDT probes: only hits of this process. */
  readonly pid?: number;
}

/** How a section's target is written, and how it is attached. */
interface Row {
  readonly form: string;
  /** Whether it can be for one process alone. */
  readonly byPid?: true;
  readonly attach: (
    program: Program,
    target: string,
    options: AttachOptions,
    title: Title,
  ) => Attached | IterAttachment | undefined;
}

interface Title {
  /** `uretprobe` of `uretprobe.s/bash:readline`. */
  readonly word: string;
}

const cookieOf = ({ cookie }: AttachOptions): { cookie?: bigint } => (cookie === undefined ? {} : { cookie });
const pidOf = ({ pid }: AttachOptions): { pid?: number } => (pid === undefined ? {} : { pid });

/** A path may hold colons; a symbol does not. */
function splitLast(text: string): [path: string, rest: string] | undefined {
  const at = text.lastIndexOf(':');
  return at > 0 && at < text.length - 1 ? [text.slice(0, at), text.slice(at + 1)] : undefined;
}

/** `*` and `?` as a shell has them. */
function globPattern(glob: string): (name: string) => boolean {
  const escaped = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const pattern = new RegExp(`^${escaped}$`);
  return (name) => pattern.test(name);
}

const tracepoint: Row = {
  form: 'CATEGORY/NAME, as in tracepoint/syscalls/sys_enter_execve',
  attach(program, target, options) {
    const [category, name, ...more] = target.split('/');
    if (!category || !name || more.length > 0) return undefined;
    return attachTracepoint(program, category, name, cookieOf(options));
  },
};

const uprobe: Row = {
  form: 'PATH:FUNCTION, as in uprobe//bin/bash:readline or uretprobe/libc.so.6:malloc',
  byPid: true,
  attach(program, target, options, { word }) {
    const parts = splitLast(target);
    if (!parts) return undefined;
    const [path, symbol] = parts;
    return attachUprobe(program, {
      path,
      symbol,
      ret: word.startsWith('uret'),
      ...cookieOf(options),
      ...pidOf(options),
    });
  },
};

const uprobeMulti: Row = {
  form: 'PATH:PATTERN, as in uprobe.multi//bin/bash:read*',
  byPid: true,
  attach(program, target, options, { word }) {
    const parts = splitLast(target);
    if (!parts) return undefined;
    const [path, pattern] = parts;
    const symbols = globPattern(pattern);
    return attachUprobeMulti(program, {
      path,
      symbols,
      ret: word.startsWith('uret'),
      ...cookieOf(options),
      ...pidOf(options),
    });
  },
};

const usdt: Row = {
  form: 'PATH:PROVIDER:NAME, as in usdt/libc.so.6:libc:setjmp',
  byPid: true,
  attach(program, target, options) {
    const [, path, provider, name] = /^(.+):([^:]+):([^:]+)$/.exec(target) ?? [];
    if (!path || !provider || !name) return undefined;
    return attachUsdt(program, { path, provider, name, ...cookieOf(options), ...pidOf(options) });
  },
};

const kprobe: Row = {
  form: 'FUNCTION, as in kprobe/do_unlinkat',
  attach(program, target, options, { word }) {
    const [, name, offset] = /^([\w.]+)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(target) ?? [];
    if (!name) return undefined;
    const ret = word.startsWith('kret');
    return attachKprobe(program, {
      function: name,
      ...(offset && { offset: Number(offset) }),
      ret,
      ...cookieOf(options),
    });
  },
};

const kprobeMulti: Row = {
  form: 'a pattern of FUNCTION, as in kprobe.multi/vfs_*',
  attach(program, target, options, { word }) {
    const ret = word.startsWith('kret');
    const functions = /[*?]/.test(target) ? globPattern(target) : target.split(',');
    return attachKprobeMulti(program, { functions, ret, ...cookieOf(options) });
  },
};

const ksyscall: Row = {
  form: 'NAME, as in ksyscall/openat',
  attach: (program, target, options, { word }) =>
    /^\w+$/.test(target)
      ? attachKsyscall(program, target, { ret: word.startsWith('kret'), ...cookieOf(options) })
      : undefined,
};

const rawTracepoint: Row = {
  form: 'NAME, as in raw_tracepoint/sys_enter',
  attach: (program, target, options) => attachRawTracepoint(program, target, cookieOf(options)),
};

const KPROBE_ROWS: Readonly<Record<string, Row>> = {
  uprobe,
  uretprobe: uprobe,
  usdt,
  kprobe,
  kretprobe: kprobe,
  ksyscall,
  kretsyscall: ksyscall,
  'uprobe.multi': uprobeMulti,
  'uretprobe.multi': uprobeMulti,
  'uprobe.session': uprobeMulti,
  'kprobe.multi': kprobeMulti,
  'kretprobe.multi': kprobeMulti,
  'kprobe.session': kprobeMulti,
};

const TYPE_ROWS: Readonly<Partial<Record<number, Row>>> = {
  [ProgType.TRACEPOINT]: tracepoint,
  [ProgType.RAW_TRACEPOINT]: rawTracepoint,
  [ProgType.RAW_TRACEPOINT_WRITABLE]: rawTracepoint,
};

/** Which function attaches programs of a type that say nothing of where to. */
const BY_HAND: Readonly<Partial<Record<number, string>>> = {
  [ProgType.XDP]: 'attachXdp or attachXdpLink (tsbpf xdp attach)',
  [ProgType.SCHED_CLS]: 'attachTcx or attachTc (tsbpf tc attach)',
  [ProgType.SOCKET_FILTER]: 'attachSocketFilter',
  [ProgType.SK_REUSEPORT]: 'attachReuseport',
  [ProgType.SK_LOOKUP]: 'attachNetns',
  [ProgType.FLOW_DISSECTOR]: 'attachNetns',
  [ProgType.SK_SKB]: 'attachSockmap',
  [ProgType.SK_MSG]: 'attachSockmap',
  [ProgType.NETFILTER]: 'attachNetfilter',
  [ProgType.PERF_EVENT]: 'attachPerfEvent',
  [ProgType.CGROUP_SKB]: 'attachCgroup (tsbpf cgroup attach)',
  [ProgType.CGROUP_SOCK]: 'attachCgroup (tsbpf cgroup attach)',
  [ProgType.CGROUP_SOCK_ADDR]: 'attachCgroup (tsbpf cgroup attach)',
  [ProgType.CGROUP_DEVICE]: 'attachCgroup (tsbpf cgroup attach)',
  [ProgType.CGROUP_SYSCTL]: 'attachCgroup (tsbpf cgroup attach)',
  [ProgType.CGROUP_SOCKOPT]: 'attachCgroup (tsbpf cgroup attach)',
  [ProgType.SOCK_OPS]: 'attachCgroup (tsbpf cgroup attach)',
  [ProgType.STRUCT_OPS]: 'attachStructOps, with the struct that it is in',
  [ProgType.LWT_IN]: 'iproute2, once it is pinned: ip route add … encap bpf in pinned PATH',
  [ProgType.LWT_OUT]: 'iproute2, once it is pinned: ip route add … encap bpf out pinned PATH',
  [ProgType.LWT_XMIT]: 'iproute2, once it is pinned: ip route add … encap bpf xmit pinned PATH',
  [ProgType.LSM]: 'attachCgroup',
};

function rowOf(program: Program, word: string): Row | undefined {
  if (program.type === ProgType.KPROBE) return KPROBE_ROWS[word];
  return TYPE_ROWS[program.type];
}

/** What would be passed over in silence. @throws {TsbpfError} `OPTIONS` */
function refuseOption(program: Program, name: keyof AttachOptions, given: unknown): void {
  if (given === undefined) return;
  throw new TsbpfError(
    'OPTIONS',
    `program '${program.name}' of section '${program.section}' takes no ${name}`,
    {
      hint:
        name === 'pid'
          ? 'only uprobes and USDT probes can be for one process; others compare bpf_get_current_pid_tgid()'
          : 'iterators have none',
    },
  );
}

/**
 * Attaches a program to what its section names: `tracepoint/CATEGORY/NAME`, `raw_tp/NAME`,
 * `uprobe/PATH:FUNCTION`, `kprobe/FUNCTION`, `ksyscall/NAME`, `usdt/PATH:PROVIDER:NAME`, and what was named at load
 * (fentry, fexit, tp_btf, LSM, freplace, iterators).
 *
 * @example `using link = attach(collection.program('on_exec')); // SEC("tracepoint/syscalls/sys_enter_execve")`
 * @throws {TsbpfError} `ATTACH_TARGET_MISSING` where the section names no place, `ATTACH_TARGET_INVALID`, and as the function for its type
 */
export function attach(program: Program, options: AttachOptions = {}): Attached | IterAttachment {
  const { section } = program;
  if (
    program.type === ProgType.TRACING ||
    program.type === ProgType.EXT ||
    (program.type === ProgType.LSM && program.traits.expectedAttachType !== AttachType.LSM_CGROUP)
  ) {
    const iterates = program.traits.expectedAttachType === AttachType.TRACE_ITER;
    refuseOption(program, 'pid', options.pid);
    if (iterates) refuseOption(program, 'cookie', options.cookie);
    return iterates ? attachIter(program) : attachTracing(program, cookieOf(options));
  }
  const target = programKind(section)?.attachTo;
  const word = section.replace(/^\?/, '').split('/')[0]!.replace(/\.s$/, '');
  const row = rowOf(program, word);
  if (!row) {
    const by = BY_HAND[program.type];
    throw new TsbpfError(
      'ATTACH_TARGET_MISSING',
      `section '${section}' does not say where program '${program.name}' (${program.typeName}) goes`,
      { hint: by ? `attach it with ${by}` : 'attach it with the function for its type' },
    );
  }
  if (!row.byPid) refuseOption(program, 'pid', options.pid);
  const attached = target === undefined ? undefined : row.attach(program, target, options, { word });
  if (attached) return attached;
  throw new TsbpfError(
    target === undefined ? 'ATTACH_TARGET_MISSING' : 'ATTACH_TARGET_INVALID',
    `section '${section}' does not say where program '${program.name}' goes`,
    { hint: `its target is written ${row.form}` },
  );
}
