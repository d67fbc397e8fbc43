import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import * as kernel from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';
import type { ObjectSpec } from '../../src/object/spec.ts';
import { createVethPair, enterNewNetworkNamespace, setLink } from '../../src/syscall/index.ts';
import { frameOf } from '../support/bpf-code.ts';
import { describeKernel } from '../support/kernel.ts';

const page = readFileSync('docs/manager.md', 'utf8');
const examples = [...page.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);
const specOf = (text: string): ObjectSpec => collect(assembleOrThrow(text).object);

const given = {
  traceObject: specOf(`
    .license "GPL"
    .var const u32 only_pid = 0
    .program on_exec, "raw_tp/sched_process_exec"
    r1 = only_pid ll
    r0 = *(u32 *)(r1 + 0)
    r0 = 0
    exit
`),
  packetObject: specOf(`
    .map seen, array, key=u32, value=u64, entries=1
    .map jumps, prog_array, entries=2
    .program count, "xdp"
    r2 = jumps ll
    r3 = 1
    call bpf_tail_call
    r1 = seen ll
    r0 = XDP_PASS
    exit
`),
  extraObject: specOf(`
    .map seen, array, key=u32, value=u64, entries=1
    .program drop, "xdp"
    *(u32 *)(r10 - 4) = 0
    r2 = r10
    r2 += -4
    r1 = seen ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
out:
    r0 = XDP_DROP
    exit
`),
  frame: frameOf(6),
};

/** Runs the text of an example; gives what it printed and what its comments say that it prints. */
function run(text: string): [printed: string[], said: string[]] {
  const printed: string[] = [];
  const log = (value: unknown): void => {
    printed.push(
      Array.isArray(value) ? `[ ${value.join(', ')} ]` : `${value}${typeof value === 'bigint' ? 'n' : ''}`,
    );
  };
  const body = text
    .replaceAll(/^import .*$/gm, '')
    .replace('using manager', 'const manager = opened.manager');
  const opened: { manager?: kernel.Manager } = {};
  const names = { ...kernel, ...given, opened, console: { log } };
  try {
    new Function(...Object.keys(names), body)(...Object.values(names));
  } finally {
    opened.manager?.close();
  }
  return [printed, [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]!)];
}

describeKernel('the examples of docs/manager.md', () => {
  beforeAll(() => {
    enterNewNetworkNamespace();
    createVethPair('veth0', 'veth1');
    setLink('veth0', { up: true });
  });

  test('there are as many as there are', () => expect(examples.length).toBe(3));

  test.each(examples.map((text, index) => [index + 1, text] as const))(
    'number %i prints what it says',
    (_, text) => {
      const [printed, said] = run(text);
      expect(printed).toEqual(said);
      expect(said.length).toBeGreaterThan(0);
    },
  );
});
