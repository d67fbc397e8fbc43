import { describe, expect } from 'vitest';
import { PerfMemory } from '../../src/kernel/read/perf-memory.ts';
import type { RecordRing } from '../../src/kernel/read/record-ring.ts';
import { RING_DISCARD, RingMemory } from '../../src/kernel/read/ring-memory.ts';
import { fc, test } from '../support/property.ts';

const SIZE = 256;
const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;

/** A ring that a kernel writes, as far as there is room. */
interface Writer {
  readonly ring: RecordRing;
  /** @returns whether there was room */
  write(bytes: readonly number[], kind: 'record' | 'other'): boolean;
}

/** How far both have come, in memory that they share. */
class Ends {
  readonly memory: Uint8Array = new Uint8Array(4096);
  readonly #head: BigUint64Array;
  readonly #tail: BigUint64Array;

  constructor(head: number, tail: number, start: bigint) {
    this.#head = new BigUint64Array(this.memory.buffer, head, 1);
    this.#tail = new BigUint64Array(this.memory.buffer, tail, 1);
    this.#head[0] = this.#tail[0] = start;
  }

  get at(): number {
    return Number(this.#head[0]! % BigInt(SIZE));
  }

  /** Takes room for a record. */
  take(length: number): boolean {
    if (this.#head[0]! + BigInt(length) - this.#tail[0]! > SIZE) return false;
    this.#head[0]! += BigInt(length);
    return true;
  }
}

const roundUp = (length: number): number => (length + 7) & ~7;

function ringBuffer(start: bigint): Writer {
  const ends = new Ends(2048, 0, start);
  const data = new Uint8Array(2 * SIZE);
  const view = new DataView(data.buffer);
  const pages = { consumer: ends.memory.subarray(0, 8), producer: ends.memory.subarray(2048), data };
  return {
    ring: new RingMemory(pages, 0),
    write(bytes, kind) {
      const { at } = ends;
      if (!ends.take(roundUp(bytes.length + 8))) return false;
      // Its pages are mapped twice.
      for (const [index, byte] of bytes.entries())
        for (const half of [0, SIZE]) data[((at + 8 + index) % SIZE) + half] = byte;
      for (const half of [0, SIZE])
        view.setUint32(at + half, bytes.length | (kind === 'other' ? RING_DISCARD : 0), true);
      return true;
    },
  };
}

function perfRing(start: bigint): Writer {
  const ends = new Ends(1024, 1032, start);
  const data = new Uint8Array(SIZE);
  const put = (at: number, value: number, size: number): void => {
    for (let index = 0; index < size; index++) data[(at + index) % SIZE] = (value >>> (8 * index)) & 0xff;
  };
  return {
    ring: new PerfMemory({ control: ends.memory, data }, 0),
    write(bytes, kind) {
      const { at } = ends;
      const size = kind === 'other' ? 24 : roundUp(bytes.length + 12);
      if (!ends.take(size)) return false;
      put(at, kind === 'other' ? PERF_RECORD_LOST : PERF_RECORD_SAMPLE, 4);
      put(at + 6, size, 2);
      put(at + 8, bytes.length, 4);
      if (kind === 'other') put(at + 16, 1, 4);
      else for (const [index, byte] of bytes.entries()) put(at + 12 + index, byte, 1);
      return true;
    },
  };
}

const operation = fc.oneof(
  fc.record({
    do: fc.constant('write'),
    bytes: fc.array(fc.nat(255), { maxLength: 60 }),
    kind: fc.constantFrom('record', 'record', 'record', 'other'),
  } as const),
  fc.record({ do: fc.constant('consume'), limit: fc.oneof(fc.nat(5), fc.constant(2 ** 31 - 1)) } as const),
  fc.record({ do: fc.constant('next') } as const),
  fc.record({ do: fc.constant('throw') } as const),
  fc.record({ do: fc.constant('nest') } as const),
);

// Those of the kernel are of 64 bits, of which the reader takes 32.
const START = fc.constantFrom(0n, 2n ** 31n - 64n, 2n ** 32n - 64n, 2n ** 53n - 64n);

describe.each([
  ['a ring buffer', ringBuffer],
  ['a perf ring', perfRing],
])('%s', (_, make) => {
  test.prop([START, fc.array(operation, { maxLength: 60 })])(
    'gives each record once and in order, however it is read',
    (start, operations) => {
      const { ring, write } = make(start);
      /** What was written and not yet read. */
      const written: (readonly number[])[] = [];
      let [others, records] = [0, 0];
      const take = (): void => {
        records++;
        expect([...ring.view.copy()]).toEqual(written.shift());
      };
      for (const step of operations) {
        if (step.do === 'write') {
          if (!write(step.bytes, step.kind)) continue;
          if (step.kind === 'record') written.push(step.bytes);
          else others++;
        } else if (step.do === 'consume') {
          const there = Math.min(step.limit, written.length);
          expect(ring.consume(take, step.limit)).toBe(there);
        } else if (step.do === 'next') {
          const there = written.length > 0;
          expect(ring.next()).toBe(there);
          if (there) take();
          ring.publish();
        } else if (written.length > 0) {
          const [before, seen] = [written.length, records];
          if (step.do === 'throw') {
            const fail = (): never => {
              take();
              throw new Error('no');
            };
            expect(() => ring.consume(fail, 100)).toThrow('no');
            expect(written.length).toBe(before - 1);
          } else {
            // What the callback reads by itself does not come again.
            ring.consume(() => {
              take();
              if (ring.next()) take();
            }, 100);
            expect(records - seen).toBe(before);
          }
        }
        expect(ring.records).toBe(records);
      }
      ring.consume(take, 2 ** 31 - 1);
      expect(written).toEqual([]);
      expect(ring.discarded + ring.lost).toBe(others);
    },
  );
});
