import { expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { onlineCpus } from '../../src/kernel/cpu-list.ts';
import { BpfMap, PerfBuffer, PerfRecorder } from '../../src/kernel/index.ts';
import { struct, u64 } from '../../src/util/struct.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { perfProgram, produce } from '../support/readers.ts';

const event = struct('event', { number: u64, triple: u64 });
const PAGE = 4096;

async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setImmediate(resolve));
}

describeKernel('a perf buffer', () => {
  test('has a ring for each CPU that is online', () => {
    using collection = perfProgram();
    using events = PerfBuffer.open(collection.map('events'), { record: event });
    expect(events.cpus).toEqual(onlineCpus());
    expect(produce(collection, 2)).toBe(0);
    const first = events.read()!;
    expect(events.cpus).toContain(first.cpu);
    expect(first.data).toEqual({ number: 0n, triple: 0n });
    expect(events.read()?.data).toEqual({ number: 1n, triple: 3n });
    expect(events.read()).toBeUndefined();
  });

  test('pads its records', () => {
    using collection = perfProgram();
    using events = PerfBuffer.open(collection.map('events'));
    produce(collection);
    expect(events.read()?.data).toHaveLength(20);
  });

  test('is a loop that is woken each time', async () => {
    using collection = perfProgram();
    using events = PerfBuffer.open(collection.map('events'), { record: event });
    const loop = events.records();
    for (let round = 0; round < 50; round++) {
      const next = loop.next();
      await settle();
      produce(collection);
      expect((await next).value?.data.number).toBe(BigInt(round));
    }
  });

  test('misses nothing that is written before the loop has begun to wait', async () => {
    for (let round = 0; round < 20; round++) {
      using collection = perfProgram();
      using events = PerfBuffer.open(collection.map('events'), { record: event });
      const next = events.records().next();
      if (round % 2 === 1) await Promise.resolve();
      produce(collection);
      expect((await next).value?.data.number).toBe(0n);
    }
  });

  test('can be woken for several at once', async () => {
    using collection = perfProgram();
    using events = PerfBuffer.open(collection.map('events'), { record: event, wakeupEvents: 5, cpus: [0] });
    using all = PerfBuffer.open(collection.map('events'), { record: event, wakeupBytes: 100 });
    let seen = 0;
    all.onRecord(() => seen++);
    await settle();
    produce(collection, 100);
    await settle();
    expect(seen).toBeGreaterThanOrEqual(90);
    expect(events.read()).toBeUndefined();
  });

  test('puts records together that its end cuts in two', () => {
    for (const size of [16, 40, 264, 500]) {
      using collection = perfProgram(size);
      using events = PerfBuffer.open(collection.map('events'), {
        record: event,
        sizePerCpu: PAGE,
      });
      for (let number = 0; number < 300; number++) {
        produce(collection);
        expect(events.read()?.data).toEqual({ number: BigInt(number), triple: BigInt(3 * number) });
      }
    }
  });

  test('counts what found no room, by CPU', () => {
    using collection = perfProgram();
    const told: number[] = [];
    using events = PerfBuffer.open(collection.map('events'), {
      record: event,
      sizePerCpu: PAGE,
      onLost: ({ count }) => told.push(count),
    });
    let written = 0;
    for (let round = 0; round < 10; round++) {
      produce(collection, 1000);
      written += 1000;
      events.consume(() => {});
    }
    // The kernel tells of losses with the next record that has room.
    for (let cpus = 0; cpus < 100; cpus++) {
      produce(collection);
      written++;
      events.consume(() => {});
    }
    const { records, lost } = events.stats();
    expect(lost).toBeGreaterThan(1000);
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(lost);
    expect([...events.lostByCpu().values()].reduce((sum, count) => sum + count, 0)).toBe(lost);
    expect(lost + records).toBeLessThanOrEqual(written);
    expect(lost + records).toBeGreaterThan(written - 1000 * (events.cpus.length - 1) - 1);
  });

  test('can be closed by whoever is told of a loss', () => {
    using collection = perfProgram();
    const events: PerfBuffer = PerfBuffer.open(collection.map('events'), {
      sizePerCpu: PAGE,
      onLost: () => events.close(),
    });
    for (let round = 0; round < 20 && !events.closed; round++) {
      produce(collection, 500);
      events.consume(() => {});
    }
    expect(events.closed).toBe(true);
  });

  test('empties its slots when it is closed, and ends its loops', async () => {
    using collection = perfProgram();
    const events = PerfBuffer.open(collection.map('events'));
    const next = events.records().next();
    await settle();
    events.close();
    await expect(next).resolves.toEqual({ done: true, value: undefined });
    const ENOENT = -2;
    expect(produce(collection)).toBe(ENOENT);
    using again = PerfBuffer.open(collection.map('events'));
    expect(produce(collection)).toBe(0);
    expect(again.read()).toBeDefined();
  });

  test('leaves the slots alone that another one has taken', () => {
    using collection = perfProgram();
    const first = PerfBuffer.open(collection.map('events'));
    using second = PerfBuffer.open(collection.map('events'));
    first.close();
    expect(produce(collection)).toBe(0);
    expect(second.read()).toBeDefined();
  });

  test('says what it does not take', () => {
    const create = (type: MapType): BpfMap =>
      BpfMap.create({ name: 'slots', type, keySize: 4, valueSize: 4, maxEntries: 1 });
    using array = create(MapType.ARRAY);
    expect(errorOf(() => PerfBuffer.open(array)).message).toMatchInlineSnapshot(
      `"map 'slots' is of type array, which a perf buffer reader does not take"`,
    );
    using small = create(MapType.PERF_EVENT_ARRAY);
    if (onlineCpus().length === 2)
      expect(errorOf(() => PerfBuffer.open(small)).message).toMatchInlineSnapshot(
        `"map 'slots' has 1 slots, so what CPU 1 writes would be lost"`,
      );
    using one = PerfBuffer.open(small, { cpus: [0] });
    expect(one.cpus).toEqual([0]);
    expect(errorOf(() => PerfBuffer.open(small, { cpus: [0], sizePerCpu: 0 })).message).toMatchInlineSnapshot(
      `"sizePerCpu is 0, but must be a whole number from 1 to 1073741824"`,
    );
    expect(errorOf(() => PerfBuffer.open(small, { cpus: [-1] })).message).toMatchInlineSnapshot(
      `"CPU is -1, but must be a whole number from 0 to 2147483647"`,
    );
    expect(errorOf(() => PerfBuffer.open(small, { cpus: [0, 0] })).message).toMatchInlineSnapshot(
      `"a perf buffer reader needs a CPU or more, each once: '0, 0'"`,
    );
    expect(errorOf(() => PerfBuffer.open(small, { cpus: [] })).message).toMatchInlineSnapshot(
      `"a perf buffer reader needs a CPU or more, each once: ''"`,
    );
  });
});

describeKernel('a perf recorder', () => {
  test('keeps the newest records, and shows the oldest of them first', () => {
    using collection = perfProgram();
    using recorder = PerfRecorder.open(collection.map('events'), {
      sizePerCpu: PAGE,
      decode: (record) => record.u32(0),
    });
    expect(recorder.snapshot()).toEqual([]);
    produce(collection, 3);
    const numbers = (): number[] =>
      recorder
        .snapshot()
        .map(({ data }) => data)
        .sort((a, b) => a - b);
    expect(numbers()).toEqual([0, 1, 2]);
    expect(numbers()).toEqual([0, 1, 2]);
    produce(collection, 997);
    const [last] = numbers().slice(-1);
    expect(last).toBe(999);
    expect(recorder.snapshot().length).toBeLessThanOrEqual(128 * onlineCpus().length);
    recorder.close();
    recorder.close();
    expect(errorOf(() => recorder.snapshot()).message).toMatchInlineSnapshot(`"the recorder is closed"`);
  });
});
