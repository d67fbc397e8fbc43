import { mapInfo } from '../../syscall/bpf-info.ts';
import type { Fd } from '../../syscall/fd.ts';
import { type Mapping, releaseMapping } from '../../syscall/mapping.ts';
import { type MappedShape, mapValues } from './map-memory.ts';

/** An arena that this process has mapped, and how many handles of it use that. */
interface MappedArena {
  readonly mapping: Mapping;
  holders: number;
}

/** By the map's id, which no other map gets while a mapping keeps this one. */
const mapped: Map<number, MappedArena> = new Map();

/** Where an arena was mapped, whose memory was let go. */
interface LeftArena {
  readonly address: number;
  /** As long as somebody has a view of it. */
  readonly buffer: WeakRef<ArrayBufferLike>;
}

/**
 * Where arenas were: nobody else tells, and other handles or a pin may keep them. The kernel does not say
 * when one goes, so only so many of the last ones are known.
 */
const MAX_LEFT = 256;
const left: Map<number, LeftArena> = new Map();

/** A hold on memory of a map. */
export interface MemoryHold {
  readonly mapping: Mapping;
  /** To be called once; the last who holds it lets go of the memory. @throws {SyscallError} ENOMEM */
  release(): void;
}

/**
 * The memory of an arena, which lies at one address and so can be mapped once in a process: all handles
 * of the map share it, however they were opened. One that was let go comes to lie where it was.
 *
 * @throws {TsbpfError} `NOT_MMAPABLE` @throws {SyscallError} EEXIST, EBUSY, EINVAL (its address is taken, or not known here), ENOMEM
 */
export function holdArena(fd: Fd, shape: MappedShape): MemoryHold {
  const { id } = mapInfo(fd.number, fd.what);
  const arena = mapped.get(id) ?? { mapping: mapArena(id, fd, shape), holders: 0 };
  mapped.set(id, arena);
  arena.holders++;
  return {
    mapping: arena.mapping,
    release() {
      arena.holders--;
      if (arena.holders > 0) return;
      mapped.delete(id);
      leave(id, arena.mapping);
      releaseMapping(arena.mapping);
    },
  };
}

function mapArena(id: number, fd: Fd, shape: MappedShape): Mapping {
  const before = left.get(id);
  const buffer = before?.buffer.deref();
  const again = before && buffer && { address: before.address, bytes: new Uint8Array(buffer) };
  const mapping = mapValues(fd, shape, true, again ?? before?.address);
  left.delete(id);
  return mapping;
}

function leave(id: number, mapping: Mapping): void {
  left.set(id, { address: mapping.address, buffer: new WeakRef(mapping.bytes.buffer) });
  const [oldest] = left.keys();
  if (left.size > MAX_LEFT) left.delete(oldest!);
}
