import { readFileSync } from 'node:fs';
import { enumName } from '../../isa/enum-name.ts';
import { AttachType, MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import type { MapCreateParams } from '../../syscall/bpf-map.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { mapTypeName, progTypeName } from '../names.ts';

/** Types whose keys are the indexes from 0 to maxEntries - 1, all of them always there. */
const INDEXED: readonly number[] = [
  MapType.ARRAY,
  MapType.PROG_ARRAY,
  MapType.PERF_EVENT_ARRAY,
  MapType.PERCPU_ARRAY,
  MapType.CGROUP_ARRAY,
  MapType.ARRAY_OF_MAPS,
  MapType.DEVMAP,
  MapType.SOCKMAP,
  MapType.CPUMAP,
  MapType.XSKMAP,
  MapType.REUSEPORT_SOCKARRAY,
];

export function isIndexed(type: number): boolean {
  return INDEXED.includes(type);
}

/** Types whose entries read as one value per possible CPU. */
const PER_CPU: readonly number[] = [
  MapType.PERCPU_HASH,
  MapType.PERCPU_ARRAY,
  MapType.LRU_PERCPU_HASH,
  MapType.PERCPU_CGROUP_STORAGE,
];

export function isPerCpu(type: number): boolean {
  return PER_CPU.includes(type);
}

/** Why BPF_MAP_CREATE answers EINVAL, by the rules of each type; undefined where none of them tells. */
function whyInvalid(params: MapCreateParams): string | undefined {
  const { type, keySize, valueSize, maxEntries, flags = 0 } = params;
  const typeName = mapTypeName(type);
  const name = `${/^[aeiou]/.test(typeName) ? 'an' : 'a'} ${typeName}`;
  const ring = type === MapType.RINGBUF || type === MapType.USER_RINGBUF;
  if (maxEntries === 0 && type !== MapType.SK_STORAGE && type !== MapType.TASK_STORAGE)
    return `${name} needs maxEntries of 1 or more`;
  if (isIndexed(type) && keySize !== 4) return `${name} has keys of 4 bytes, not ${keySize}`;
  if (type === MapType.PROG_ARRAY && valueSize !== 4)
    return `${name} has values of 4 bytes, not ${valueSize}`;
  if (type === MapType.PROG_ARRAY && (flags & (MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG)) !== 0)
    return 'a prog_array takes neither BPF_F_RDONLY_PROG nor BPF_F_WRONLY_PROG';
  if (type === MapType.LPM_TRIE && (flags & MapFlag.NO_PREALLOC) === 0)
    return 'an lpm_trie needs the flag BPF_F_NO_PREALLOC';
  if (ring && (keySize !== 0 || valueSize !== 0)) return `${name} has neither keys nor values`;
  if (ring && (maxEntries & (maxEntries - 1)) !== 0)
    return `the size of ${name} is a power of two, not ${maxEntries}`;
  if (!ring && valueSize === 0 && keySize !== 0) return 'valueSize is 0';
  if (!ring && keySize === 0 && type === MapType.HASH) return 'keySize is 0';
  if (!Object.values(MapType).includes(type as MapType)) return `there is no map type ${type}`;
  return undefined;
}

/** A refused BPF_MAP_CREATE in words. */
export function mapCreateError(params: MapCreateParams, errno: number, what: string): SyscallError {
  const why = errno === Errno.EINVAL ? whyInvalid(params) : undefined;
  if (why === undefined) return bpfError('MAP_CREATE', errno, `create ${what}`, { mapType: params.type });
  return new SyscallError({
    syscall: 'bpf',
    command: 'MAP_CREATE',
    errno,
    doing: `create ${what}`,
    explanation: why,
  });
}

/** What decides whether a program may stand in a prog array, as far as it is known. */
export interface TailCallTraits {
  readonly name: string;
  readonly progType: number;
  /** undefined for programs that others loaded: the kernel does not tell. */
  readonly expectedAttachType: number | undefined;
  readonly frags: boolean | undefined;
}

/** The program type that owns a prog array, from its fdinfo; undefined while it has no owner, and without a /proc. */
export function ownerProgType(mapFd: number): number | undefined {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${mapFd}`, 'utf8');
    const found = text.match(/^owner_prog_type:\s*(\d+)$/m)?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}

function attachTypeText(type: number): string {
  return type === 0 ? '0 (none)' : `${type} (${enumName(AttachType, type)})`;
}

/**
 * What keeps a program out of a prog array. The first program that used the array, or was put into
 * it, owns it; afterwards callers and callees must agree in program type, JIT, xdp.frags and (Linux
 * 6.18 and stable kernels after September 2025) expected_attach_type (kernel/bpf/core.c,
 * __bpf_prog_map_compatible). The kernel answers EINVAL and says nothing.
 */
export function whyIncompatible(
  mapName: string,
  ownerType: number | undefined,
  owner: TailCallTraits | undefined,
  candidate: TailCallTraits,
): string {
  const of = `programs of type ${progTypeName(ownerType ?? candidate.progType)}`;
  if (ownerType !== undefined && ownerType !== candidate.progType) {
    return `prog array '${mapName}' holds ${of}, but '${candidate.name}' is of type ${progTypeName(candidate.progType)}`;
  }
  const { expectedAttachType: theirs, frags: theirFrags } = owner ?? {};
  const { expectedAttachType: ours, frags: ourFrags } = candidate;
  if (theirs !== undefined && ours !== undefined && theirs !== ours) {
    return `prog array '${mapName}' belongs to '${owner?.name}' with expected_attach_type ${attachTypeText(theirs)}, but '${candidate.name}' has ${attachTypeText(ours)}`;
  }
  if (theirFrags !== undefined && ourFrags !== undefined && theirFrags !== ourFrags) {
    const [has, hasNot] = theirFrags ? ['takes', 'does not'] : ['does not take', 'does'];
    return `prog array '${mapName}' belongs to '${owner?.name}', which ${has} fragmented packets (xdp.frags), but '${candidate.name}' ${hasNot}`;
  }
  if (ownerType !== undefined) {
    const mine =
      ours === undefined ? '' : ` ('${candidate.name}' has expected_attach_type ${attachTypeText(ours)})`;
    return `prog array '${mapName}' holds ${of} that differ in expected_attach_type or xdp.frags${mine}`;
  }
  return `the descriptor is not one of a program that may stand in a prog array`;
}
