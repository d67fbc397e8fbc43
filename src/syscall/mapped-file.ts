import { closeSync, fstatSync, openSync } from 'node:fs';
import { invoke, viewMemory } from './native.ts';

/** Linux, `include/uapi/asm-generic/mman-common.h`. */
const PROT_READ = 1;
const MAP_PRIVATE = 2;

/**
 * The bytes of a file without a copy: a read-only mapping that stays for the life of the process, so
 * for files that are read again and again and never change, as the kernel's types. Whoever writes
 * into it is ended by SIGSEGV. undefined where the file is empty or cannot be mapped, as the BTF in
 * sysfs before Linux 6.16: read it then.
 *
 * @throws {Error} of `node:fs` where there is no such file
 */
export function mapFile(path: string): Uint8Array | undefined {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size === 0) return undefined;
    const address = invoke('mmap', [], 0, size, PROT_READ, MAP_PRIVATE, fd, 0);
    // Addresses of user space are positive on both architectures; an errno comes negative.
    return address > 0 ? viewMemory(address, size) : undefined;
  } finally {
    closeSync(fd);
  }
}
