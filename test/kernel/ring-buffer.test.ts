import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, RingBuffer } from '../../src/kernel/index.ts';
import { setNative, syscallNumber } from '../../src/syscall/native.ts';
import { struct, u32, u64 } from '../../src/util/struct.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { produce, RECORD_SIZE, ringPrograms } from '../support/readers.ts';

const event = struct('event', { number: u64, triple: u64 });
const eventOf = (number: number): { number: bigint; triple: bigint } => ({
  number: BigInt(number),
  triple: BigInt(3 * number),
});
const eventsTo = (count: number): unknown[] => Array.from({ length: count }, (_, index) => eventOf(index));

/** Lets the event loop go round, so that what waits really waits. */
async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
}

describeKernel('a ring buffer', () => {
  test('gives its records as bytes, by a layout, and by a function', () => {
    using collection = ringPrograms(4096);
    using bytes = RingBuffer.open(collection.map('events'));
    produce(collection, 1);
    expect(bytes.read()).toEqual(new Uint8Array(RECORD_SIZE));
    expect(bytes.read()).toBeUndefined();
    using typed = RingBuffer.open(collection.map('events'), { record: event });
    produce(collection, 1);
    expect([typed.read(), typed.read()]).toEqual([eventOf(1), undefined]);
    using made = RingBuffer.open(collection.map('events'), {
      decode: (record) => [record.source, record.u64(0), record.number64(8), record.u32(8), record.length],
    });
    produce(collection, 1);
    expect(made.read()).toEqual([0, 2n, 6, 6, RECORD_SIZE]);
  });

  test('is a loop that waits in the event loop, without a timer', async () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'), { record: event });
    const loop = ring.records();
    const seen: unknown[] = [];
    for (let round = 0; round < 50; round++) {
      const next = loop.next();
      await settle();
      expect(process.getActiveResourcesInfo()).not.toContain('Immediate');
      produce(collection);
      seen.push((await next).value);
    }
    expect(seen).toEqual(eventsTo(50));
  });

  test('lets the loop rest while there is something that nobody reads', async () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'));
    const real = setNative(undefined)!;
    let calls = 0;
    setNative({
      ...real,
      syscall(number, ...args) {
        if (number === syscallNumber('epoll_pwait')) calls++;
        return real.syscall(number, ...args);
      },
    });
    try {
      const next = ring.records().next();
      await settle();
      produce(collection, 3);
      await next;
      // The kernel is asked after the record was handed out.
      await settle();
      const before = calls;
      for (let round = 0; round < 20; round++) await settle();
      // A loop that is told of levels would ask in each of its rounds.
      expect([before, calls]).toEqual([1, 1]);
    } finally {
      setNative(real);
    }
  });

  test('goes round and round', async () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'), { record: event });
    // 170 records of 24 bytes fill it, and 4096 is no multiple of 24.
    const seen: unknown[] = [];
    for (let round = 0; round < 100; round++) {
      produce(collection, 97);
      for (let record = ring.read(); record; record = ring.read()) seen.push(record);
    }
    expect(seen).toEqual(eventsTo(9700));
    expect(ring.stats()).toEqual({ records: 9700, discarded: 0, lost: 0 });
  });

  test('hands out all that is there at once', () => {
    using collection = ringPrograms(1 << 16);
    using ring = RingBuffer.open(collection.map('events'));
    const numbers: number[] = [];
    let written = 0;
    for (let round = 0; round < 30; round++) {
      produce(collection, 1000);
      written += 1000;
      expect(ring.consume((record) => numbers.push(record.u32(0)), 400)).toBe(400);
      expect(ring.consume((record) => numbers.push(record.u32(0)))).toBe(600);
      expect(ring.consume(() => {})).toBe(0);
    }
    expect(numbers).toEqual(Array.from({ length: written }, (_, index) => index));
    expect(ring.stats()).toEqual({ records: written, discarded: 0, lost: 0 });
  });

  test('refuses what has no room and goes on when there is some', () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'), { record: event });
    const EAGAIN = -11;
    expect(produce(collection, 171)).toBe(EAGAIN);
    expect(ring.consume(() => {})).toBe(170);
    expect(produce(collection, 1)).toBe(0);
    expect(ring.read()).toEqual(eventOf(171));
  });

  test('steps over what was discarded, and counts it', async () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'), { decode: (record) => record.u32(0) });
    const seen: number[] = [];
    const loop = ring.records();
    for (let round = 0; round < 40; round++) {
      const next = loop.next();
      await settle();
      // The first one of three rounds is discarded: it wakes the reader, who finds nothing.
      produce(collection, 1, 'discard_some');
      await settle();
      produce(collection, 1, 'discard_some');
      seen.push((await next).value!);
      for (let more = ring.read(); more !== undefined; more = ring.read()) seen.push(more);
    }
    expect(seen).toEqual(Array.from({ length: 80 }, (_, index) => index).filter((n) => n % 3 !== 2));
    expect(ring.stats()).toEqual({ records: 54, discarded: 26, lost: 0 });
  });

  test('reads several rings, each in its turn', async () => {
    using collection = ringPrograms(4096, 3);
    const maps = ['events', 'events1', 'events2'].map((name) => collection.map(name));
    using ring = RingBuffer.open(maps, { decode: (record) => `${record.source}:${record.u32(0)}` });
    for (const name of ['events2', 'events', 'events']) produce(collection, 2, `write_${name}`);
    const read = Array.from({ length: 6 }, () => ring.read());
    expect(read.sort()).toEqual(['0:2', '0:3', '0:4', '0:5', '2:0', '2:1']);
    for (const [source, name] of ['events', 'events1', 'events2'].entries()) {
      const next = ring.records().next();
      await settle();
      produce(collection, 1, `write_${name}`);
      expect((await next).value).toBe(`${source}:${6 + source}`);
    }
  });

  test('takes large records across its end in one piece', () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'));
    for (let round = 0; round < 20; round++) {
      produce(collection, 3, 'write_large');
      for (let one = 0; one < 3; one++) {
        const bytes = ring.read()!;
        const view = new DataView(bytes.buffer);
        expect([bytes.length, view.getBigUint64(8, true)]).toEqual([1000, 3n * view.getBigUint64(0, true)]);
      }
    }
  });

  test('calls back until a signal is aborted', async () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'));
    const controller = new AbortController();
    let count = 0;
    ring.onRecord(() => count++, { signal: AbortSignal.abort() });
    ring.onRecord(() => count++, { signal: controller.signal });
    produce(collection, 2);
    await settle();
    controller.abort();
    produce(collection, 3);
    await settle();
    expect([count, ring.consume(() => {})]).toEqual([2, 3]);
  });

  test('calls back until it is stopped', async () => {
    using collection = ringPrograms(1 << 16);
    using ring = RingBuffer.open(collection.map('events'), { decode: (record) => record.u32(0) });
    const seen: number[] = [];
    const subscription = ring.onRecord((number) => seen.push(number));
    produce(collection, 3);
    await settle();
    produce(collection, 2);
    await settle();
    subscription.stop();
    produce(collection, 1);
    await settle();
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(ring.read()).toBe(5);
  });

  test('ends its loops when it is closed, and when a signal says so', async () => {
    using collection = ringPrograms(4096);
    const ring = RingBuffer.open(collection.map('events'));
    const waiting = ring.records().next();
    const controller = new AbortController();
    const aborted = ring.records({ signal: controller.signal }).next();
    await settle();
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(ring.records({ signal: AbortSignal.abort() }).next()).rejects.toThrow('aborted');
    ring.close();
    ring.close();
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
    await expect(ring.records().next()).resolves.toEqual({ done: true, value: undefined });
    expect(errorOf(() => ring.read()).message).toMatchInlineSnapshot(
      `"the reader of map 'events' is closed"`,
    );
  });

  test('can be closed by whoever it calls', async () => {
    using collection = ringPrograms(4096);
    const ring = RingBuffer.open(collection.map('events'));
    produce(collection, 10);
    let calls = 0;
    const stopAtThree = (): void => {
      if (++calls === 3) ring.close();
    };
    expect(ring.consume(stopAtThree)).toBe(3);
    const other = RingBuffer.open(collection.map('events'));
    other.onRecord(() => other.close());
    await settle();
    expect(other.closed).toBe(true);
  });

  test('takes a record as read when a callback throws', () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'), { decode: (record) => record.u32(0) });
    produce(collection, 3);
    const fail = (): never => {
      throw new Error('no');
    };
    expect(() => ring.consume(fail)).toThrow('no');
    expect(ring.read()).toBe(1);
    using wrong = RingBuffer.open(collection.map('events'), {
      record: struct('wide', { a: u64, b: u64, c: u32 }),
    });
    expect(errorOf(() => wrong.read()).message).toMatchInlineSnapshot(
      `"a record has 16 bytes, but its layout is 24"`,
    );
  });

  test('lets views read zeros once it is closed', () => {
    using collection = ringPrograms(4096);
    const ring = RingBuffer.open(collection.map('events'), { copy: false });
    produce(collection, 2);
    ring.read();
    const view = ring.read()!;
    expect(view[0]).toBe(1);
    ring.close();
    expect(view).toEqual(new Uint8Array(RECORD_SIZE));
    view.fill(7);
    expect(view[0]).toBe(7);
  });

  test('gives the room of a view back only when the next record is asked for', () => {
    using collection = ringPrograms(4096);
    using ring = RingBuffer.open(collection.map('events'), { copy: false });
    produce(collection, 170);
    const view = ring.read()!;
    expect(produce(collection, 1)).toBe(-11);
    expect(view[0]).toBe(0);
    ring.read();
    ring.read();
    expect(produce(collection, 1)).toBe(0);
  });

  test('needs no open map, and leaves no descriptor behind', async () => {
    const before = readdirSync('/proc/self/fd').length;
    for (let round = 0; round < 20; round++) {
      const collection = ringPrograms(4096);
      const ring = RingBuffer.open(collection.map('events'));
      collection.map('events').close();
      const next = ring.records().next();
      produce(collection);
      expect((await next).value).toHaveLength(RECORD_SIZE);
      ring.close();
      collection.close();
    }
    await settle();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  test('says what it does not take', () => {
    using map = BpfMap.create({
      name: 'counts',
      type: MapType.ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    });
    expect(errorOf(() => RingBuffer.open(map)).message).toMatchInlineSnapshot(
      `"map 'counts' is of type array, which a ring buffer reader does not take"`,
    );
    using collection = ringPrograms(4096);
    const both = { record: event, decode: () => event.zero };
    expect(errorOf(() => RingBuffer.open(collection.map('events'), both)).message).toMatchInlineSnapshot(
      `"give either 'record' or 'decode'"`,
    );
    expect(errorOf(() => RingBuffer.open([])).message).toMatchInlineSnapshot(
      `"a ring buffer reader needs one map or more"`,
    );
    using ring = RingBuffer.open(collection.map('events'));
    produce(collection);
    ring.consume((record) => {
      expect(errorOf(() => record.u32(13)).message).toMatchInlineSnapshot(
        `"offset in a record is 13, but must be a whole number from 0 to 12"`,
      );
    });
  });
});
