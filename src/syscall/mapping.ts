import { readFileSync } from 'node:fs';
import { viewOf } from '../util/bytes.ts';
import { Errno } from './errno.ts';
import { SyscallError } from './error.ts';
import { invoke, viewMemory } from './native.ts';

/** Linux, `include/uapi/asm-generic/mman-common.h`. */
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
/** MAP_FIXED_NOREPLACE (Linux 4.17): there or not at all. */
const FIXED = 0x100000;
/** MAP_FIXED: in the place of what lies there. */
const REPLACE = 0x10;
/** MADV_POPULATE_WRITE (Linux 5.14). */
const POPULATE_WRITE = 23;
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
  /** Memory that was let go: it is mapped there once more, and views of it see it again. */
  readonly again?: Mapping | undefined;
  /** For messages: `map 'events'`. */
  readonly what: string;
}

/** mmap(2), shared. @throws {SyscallError} EPERM, EINVAL, ENOMEM, EEXIST (something else lies at `at`) */
export function mapMemory(params: MappingParams): Mapping {
  const { fd, length, offset = 0, writable = false, again, what } = params;
  const at = again?.address ?? params.at ?? 0;
  const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const flags = MAP_SHARED | (again ? REPLACE : at > 0 ? FIXED : 0);
  const address = invoke('mmap', [], at, length, protection, flags, fd, offset);
  if (address > 0 && again) {
    unreachable.unregister(again.bytes.buffer);
    return again;
  }
  // What lay there is gone before the kernel says no.
  if (again) cover(again);
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

/**
 * Has the kernel give memory to the first `length` bytes of a mapping, as writing to them would; but where
 * there is none to give, writing would end the process.
 *
 * @returns 0, or minus the errno: EFAULT (a write would raise SIGSEGV or SIGBUS), ENOMEM
 */
export function tryPopulate({ address }: Mapping, length: number): number {
  return invoke('madvise', [], address, length, POPULATE_WRITE);
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
export function releaseMapping(mapping: Mapping): void {
  cover(mapping);
  const { address, bytes } = mapping;
  unreachable.register(bytes.buffer, { address, length: bytes.length }, bytes.buffer);
}

function cover({ address, bytes }: Mapping): void {
  const result = invoke('mmap', [], address, bytes.length, PROT_READ | PROT_WRITE, COVER, -1, 0);
  if (result < 0)
    throw new SyscallError({ syscall: 'mmap', errno: -result, doing: 'let go of shared memory' });
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
