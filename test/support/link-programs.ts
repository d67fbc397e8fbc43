import { assembleOrThrow } from '../../src/asm/index.ts';
import { type Collection, type LoadOptions, loadCollection } from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';

/** A program that counts its calls in `hits[0]` and answers `result`. */
export function countingText(section: string, result: number | string, name = 'probe'): string {
  return `
    .license "GPL"
    .map hits, array, key=4, value=8, entries=4
    .program ${name}, "${section}"
    *(u32 *)(r10 - 4) = 0
    r2 = r10
    r2 += -4
    r1 = hits ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
out:
    r0 = ${result}
    exit
`;
}

/** Writes `x` in a line for each task, map … that it meets. */
export function iteratorText(name: string, target: string): string {
  return `
    .license "GPL"
    .program ${name}, "iter/${target}"
    r1 = *(u64 *)(r1 + 0)
    r1 = *(u64 *)(r1 + 0)
    r2 = 0x0a78
    *(u64 *)(r10 - 8) = r2
    r2 = r10
    r2 += -8
    r3 = 2
    call bpf_seq_write
    r0 = 0
    exit
`;
}

/** As {@link countingText}, for one process: the calls of others are not counted; `hits[1]` is the cookie of the last call. */
export function cookieText(section: string, pid = 0): string {
  const mine =
    pid === 0
      ? ''
      : `
    call bpf_get_current_pid_tgid
    r0 >>= 32
    if r0 != ${pid} goto out`;
  return `
    .license "GPL"
    .map hits, array, key=4, value=8, entries=4
    .program probe, "${section}"
    r6 = r1${mine}
    *(u32 *)(r10 - 4) = 0
    r2 = r10
    r2 += -4
    r1 = hits ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
    r1 = r6
    call bpf_get_attach_cookie
    *(u64 *)(r10 - 16) = r0
    *(u32 *)(r10 - 4) = 1
    r1 = hits ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call bpf_map_update_elem
out:
    r0 = 0
    exit
`;
}

/** Assembles and loads; problems of the text fail the test. */
export function loadText(text: string, options?: LoadOptions): Collection {
  return loadCollection(collect(assembleOrThrow(text).object), options);
}

/** The number at an index of `hits`. */
export function hits(collection: Collection, index = 0): bigint {
  return collection.map('hits').get(index) as bigint;
}
