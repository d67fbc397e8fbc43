import { readFileSync } from 'node:fs';
import { viewOf } from '../util/bytes.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { invoke, viewMemory } from './native.ts';

/** Linux, `include/uapi/asm-generic/mman-common.h`. */
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
/** MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE */
const COVER = 2 | 0x10 | 0x20 | 0x4000;

/** Memory that is shared with the kernel. */
export interface Mapping {
  readonly bytes: Uint8Array;
  readonly address: number;
}

export interface MappingParams {
  readonly fd: number;
  /** Bytes, whole pages. */
  readonly length: number;
  /** Bytes, whole pages. */
  readonly offset?: number;
  readonly writable?: boolean;
  /** Where it must lie, for arenas that have an address of their own; left out, the kernel chooses. */
  readonly at?: number;
  /** For messages: `map 'events'`. */
  readonly what: string;
}

/** mmap(2), shared. @throws {SyscallError} EPERM, EINVAL, ENOMEM */
export function mapMemory(params: MappingParams): Mapping {
  const { fd, length, offset = 0, writable = false, at = 0, what } = params;
  const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const address = invoke('mmap', [], at, length, protection, MAP_SHARED, fd, offset);
  if (address > 0) return { address, bytes: viewMemory(address, length) };
  const denied = address === -Errno.EPERM;
  throw new SyscallError({
    syscall: 'mmap',
    errno: -address,
    doing: `map the memory of ${what}`,
    ...(denied && { explanation: 'over the limit of locked memory, or not to be mapped this way' }),
    ...(denied && { hint: 'a smaller buffer, or a higher `ulimit -l`, may do' }),
  });
}

/** Gives the addresses back once nothing in JavaScript can reach them any more. */
const unreachable = new FinalizationRegistry<{ address: number; length: number }>(({ address, length }) => {
  invoke('munmap', [], address, length);
});

/**
 * Lets go of the memory. Views of it may be alive, and reading what is not mapped ends the process;
 * so empty memory is laid over it: they read zeros from now on, and what they write goes nowhere.
 *
 * @throws {SyscallError} ENOMEM
 */
export function releaseMapping({ address, bytes }: Mapping): void {
  const { length } = bytes;
  const result = invoke('mmap', [], address, length, PROT_READ | PROT_WRITE, COVER, -1, 0);
  if (result < 0)
    throw new SyscallError({ syscall: 'mmap', errno: -result, doing: 'let go of shared memory' });
  unreachable.register(bytes.buffer, { address, length });
}

/** AT_PAGESZ (Linux, `include/uapi/linux/auxvec.h`). */
const AT_PAGESZ = 6n;
const USUAL_PAGE_SIZE = 4096;
let known: number | undefined;

/** Bytes of a page of memory: 4096 on x86-64, up to 65536 on arm64. */
export function pageSize(): number {
  known ??= readPageSize();
  return known;
}

function readPageSize(): number {
  try {
    const vector = viewOf(readFileSync('/proc/self/auxv'));
    for (let at = 0; at + 16 <= vector.byteLength; at += 16) {
      if (vector.getBigUint64(at, true) === AT_PAGESZ) return Number(vector.getBigUint64(at + 8, true));
    }
  } catch {
    // No /proc: the usual size holds nearly everywhere.
  }
  return USUAL_PAGE_SIZE;
}
