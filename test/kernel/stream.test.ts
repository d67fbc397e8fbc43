import { expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, type Collection, canUseBpf, loadCollection } from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';
import type { ObjectSpec } from '../../src/object/spec.ts';
import { Errno } from '../../src/syscall/index.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

/** Prints the number that it is given in its context. */
const PRINTS = (stream: number): string => `
    .license "GPL"
    .program print, "syscall"
    r6 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 8) = r6
    r1 = ${stream}
    r2 = "number %d\\n" ll
    r3 = r10
    r3 += -8
    r4 = 8
    r5 = 0
    call bpf_stream_vprintk_impl
    exit
`;

const specOf = (text: string): ObjectSpec => collect(assembleOrThrow(text).object);

function print(collection: Collection, number: number): number {
  const ctx = new Uint8Array(8);
  ctx[0] = number;
  return collection.program('print').testRun({ ctx }).retval | 0;
}

/** Whether this kernel has memory for what is printed: those that leave theirs uninitialised until it is needed have none. */
function hasRoom(): boolean {
  if (!canUseBpf().ok) return true;
  using collection = loadText(PRINTS(1));
  return print(collection, 0) !== -Errno.ENOMEM;
}
const missing = lacks('bpf streams') !== undefined;
const room = !missing && hasRoom();
if (!room && !missing)
  console.warn('skipped: what programs print into streams: this kernel has no memory for it (ENOMEM)');

describeKernel('the streams of a program', () => {
  test.skipIf(missing)('are empty at first', () => {
    using collection = loadText(PRINTS(1));
    const program = collection.program('print');
    for (const name of ['stdout', 'stderr'] as const) expect(program.stream(name).read()).toBe('');
  });

  test.skipIf(!room)('hold what it prints until it is read', () => {
    using collection = loadText(PRINTS(1));
    const program = collection.program('print');
    expect(program.stream('stdout').read()).toBe('');
    expect([7, 8].map((number) => print(collection, number))).toEqual([0, 0]);
    expect(program.stream('stderr').read()).toBe('');
    expect(program.stream('stdout').read()).toBe('number 7\nnumber 8\n');
    expect(program.stream('stdout').read()).toBe('');
  });
  test.skipIf(!room)('are read line by line as they come', async () => {
    using collection = loadText(PRINTS(2));
    const seen: string[] = [];
    print(collection, 1);
    print(collection, 2);
    for await (const line of collection.program('print').stream('stderr').lines({ intervalMs: 5 })) {
      seen.push(line);
      if (seen.length === 2) setTimeout(() => print(collection, 3), 20);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(['number 1', 'number 2', 'number 3']);
  });

  test.skipIf(!room)('tell of a loop that took too long', () => {
    using collection = loadText(`
    .license "GPL"
    .program spin, "syscall"
    r0 = 0
again:
    may_goto out
    goto again
out:
    r0 = 0
    exit
`);
    const program = collection.program('spin');
    expect(program.testRun().retval).toBe(0);
    expect(program.stream('stderr').read()).toMatch(/^ERROR: Timeout detected for may_goto instruction\n/);
  });

  test.skipIf(!room)('tell of memory of an arena that is not there', () => {
    using arena = BpfMap.create({
      name: 'arena',
      type: MapType.ARENA,
      keySize: 0,
      valueSize: 0,
      maxEntries: 4,
      flags: MapFlag.MMAPABLE,
      extra: 1n << 44n, // where a user would see it
    });
    const spec = specOf(`
    .license "GPL"
    .map arena, arena, entries=4, flags=BPF_F_MMAPABLE
    .program fault, "syscall"
    r1 = arena ll
    r2 = 4096
    r2 = addr_space_cast(r2, 0, 1)
    r0 = *(u64 *)(r2 + 0)
    *(u64 *)(r2 + 8) = r0
    r0 = 0
    exit
`);
    using collection = loadCollection(spec, { maps: { arena } });
    const program = collection.program('fault');
    expect(program.testRun().retval).toBe(0);
    expect(program.stream('stderr').read()).toMatch(
      /^ERROR: Arena READ access at unmapped address 0x[0-9a-f]*1000\n/,
    );
  });

  test.skipIf(missing)('end with the program, or with a signal', async () => {
    const collection = loadText(PRINTS(1));
    const stream = collection.program('print').stream('stdout');
    setTimeout(() => collection.close(), 10);
    for await (const _line of stream);
    expect(errorOf(() => stream.read()).message).toMatchInlineSnapshot(`"program 'print' is closed"`);
    using again = loadText(PRINTS(1));
    const loop = async (signal: AbortSignal): Promise<void> => {
      for await (const _line of again.program('print').stream('stdout').lines({ signal }));
    };
    await expect(loop(AbortSignal.timeout(10))).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect(loop(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });
});
