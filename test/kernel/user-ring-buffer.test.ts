import { expect, test } from 'vitest';
import { type Collection, UserRingBuffer } from '../../src/kernel/index.ts';
import { u64 } from '../../src/util/struct.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { drainProgram, produce } from '../support/readers.ts';

const sums = (collection: Collection): unknown[] => [
  collection.variable('drained').get(),
  collection.variable('total').get(),
];

describeKernel('a user ring buffer', () => {
  test('is drained by a program', () => {
    using collection = drainProgram(4096);
    using ring = UserRingBuffer.open(collection.map('commands'), { record: u64 });
    let total = 0n;
    // 16 bytes each: round and round.
    for (let round = 0n; round < 20n; round++) {
      for (let one = 0n; one < 200n; one++) {
        expect(ring.write(round * one)).toBe(true);
        total += round * one;
      }
      expect(produce(collection, 1, 'drain')).toBe(200);
    }
    expect(sums(collection)).toEqual([4000n, total]);
  });

  test('has only so much room', () => {
    using collection = drainProgram(4096);
    using ring = UserRingBuffer.open(collection.map('commands'));
    expect(ring.write(new Uint8Array(4088))).toBe(true);
    expect(ring.write(new Uint8Array(0))).toBe(false);
    expect(produce(collection, 1, 'drain')).toBe(1);
    expect(ring.write(new Uint8Array(0))).toBe(true);
    expect(errorOf(() => ring.write(new Uint8Array(4089))).message).toMatchInlineSnapshot(
      `"size of a record of map 'commands' is 4089, but must be a whole number from 0 to 4088"`,
    );
    expect(errorOf(() => ring.write(5 as never)).message).toMatchInlineSnapshot(
      `"a record of map 'commands' is a Uint8Array"`,
    );
  });

  test('is waited for when it is full', async () => {
    using collection = drainProgram(4096);
    using ring = UserRingBuffer.open(collection.map('commands'), { record: u64 });
    while (ring.write(1n));
    let written = false;
    const waiting = ring.writeWhenFree(1000n).then(() => {
      written = true;
    });
    const controller = new AbortController();
    const aborted = ring.writeWhenFree(5n, { signal: controller.signal });
    for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBe(false);
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(produce(collection, 1, 'drain')).toBe(256);
    await waiting;
    expect(produce(collection, 1, 'drain')).toBe(1);
    expect(sums(collection)).toEqual([257n, 1256n]);
  });

  test('holds everything back behind a reservation, and skips what is discarded', () => {
    using collection = drainProgram(4096);
    using ring = UserRingBuffer.open(collection.map('commands'), { record: u64 });
    const first = ring.reserve(8)!;
    const second = ring.reserve(8)!;
    ring.write(100n);
    second.bytes.fill(0);
    second.discard();
    first.bytes.set([1, 0, 0, 0, 0, 0, 0, 0]);
    expect(produce(collection, 1, 'drain')).toBe(0);
    first.submit();
    first.discard();
    expect(produce(collection, 1, 'drain')).toBe(2);
    expect(sums(collection)).toEqual([2n, 101n]);
  });

  test('is harmless once it is closed', async () => {
    using collection = drainProgram(4096);
    const ring = UserRingBuffer.open(collection.map('commands'));
    const room = ring.reserve(4080)!;
    const waiting = ring.writeWhenFree(new Uint8Array(100));
    ring.close();
    ring.close();
    room.bytes.fill(1);
    room.submit();
    await expect(waiting).rejects.toThrow("the writer of map 'commands' is closed");
  });
});
