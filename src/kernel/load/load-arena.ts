import { MapFlag } from '../../isa/kernel-tables.generated.ts';
import type { MapSpec, ObjectSpec, VariableSpec } from '../../object/spec.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { pageSize, tryPopulate } from '../../syscall/mapping.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { BpfMap } from '../maps/map.ts';
import type { MapValue } from '../maps/map-codec.ts';
import { patchVariable } from '../maps/variable.ts';

/** What stands at the start of an arena: the section `.addr_space.1`. */
interface ArenaData {
  /** Variables that have no bytes in the object are zeros behind those that have. */
  readonly size: number;
  readonly bytes: Uint8Array;
}

/**
 * Refuses variables that an arena has no room for.
 *
 * @throws {TsbpfError} `ARENA_TOO_SMALL`
 */
export function expectRoom(object: ObjectSpec, spec: MapSpec, map: BpfMap): void {
  const { size } = dataOf(object, spec);
  const page = pageSize();
  const room = map.maxEntries * page;
  if (size <= room) return;
  const pages = Math.ceil(size / page);
  throw new TsbpfError(
    'ARENA_TOO_SMALL',
    `variables in the arena '${spec.name}' take ${size} bytes, but it has ${room}`,
    {
      hint: `max_entries, the number of its pages, must be ${pages} or more, and what programs allocate besides`,
    },
  );
}

/**
 * Makes an arena ready for programs: it has its address, and variables their first values. Those lie at
 * its start, where libbpf 1.4 puts them as well (later ones: at its end). All their pages are taken, also
 * of zeros: `bpf_arena_alloc_pages()` hands out what is not.
 *
 * @throws {TsbpfError} `ARENA_DATA_UNREACHABLE` @throws {SyscallError} ENOMEM, EEXIST
 */
export function fillArena(
  object: ObjectSpec,
  spec: MapSpec,
  map: BpfMap,
  variables: readonly (readonly [VariableSpec, MapValue])[],
): void {
  const { size, bytes } = dataOf(object, spec);
  // The verifier takes no program whose arena has no address yet: mapping it gives it one.
  if (size === 0 && map.extra !== 0n) return;
  const mapping = map.ownMapping();
  if (size === 0) return;
  const result = tryPopulate(mapping, size);
  if (result < 0) throw unreachable(spec, map, -result);
  mapping.bytes.set(bytes);
  for (const [variable, value] of variables) patchVariable(mapping.bytes, variable, value);
}

/**
 * An arena that was there before keeps its contents, as with libbpf and as any other map does: programs
 * work with them, and with pointers that lie in them. It gets an address where it has none yet, and those
 * pages of the variables that it has not got, with zeros.
 */
export function joinArena(object: ObjectSpec, spec: MapSpec, map: BpfMap): void {
  const { size } = dataOf(object, spec);
  if (size === 0 && map.extra !== 0n) return;
  try {
    const mapping = map.ownMapping();
    // Pages that only programs may allocate are theirs to give.
    if (size > 0) tryPopulate(mapping, size);
  } catch (error) {
    // Another process has given it an address, which is enough for programs.
    if (!(error instanceof SyscallError)) throw error;
  }
}

function dataOf({ variables }: ObjectSpec, { name, contents }: MapSpec): ArenaData {
  const [data] = contents;
  const bytes = data?.kind === 'bytes' ? data.value : new Uint8Array();
  let size = bytes.length;
  for (const { map, offset, size: length } of variables.values())
    if (map === name) size = Math.max(size, offset + length);
  return { size, bytes };
}

function unreachable({ name }: MapSpec, { flags }: BpfMap, errno: number): TsbpfError {
  if ((flags & MapFlag.SEGV_ON_FAULT) !== 0)
    return new TsbpfError(
      'ARENA_DATA_UNREACHABLE',
      `the arena '${name}' has variables, but the flag SEGV_ON_FAULT: only programs may allocate its pages`,
      { hint: `leave the flag out, or let a program allocate and set them` },
    );
  // What a fault that finds no memory raises in place of ENOMEM.
  const why = errno === Errno.EFAULT ? Errno.ENOMEM : errno;
  return new SyscallError({
    syscall: 'madvise',
    errno: why,
    doing: `take the pages of the variables in the arena '${name}'`,
    ...(why === Errno.ENOMEM && {
      explanation: 'there is not enough memory, or the limit of the memory cgroup is reached',
    }),
  });
}
