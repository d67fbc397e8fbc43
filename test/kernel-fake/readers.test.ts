import { describe, expect, test } from 'vitest';
import { onlineCpus, parseCpuList } from '../../src/kernel/cpu-list.ts';
import { PerfMemory } from '../../src/kernel/read/perf-memory.ts';
import type { RecordView } from '../../src/kernel/read/record-view.ts';
import { RING_BUSY, RING_DISCARD, RingMemory } from '../../src/kernel/read/ring-memory.ts';
import { parseTraceLine, TraceParser } from '../../src/kernel/read/trace-line.ts';
import { Waiter } from '../../src/kernel/read/waiter.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { perfEventAttr } from '../../src/syscall/perf-event-attr.ts';
import { openPerfOutput, pausePerfOutput } from '../../src/syscall/perf-output.ts';
import { toHex } from '../../src/util/bytes.ts';
import { useFakeNative } from '../support/fake-native.ts';
import { errorOf } from '../support/kernel.ts';

/** A ring of 64 bytes as a kernel would write it, at any position. */
class FakeRing {
  readonly consumer: Uint8Array = new Uint8Array(8);
  readonly producer: Uint8Array = new Uint8Array(8);
  readonly data: Uint8Array = new Uint8Array(128);
  #position: bigint;

  constructor(position = 0n) {
    this.#position = position;
    for (const bytes of [this.consumer, this.producer]) new BigInt64Array(bytes.buffer)[0] = position;
  }

  get consumed(): bigint {
    return new BigUint64Array(this.consumer.buffer)[0]!;
  }

