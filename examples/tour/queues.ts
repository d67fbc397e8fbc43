// Maps without keys: queues, sets, and what carries events.
import { MapFlag, MapType } from 'tsbpf/isa';
import { BloomFilter, loadCollection, PerfBuffer, QueueMap, RingBuffer, UserRingBuffer } from 'tsbpf/kernel';
import { struct, u32, u64 } from 'tsbpf/util';
import { readSpec } from '../run.ts';
import { create, line, stop, tell, title } from './stop.ts';

const record = struct('record', { number: u64 });

export async function tourOfQueues(): Promise<void> {
  for (const [type, use] of [
    [MapType.QUEUE, 'first in, first out'],
    [MapType.STACK, 'last in, first out'],
  ] as const) {
    stop({ type, keySize: 0, maxEntries: 2 }, use, (map) => {
      const queue = QueueMap.of(map, u32);
      queue.push(1);
      queue.push(2);
      tell('push(1), push(2), then peek()', () => queue.peek());
      tell('push(3) in two', () => queue.push(3));
      tell('push(3) in place of the oldest, pop()', () => {
        queue.push(3, { replace: true });
        return [queue.pop(), queue.pop(), queue.pop()];
      });
    });
  }
  stop({ type: MapType.BLOOM_FILTER, keySize: 0, extra: 5n }, 'a set that may say yes too often', (map) => {
    const set = BloomFilter.of(map, u32);
    set.add(42);
    tell('add(42), then has(42), has(43)', () => [set.has(42), set.has(43)]);
    tell('with 16 hash functions', () =>
      create({ type: MapType.BLOOM_FILTER, keySize: 0, extra: 16n }).close(),
    );
  });
  await tourOfEvents();
  stop(
    { type: MapType.ARENA, keySize: 0, valueSize: 0, flags: MapFlag.MMAPABLE },
    'memory shared with programs',
    (map) => {
      using memory = map.mmap();
      memory.bytes[4096] = 7;
      tell('written in memory, read again', () => memory.bytes[4096]);
      tell('get(0)', () => map.get(0));
    },
  );
}

async function tourOfEvents(): Promise<void> {
  using collection = loadCollection(readSpec('bpf/map_tour.s'));
  const data = new Uint8Array(64);
  const runs = (name: string): number => collection.program(name).testRun({ data }).retval | 0; // signed

  title(MapType.RINGBUF, 'events of all CPUs, in order');
  using ring = RingBuffer.open(collection.map('ring'), { record });
  tell('submitted, then discarded', () => [runs('submit'), runs('discard')]);
  for await (const { number } of ring) {
    line('read', number);
    break;
  }
  ring.consume(() => {});
  line('counted', `${ring.stats().records} read, ${ring.stats().discarded} discarded`);
  const ringOf =
    (maxEntries: number): (() => void) =>
    () =>
      create({ type: MapType.RINGBUF, keySize: 0, valueSize: 0, maxEntries }).close();
  tell('of 5000 bytes', ringOf(5000));
  tell('get(0)', () => collection.map('ring').get(0));

  title(MapType.PERF_EVENT_ARRAY, 'events in a ring for each CPU');
  tell('written, nobody reads: -ENOENT', () => runs('output'));
  using perf = PerfBuffer.open(collection.map('perf'), { record });
  tell('written, somebody reads', () => runs('output'));
  for await (const { data } of perf) {
    line('read', data.number);
    break;
  }

  title(MapType.USER_RINGBUF, 'records to a program');
  using commands = UserRingBuffer.open(collection.map('commands'), { record: u64 });
  tell('write(40), write(2), then the sum', () => {
    commands.write(40n);
    commands.write(2n);
    runs('drain');
    return collection.variable('total').get();
  });

  title(MapType.STACK_TRACE, 'where programs were called from');
  const traces = collection.map('traces');
  tell('a stack was kept', () => {
    const id = collection.program('keep_stack').testRun().retval;
    return id < traces.maxEntries && (traces.getBytes(id)?.length ?? 0) > 0;
  });
  tell('set(0)', () => traces.set(0, new Uint8Array(traces.valueSize)));
}
