import { readFileSync } from 'node:fs';
import { kernelFeatures, runningKernel } from '../../src/kernel/index.ts';
import { Errno } from '../../src/syscall/index.ts';

/** What a test takes that not every kernel has. */
interface Row {
  /** The first kernel that has it. */
  readonly since: string;
  /** What a kernel is built with that has it. */
  readonly option?: string;
  /** A question to the features: a machine may refuse, whatever its kernel has. */
  readonly refused?: string;
  /** Why an emulated processor cannot have it. */
  readonly emulated?: string;
}

const ROWS = {
  kprobes: { since: '4.17', option: 'CONFIG_KPROBES' },
  'kprobe.multi': { since: '5.18', option: 'CONFIG_FPROBE' },
  'kprobe.session': { since: '6.10', option: 'CONFIG_FPROBE' },
  'uprobe.multi': { since: '6.6' },
  'uprobe.session': { since: '6.13' },
  fentry: { since: '5.5', refused: 'attach/trace_fentry' },
  'fentry cookie': { since: '5.18', refused: 'attach/trace_fentry' },
  fmod_ret: { since: '5.7', refused: 'attach/modify_return' },
  freplace: { since: '5.6', refused: 'program/ext' },
  lsm: { since: '5.7', option: 'CONFIG_BPF_LSM', refused: 'attach/lsm_mac' },
  lsm_cgroup: { since: '6.0', option: 'CONFIG_BPF_LSM', refused: 'attach/lsm_cgroup' },
  netkit: { since: '6.7', option: 'CONFIG_NETKIT' },
  tcx: { since: '6.6' },
  'netfilter link': { since: '6.4' },
  'device-bound xdp': { since: '6.3' },
  'metadata kfuncs': { since: '6.8' },
  'sockmap link': { since: '6.10' },
  'struct_ops link': { since: '6.4' },
  'cgroup of unix sockets': { since: '6.7' },
  'cgroup order': { since: '6.17' },
  'cookie of raw tracepoints': { since: '6.10' },
  'cookie in raw tracepoint info': { since: '6.17' },
  'perf link info': { since: '6.6' },
  cgrp_storage: { since: '6.2' },
  user_ringbuf: { since: '6.1' },
  arena: { since: '6.9' },
  'task kfuncs': { since: '6.2' },
  'rcu kfuncs': { since: '6.2' },
  'kfunc flags in BTF': { since: '6.9' },
  'PATH_FD pins': { since: '6.5' },
  tokens: { since: '6.9' },
  'bpf streams': { since: '6.17' },
  'isa v4': { since: '6.6' },
  may_goto: { since: '6.9' },
  load_acquire: { since: '6.15' },
  'the links of the docs': { since: '6.7' },
  'devmap that asks the driver': { since: '6.3' },
  'patching of code that runs': {
    since: '5.5',
    emulated: 'emulated processors run stale code while the kernel patches it, and it panics',
  },
  'constants into a context': { since: '6.5' },
  // Debian's 6.12 leaves out what it knows not to run; kernels between were not looked at.
  'all instructions in the log': { since: '6.18' },
  "the verifier's words of 6.18": { since: '6.18' },
} as const satisfies Readonly<Record<string, Row>>;

export type Need = keyof typeof ROWS;

const told: Set<string> = new Set();

/**
 * Why this kernel cannot have something, printed once: it is older, was built without, or the machine
 * refuses before the kernel looks (EPERM, for root, without a word in the log). Undefined where it should
 * have it: then a test that finds it missing has failed.
 *
 * @example `test.skipIf(lacks('tcx'))('…', () => …);`
 */
export function lacks(need: Need): string | undefined {
  const reason = reasonOf(ROWS[need]);
  if (reason === undefined) return undefined;
  if (!told.has(need)) console.warn(`skipped: what takes ${need}: ${reason}`);
  told.add(need);
  return reason;
}

function reasonOf({ since, option, refused, emulated }: Row): string | undefined {
  if (!atLeast(since)) return `Linux ${since} has it first`;
  const options = runningKernel().kconfig;
  if (option !== undefined && options && (options.get(option) ?? 'n') === 'n')
    return `this kernel was built without ${option}`;
  if (emulated !== undefined && isEmulated()) return emulated;
  const answer = refused === undefined ? undefined : kernelFeatures().ask(refused);
  if (answer?.state === 'unknown' && answer.errno === Errno.EPERM)
    return 'this machine refuses such programs (EPERM, and the verifier wrote nothing)';
  return undefined;
}

/** Whether the processors are QEMU's, in software. */
function isEmulated(): boolean {
  return /^model name\s*: QEMU TCG/m.test(readFileSync('/proc/cpuinfo', 'latin1'));
}

/** Whether this kernel can load an object of `bpf/`: the tour has maps of every type. */
export function canLoad(object: string): boolean {
  return !object.includes('map_tour') || !lacks('arena');
}

/** The tag of `bpf/drop_world`: a SHA-1 before Linux 6.18. */
export const DROP_WORLD_TAG: string = atLeast('6.18') ? 'b11459a0e11ca14c' : '57cd311f2e27366b';

/** Whether the running kernel is this one or a newer one. */
export function atLeast(release: string): boolean {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  return (runningKernel().version ?? 0) >= ((major << 16) | (minor << 8));
}