  /** @returns where the header lies */
  write(value: number, length = 4, bits = 0): number {
    const at = Number(this.#position & 63n);
    this.#set(at, length | bits);
    this.#set(at + 8, value);
    this.#position += BigInt((length + 15) & ~7);
    new BigUint64Array(this.producer.buffer)[0] = BigInt.asUintN(64, this.#position);
    return at;
  }

  finish(at: number, length = 4): void {
    this.#set(at, length);
  }

  /** The pages are there twice. */
  #set(at: number, value: number): void {
    const view = new DataView(this.data.buffer);
    view.setInt32(at % 64, value, true);
    view.setInt32((at % 64) + 64, value, true);
  }
}

const values = (ring: RingMemory): number[] => {
  const out: number[] = [];
  ring.consume((record) => out.push(record.u32(0)), 100);
  return out;
};

describe('the memory of a ring', () => {
  test('is read up to a record that is being written, and on when it is finished', () => {
    const fake = new FakeRing();
    const ring = new RingMemory(fake, 0);
    fake.write(1);
    const busy = fake.write(2, 4, RING_BUSY);
    fake.write(3);
    expect(values(ring)).toEqual([1]);
    expect(fake.consumed).toBe(16n);
    expect(ring.next()).toBe(false);
    fake.finish(busy);
    expect(values(ring)).toEqual([2, 3]);
    expect(fake.consumed).toBe(48n);
  });

  test('counts and skips what was discarded', () => {
    const fake = new FakeRing();
    const ring = new RingMemory(fake, 0);
    fake.write(1, 4, RING_DISCARD);
    fake.write(2);
    fake.write(3, 4, RING_DISCARD);
    expect(values(ring)).toEqual([2]);
    expect([ring.discarded, fake.consumed]).toEqual([2, 48n]);
  });

  test('goes on where positions outgrow 32 and 31 bits', () => {
    for (const start of [2n ** 31n - 32n, 2n ** 32n - 32n, 2n ** 53n - 32n]) {
      const fake = new FakeRing(start);
      const ring = new RingMemory(fake, 0);
      for (let round = 0n; round < 8n; round++) {
        fake.write(Number(round));
        expect(values(ring)).toEqual([Number(round)]);
        expect(fake.consumed).toBe(start + 16n * (round + 1n));
      }
    }
  });

  test('looks again after it has told the kernel, which wakes nobody for what came before', () => {
    const fake = new FakeRing();
    const ring = new RingMemory(fake, 0);
    fake.write(1);
    const seen: number[] = [];
    const callback = (record: RecordView): void => {
      seen.push(record.u32(0));
      if (seen.length < 3) fake.write(seen.length + 1);
    };
    expect(ring.consume(callback, 100)).toBe(3);
    expect(seen).toEqual([1, 2, 3]);
  });

  test('can be read on by the callback', () => {
    const fake = new FakeRing();
    const ring = new RingMemory(fake, 0);
    for (const value of [1, 2, 3]) fake.write(value);
    const seen: number[] = [];
    ring.consume((record) => {
      seen.push(record.u32(0));
      if (seen.length === 1 && ring.next()) seen.push(ring.view.u32(0));
    }, 100);
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe('the memory of a perf ring', () => {
  test('takes records without a size as the end of all that makes sense', () => {
    const control = new Uint8Array(4096);
    const head = new BigUint64Array(control.buffer);
    head[128] = 64n;
    const ring = new PerfMemory({ control, data: new Uint8Array(4096) }, 0);
    expect(ring.next()).toBe(false);
    ring.publish();
    expect(head[129]).toBe(64n);
  });

  test('never shows more than the record has', () => {
    const control = new Uint8Array(4096);
    const data = new Uint8Array(4096);
    const view = new DataView(data.buffer);
    // A sample of 24 bytes that claims to hold 4096.
    view.setUint32(0, 9, true);
    view.setUint16(6, 24, true);
    view.setUint32(8, 4096, true);
    new BigUint64Array(control.buffer)[128] = 24n;
    const ring = new PerfMemory({ control, data }, 3);
    expect([ring.next(), ring.view.length, ring.view.source]).toEqual([true, 12, 3]);
  });
});

describe('waiting', () => {
  const native = useFakeNative();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  test('is one descriptor in the loop, which keeps the process alive while somebody waits', async () => {
    const fake = native();
    fake.answer(50);
    const waiter = new Waiter('a ring');
    waiter.watch(new Fd(7, 'ring 7'), 1);
    expect(fake.polls).toEqual([]);
    const waiting = waiter.wait();
    expect(fake.polls[0]).toMatchObject({ fd: 50, referenced: true, closed: false });
    fake.polls[0]!.ready();
    await waiting;
    expect(fake.polls[0]).toMatchObject({ referenced: false, closed: false });
    // Takes the edges off the set at each call, or the loop would go on calling.
    expect(fake.calls.filter((call) => fake.named(call, 'epoll_pwait'))).toHaveLength(1);
    waiter.close();
    expect(fake.polls[0]).toMatchObject({ closed: true });
    await waiter.wait();
  });

  test('looks once more when the loop has really begun to wait', async () => {
    native().answer(50);
    const waiter = new Waiter('a ring');
    let woken = 0;
    waiter.listen(() => woken++);
    for (let round = 0; round < 4; round++) await turn();
    expect(woken).toBe(1);
    waiter.close();
  });

  test('does not keep the process alive where that is not wanted', () => {
    native().answer(50);
    const waiter = new Waiter('a ring');
    waiter.keepAlive = false;
    const stop = waiter.listen(() => {});
    expect(native().polls[0]).toMatchObject({ referenced: false });
    waiter.keepAlive = true;
    expect(native().polls[0]).toMatchObject({ referenced: true });
    stop();
    expect(native().polls[0]).toMatchObject({ referenced: false });
    waiter.close();
  });

  test('says what was refused', () => {
    native().answer(-24);
    expect(errorOf(() => new Waiter('a ring')).message).toMatchInlineSnapshot(
      `"cannot make the readiness of a ring: this process has as many descriptors open as it may (EMFILE)"`,
    );
    native().answer(50, -1);
    const waiter = new Waiter('a ring');
    expect(errorOf(() => waiter.watch(new Fd(7, 'ring 7'), 1)).message).toMatchInlineSnapshot(
      `"cannot wait for ring 7: it cannot be waited for (EPERM)"`,
    );
  });
});

describe('the perf event of a CPU', () => {
  const native = useFakeNative();
  const attrOf = (): string => toHex(native().at(native().calls[0]!.args[0]!), ' ');

  test('is opened for the output of programs', () => {
    native().answer(9);
    expect(openPerfOutput({ cpu: 3, wakeup: { events: 5 } })?.number).toBe(9);
    expect(native().calls[0]!.args).toEqual([0x1000, -1, 3, -1, 8, 0]);
    expect(attrOf()).toMatchInlineSnapshot(
      `"01 00 00 00 80 00 00 00 0a 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"`,
    );
  });

  test('is told by bytes, and written backward, where that is wanted', () => {
    native().answer(9);
    openPerfOutput({ cpu: 0, wakeup: { bytes: 4096 }, backward: true });
    expect(attrOf()).toMatchInlineSnapshot(
      `"01 00 00 00 80 00 00 00 0a 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 40 00 08 00 00 00 00 00 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"`,
    );
  });

  test('has its members where linux/perf_event.h has them', () => {
    // Written down from offsetof() in C.
    expect(perfEventAttr.size).toBe(128);
    expect(perfEventAttr.offsets).toMatchObject({
      ...{
        type: 0,
        size: 4,
        config: 8,
        sample_period: 16,
        sample_type: 24,
        read_format: 32,
        wakeup_events: 48,
      },
      ...{ bp_type: 52, config1: 56, config2: 64, branch_sample_type: 72, sample_regs_user: 80 },
      ...{ sample_stack_user: 88, clockid: 92, sample_regs_intr: 96, aux_watermark: 104 },
      ...{ sample_max_stack: 108, aux_sample_size: 112, sig_data: 120 },
    });
  });

  test('is left out where the CPU is offline, and refused in words', () => {
    native().answer(-19, -24, -22);
    expect(openPerfOutput({ cpu: 3, wakeup: { events: 1 } })).toBeUndefined();
    expect(errorOf(() => openPerfOutput({ cpu: 3, wakeup: { events: 1 } })).message).toMatchInlineSnapshot(
      `"cannot open the perf ring of CPU 3: this process has as many descriptors open as it may (EMFILE)"`,
    );
    expect(errorOf(() => pausePerfOutput(new Fd(5, 'the ring'), true)).message).toMatchInlineSnapshot(
      `"cannot pause the ring: programs of this type do not go to this kind of event (EINVAL)"`,
    );
  });
});

describe('a list of CPUs', () => {
  test('has ranges and gaps', () => {
    expect(parseCpuList('0\n')).toEqual([0]);
    expect(parseCpuList('0-3,5,8-9\n')).toEqual([0, 1, 2, 3, 5, 8, 9]);
    expect(parseCpuList('\n')).toEqual([]);
    expect(onlineCpus().length).toBeGreaterThan(0);
    for (const text of ['3-1', 'all', '0-', '-1', '0-4000000000', '1,,2'])
      expect(errorOf(() => parseCpuList(text)).code).toBe('CPUS_UNKNOWN');
    expect(errorOf(() => parseCpuList('3-1')).message).toMatchInlineSnapshot(
      `"the list says '3-1', which is no list of CPUs"`,
    );
  });
});

describe('a line of trace_pipe', () => {
  test('is a record', () => {
    expect(
      parseTraceLine('            bash-1234    [001] ...21   361.123456: bpf_trace_printk: hello: world'),
    ).toEqual({
      kind: 'record',
      record: {
        task: 'bash',
        pid: 1234,
        cpu: 1,
        flags: '...21',
        timestamp: 361.123456,
        event: 'bpf_trace_printk',
        text: 'hello: world',
      },
    });
  });

  test('has any name of a thread, and may have a thread group', () => {
    const names = (line: string): unknown => {
      const parsed = parseTraceLine(line);
      return parsed.kind === 'record' ? [parsed.record.task, parsed.record.pid] : parsed;
    };
    expect(names('  kworker/u4:2-ev-77  [000] d.h1.  1.5: bpf_trace_printk: x')).toEqual([
      'kworker/u4:2-ev',
      77,
    ]);
    expect(names('   Web Content-88 (   1234) [000] d.h1.  1.5: bpf_trace_printk: x')).toEqual([
      'Web Content',
      88,
    ]);
    expect(names('           <...>-99 (-------) [000] d.h1.  1.5: sys_enter: NR 1 (2, 3)')).toEqual([
      '<...>',
      99,
    ]);
  });

  test('may tell of losses, and may be the rest of a text', () => {
    expect(parseTraceLine('CPU:3 [LOST 12 EVENTS]')).toEqual({ kind: 'lost', cpu: 3, count: 12 });
    expect(parseTraceLine('anything')).toEqual({ kind: 'text', text: 'anything' });
    const parser = new TraceParser();
    const line = '  a-1  [000] d.h1.  1.5: bpf_trace_printk: first';
    expect(
      parser.push(`CPU:0 [LOST 2 EVENTS]\n${line}\nsecond\n\n${line.slice(0, 9)}`).map(({ text }) => text),
    ).toEqual(['first\nsecond']);
    expect(parser.push(`${line.slice(9)}\n`)[0]?.text).toBe('first');
    expect(parser.lost).toBe(2);
  });

  test('is read in linear time, whatever it says', () => {
    const long = `${'a-1 '.repeat(100_000)}: x`;
    expect(parseTraceLine(long)).toEqual({ kind: 'text', text: long });
  });
});
