import { assembleOrThrow } from '../../src/asm/index.ts';
import { type Collection, loadCollection } from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';

/** What every program here writes: its number from 0 on, and three times that. */
export const RECORD_SIZE = 16;

const NEXT_NUMBER = `
    .macro number place
    r1 = total ll
    r6 = 1
    r6 = atomic_fetch_add((u64 *)(r1 + 0), r6)
    *(u64 *)(\\place + 0) = r6
    r7 = r6
    r7 *= 3
    *(u64 *)(\\place + 8) = r7
    .endm
    .var u64 total
`;

/** Programs that write one record a run: copied, in place, and in place with every third one discarded. */
export function ringPrograms(entries: number, maps = 1, flags = '0'): Collection {
  const names = Array.from({ length: maps }, (_, index) => (index === 0 ? 'events' : `events${index}`));
  return load(`
    .license "GPL"
    ${NEXT_NUMBER}
    ${names.map((name) => `.map ${name}, ringbuf, entries=${entries}`).join('\n')}
    ${names
      .map(
        (name) => `
    .program write_${name}, "xdp"
    r9 = r10
    r9 += -16
    number r9
    r1 = ${name} ll
    r2 = r9
    r3 = 16
    r4 = ${flags}
    call bpf_ringbuf_output
    exit`,
      )
      .join('\n')}

    .program write_large, "xdp"
    r1 = events ll
    r2 = 1000
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto none
    r9 = r0
    number r9
    r1 = r9
    r2 = 0
    call bpf_ringbuf_submit
none:
    r0 = 0
    exit

    .program discard_some, "xdp"
    r1 = events ll
    r2 = 16
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto none2
    r9 = r0
    number r9
    r1 = r9
    r2 = 0
    r6 %= 3
    if r6 == 2 goto discard
    call bpf_ringbuf_submit
none2:
    r0 = 0
    exit
discard:
    call bpf_ringbuf_discard
    r0 = 0
    exit
`);
}

/** A program that writes one record of `size` bytes a run with bpf_perf_event_output. */
export function perfProgram(size = RECORD_SIZE): Collection {
  const room = Math.ceil(size / 8) * 8;
  return load(`
    .license "GPL"
    ${NEXT_NUMBER}
    .map events, perf_event_array
    .program write_events, "xdp"
    r8 = r1
${Array.from({ length: room / 8 }, (_, index) => `    *(u64 *)(r10 - ${8 * (index + 1)}) = 0`).join('\n')}
    r9 = r10
    r9 += -${room}
    number r9
    r1 = r8
    r2 = events ll
    r3 = 0xffffffff ll
    r4 = r9
    r5 = ${size}
    call bpf_perf_event_output
    exit
`);
}

/** A program that takes what user space wrote, adds it up in `total`, and counts it in `drained`. */
export function drainProgram(entries: number): Collection {
  return load(`
    .license "GPL"
    .map commands, user_ringbuf, entries=${entries}
    .var u64 total
    .var u64 drained
    .program drain, "xdp"
    r1 = commands ll
    r2 = add ll
    r3 = 0
    r4 = 0
    call bpf_user_ringbuf_drain
    exit

    .function add
    r3 = r1
    r1 = r10
    r1 += -8
    r2 = 8
    r4 = 0
    r5 = 0
    call bpf_dynptr_read
    if r0 != 0 goto done
    r2 = *(u64 *)(r10 - 8)
    r1 = total ll
    lock *(u64 *)(r1 + 0) += r2
done:
    r2 = 1
    r1 = drained ll
    lock *(u64 *)(r1 + 0) += r2
    r0 = 0
    exit
`);
}

/** A program that prints a line. */
export function printProgram(text: string): Collection {
  return load(`
    .license "GPL"
    .program print, "xdp"
    r1 = "${text}" ll
    r2 = sizeof("${text}")
    r3 = 42
    call bpf_trace_printk
    exit
`);
}

export function load(text: string): Collection {
  return loadCollection(collect(assembleOrThrow(text).object));
}

export const FRAME: Uint8Array = new Uint8Array(64);

/** Runs a program so many times in a row; answers the last return value, signed. */
export function produce(collection: Collection, count = 1, program = 'write_events'): number {
  return collection.program(program).testRun({ data: FRAME, repeat: count }).retval | 0;
}
