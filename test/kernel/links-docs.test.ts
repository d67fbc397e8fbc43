import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import * as kernel from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';
import {
  createVethPair,
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  setLink,
  unmount,
} from '../../src/syscall/index.ts';
import { describeKernel } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const page = readFileSync('docs/links.md', 'utf8');
const examples = [...page.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);

const PROGRAMS = `
    .license "GPL"
    .program filter, "tc"
    r0 = TC_ACT_OK
    exit
    .program counter, "tc"
    r0 = -1
    exit
    .program pass, "xdp"
    r0 = XDP_PASS
    exit
    .program drop, "xdp"
    r0 = XDP_DROP
    exit
    .program on_switch, "raw_tp/sched_switch"
    r0 = 0
    exit
    .program on_call, "uprobe"
    r0 = 0
    exit
    .map kept, array, key=4, value=4, entries=1
    .program each_map, "iter/bpf_map"
    r9 = kept ll
    r6 = *(u64 *)(r1 + 8)
    if r6 == 0 goto out
    *(u32 *)(r10 - 4) = 0x0a70616d
    r1 = *(u64 *)(r1 + 0)
    r1 = *(u64 *)(r1 + 0)
    r2 = r10
    r2 += -4
    r3 = 4
    call bpf_seq_write
out:
    r0 = 0
    exit
`;

/** A congestion control, and a program more than it takes. */
const CONTROL = `
    .license "GPL"
    .struct tcp_congestion_ops {
        char name[16];
        u32 (*ssthresh)(struct sock *sk);
        void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
        u32 (*undo_cwnd)(struct sock *sk);
        void (*init)(struct sock *sk);
    }
    .section ".struct_ops.link", "aw"
    .var struct tcp_congestion_ops my_control = { .name = "plain", .ssthresh = ssthresh, .cong_avoid = avoid, .undo_cwnd = undo, .init = begin }
    .program ssthresh, "struct_ops/ssthresh"
    r0 = 2
    exit
    .program careful_ssthresh, "?struct_ops/ssthresh"
    r0 = 4
    exit
    .program avoid, "struct_ops/cong_avoid"
    r0 = 0
    exit
    .program undo, "struct_ops/undo_cwnd"
    r0 = 10
    exit
    .program begin, "struct_ops/init"
    r0 = 0
    exit
`;

/** Runs the text of an example, and gives what it printed and what its comments say that it prints. */
async function run(
  text: string,
  given: Record<string, unknown>,
): Promise<[printed: string[], said: string[]]> {
  const opened: Disposable[] = [];
  const printed: string[] = [];
  const body = text
    .replaceAll(/^import .*$/gm, '')
    .replaceAll(/^using (\w+) = (.*?);(?=$| \/\/)/gms, 'const $1 = own($2);');
  const names = {
    ...kernel,
    ...given,
    own: <T extends Disposable>(one: T): T => {
      opened.push(one);
      return one;
    },
    console: {
      log: (value: unknown) =>
        printed.push(
          typeof value === 'bigint'
            ? `${value}n`
            : Array.isArray(value)
              ? `[ ${value.join(', ')} ]`
              : `${value}`,
        ),
    },
  };
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<void>;
  try {
    await new AsyncFunction(...Object.keys(names), body)(...Object.values(names));
  } finally {
    for (const one of opened.reverse()) one[Symbol.dispose]();
  }
  return [printed, [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]!)];
}

describeKernel('the examples of docs/links.md', () => {
  let bpffs = '';
  /** Lives in another network namespace. */
  let container: ChildProcess;
  beforeAll(async () => {
    container = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(container.stdout!, 'data');
    enterNewNetworkNamespace();
    createVethPair('veth0', 'veth1');
    setLink('veth0', { up: true });
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-links-docs-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(async () => {
    unmount(bpffs);
    rmdirSync(bpffs);
    const ended = once(container, 'close');
    container.kill();
    await ended;
  });

  test('there are as many as there are', () => expect(examples.length).toBe(10));

  // The page shows what Linux 6.7 and later have.
  test.skipIf(lacks('the links of the docs')).each(examples.map((text, index) => [index + 1, text] as const))(
    'number %i prints what it says',
    async (_, text) => {
      using collection = loadText(PROGRAMS);
      const [printed, said] = await run(text, {
        collection,
        spec: collection.spec,
        bpffs,
        pid: container.pid,
        controlObject: collect(assembleOrThrow(CONTROL).object),
      });
      expect(printed).toEqual(said);
      expect(said.length).toBeGreaterThan(0);
    },
  );
});
