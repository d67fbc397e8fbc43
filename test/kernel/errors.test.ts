import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { writeElf } from '../../src/elf/index.ts';
import { AttachType, MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { canUseBpf } from '../../src/kernel/capabilities.ts';
import { BpfMap, loadCollection, Program, SyscallError, VerifierError } from '../../src/kernel/index.ts';
import { bpfError } from '../../src/syscall/bpf.ts';
import { tryLinkCreate } from '../../src/syscall/bpf-link.ts';
import {
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  unmount,
} from '../../src/syscall/namespace.ts';
import { PacketSocket } from '../../src/syscall/packet-socket.ts';
import { perfError, tryPerfEventOpen } from '../../src/syscall/perf-attach.ts';
import { addClsact, deleteClsact } from '../../src/syscall/rtnetlink-tc.ts';
import { trySetSocketOption } from '../../src/syscall/socket-attach.ts';
import { returns } from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

const LOOPBACK = 1;
let bpffs = '';

// Mounts and interfaces of this thread alone.
beforeAll(() => {
  if (!canUseBpf().ok) return;
  enterNewNetworkNamespace();
  enterNewMountNamespace();
  bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-errors-'));
  mountBpffs(bpffs);
});
afterAll(() => {
  if (bpffs === '') return;
  unmount(bpffs);
  rmdirSync(bpffs);
});

const array = (): BpfMap =>
  BpfMap.create({ name: 'm', type: MapType.ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
const load = (type: string, name = 'p'): Program =>
  Program.load({ name, type, code: returns(0), license: 'GPL' });
/** As this test has it in its snapshots. */
function told(run: () => unknown): string {
  const { message, hint } = errorOf(run) as SyscallError;
  return `${message}${hint === undefined ? '' : ` [${hint}]`}`
    .replaceAll(bpffs, 'BPFFS')
    .replaceAll(tmpdir(), 'TMP');
}

describeKernel('what the kernel refuses is told in words', () => {
  test('a pin, by its place and its name', () => {
    using map = array();
    expect([
      told(() => map.pin(join(tmpdir(), 'a-map'))),
      told(() => map.pin(join(bpffs, 'a.map'))),
      told(() => map.pin(join(bpffs, 'nowhere', 'map'))),
      told(() => BpfMap.openPinned(join(bpffs, 'nothing'))),
    ]).toMatchInlineSnapshot(`
      [
        "cannot pin map 'm': TMP is not in a BPF file system (EPERM) [pin below one: mount -t bpf bpf /sys/fs/bpf]",
        "cannot pin map 'm': 'a.map' cannot be the name of a pin: it has a '.' (EPERM)",
        "cannot pin map 'm': the directory of BPFFS/nowhere/map does not exist (ENOENT)",
        "cannot open the pin BPFFS/nothing: nothing is pinned at BPFFS/nothing (ENOENT)",
      ]
    `);
  });

  test('a mount and what is not one', () => {
    expect([
      told(() => mountBpffs('/nowhere-at-all')),
      told(() => mountBpffs('/proc/self/status')),
      told(() => unmount(tmpdir())),
    ]).toMatchInlineSnapshot(`
      [
        "cannot mount a BPF file system on /nowhere-at-all: the folder does not exist (ENOENT)",
        "cannot mount a BPF file system on /proc/self/status: it is no folder (ENOTDIR)",
        "cannot unmount TMP: nothing is mounted there (EINVAL)",
      ]
    `);
  });

  test('a program in a prog array of another kind', () => {
    using jump = BpfMap.create({
      name: 'jump',
      type: MapType.PROG_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
    });
    using first = load('xdp', 'first');
    using other = load('socket', 'other');
    jump.set(0, first);
    expect([told(() => jump.set(1, other)), told(() => jump.set(1, other.fd.number))]).toMatchInlineSnapshot(`
      [
        "cannot write to map 'jump': prog array 'jump' holds programs of type xdp, but 'other' is of type socket_filter (EINVAL)",
        "cannot write to map 'jump': prog array 'jump' holds programs of type xdp, but 'other' is of type socket_filter (EINVAL)",
      ]
    `);
  });

  test('a program where it cannot go', () => {
    using xdp = load('xdp');
    const link = (attachType: number): string =>
      told(() => {
        const result = tryLinkCreate({ progFd: xdp.fd.number, target: LOOPBACK, attachType });
        throw bpfError('LINK_CREATE', -result, 'attach it', { progType: ProgType.XDP, attachType });
      });
    expect([
      link(AttachType.TCX_INGRESS),
      link(AttachType.SK_LOOKUP),
      link(AttachType.TRACE_ITER),
    ]).toMatchInlineSnapshot(`
      [
        "cannot attach it: tcx_ingress takes sched_cls programs, but this one is of type xdp (EINVAL)",
        "cannot attach it: programs of type xdp do not go to sk_lookup, or a flag is not known here (EINVAL)",
        "cannot attach it: programs of type xdp do not go to trace_iter, or a flag is not known here (EINVAL)",
      ]
    `);
    using map = array();
    const descriptor = map.fd.number;
    const result = trySetSocketOption(descriptor, 50, xdp.fd.number);
    expect(
      new SyscallError({ syscall: 'setsockopt', errno: -result, doing: 'attach it' }).message,
    ).toMatchInlineSnapshot(`"cannot attach it: the descriptor is no socket (ENOTSOCK)"`);
  });

  test('a perf event that there is none of', () => {
    const open = (config: bigint, pid: number): string => {
      const result = tryPerfEventOpen({ type: 2, config, pid, cpu: 0 });
      return perfError('perf_event_open', -result, 'open it').message;
    };
    expect([open(2n ** 40n, -1), open(1n, 2 ** 22 - 1)]).toMatchInlineSnapshot(`
      [
        "cannot open it: the kernel does not take this event, or not with this offset, period or flag (EINVAL)",
        "cannot open it: there is no such process (ESRCH)",
      ]
    `);
  });

  test('of an interface', () => {
    addClsact(LOOPBACK, 'add clsact');
    expect([
      told(() => addClsact(LOOPBACK, 'add clsact')),
      told(() => addClsact(4711, 'add clsact')),
      told(() => {
        deleteClsact(LOOPBACK, 'delete clsact');
        deleteClsact(LOOPBACK, 'delete clsact');
      }),
      told(() => new PacketSocket(4711)),
    ]).toMatchInlineSnapshot(`
      [
        "cannot add clsact: Exclusivity flag on, cannot modify (EEXIST)",
        "cannot add clsact: there is no such interface in this network namespace (ENODEV)",
        "cannot delete clsact: Invalid handle (EINVAL)",
        "cannot bind a packet socket: the interface is gone (ENODEV)",
      ]
    `);
  });
});

const RUNNER = fileURLToPath(new URL('../../scripts/run-ts.mjs', import.meta.url));
const ATTEMPTS = fileURLToPath(new URL('./fixtures/attempts.ts', import.meta.url));

describeKernel('the page about errors', () => {
  test('has an example that runs', () => {
    const [, example = ''] = /```ts\n(.*?)```/s.exec(readFileSync('docs/errors.md', 'utf8')) ?? [];
    const body = example.replace(/^import .*$/gm, '');
    const source = { name: 'count.s', text: '.program count, "xdp"\nr0 = 0\nr0 = *(u64 *)(r0 + 0)\nexit\n' };
    const bytes = writeElf(assembleOrThrow(source).object);
    const printed: unknown[][] = [];
    const console = { log: (...words: unknown[]) => printed.push(words) };
    new Function('loadCollection', 'VerifierError', 'bytes', 'console', body)(
      loadCollection,
      VerifierError,
      bytes,
      console,
    );
    expect(printed).toMatchInlineSnapshot(`
      [
        [
          "count.s:3",
          "(79) r0 = *(u64 *)(r0 +0)",
          "0",
          [
            "R0 invalid mem access 'scalar'",
          ],
          "it is NULL on this path: compare it with 0 and use it only where it is not",
          1,
        ],
      ]
    `);
  });
});

describeKernel('in a user namespace', () => {
  test('capabilities are told to count for nothing', () => {
    const out = execFileSync('/usr/bin/unshare', ['-Urn', process.execPath, RUNNER, ATTEMPTS], {
      encoding: 'utf8',
    });
    expect(
      new Set((JSON.parse(out) as string[]).map((line) => line.replace(/^.*?: /, ''))),
    ).toMatchInlineSnapshot(`
      Set {
        "this process is in a user namespace, where its capabilities do not count for BPF (EPERM)",
        "done",
      }
    `);
  });
});
