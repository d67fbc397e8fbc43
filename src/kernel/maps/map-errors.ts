import { readFileSync } from 'node:fs';
import { enumName } from '../../isa/enum-name.ts';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { progTypeName } from '../names.ts';

/** What decides whether a program may stand in a prog array, as far as it is known. */
export interface TailCallTraits {
  readonly name: string;
  readonly progType: number;
  /** undefined for programs that others loaded: the kernel does not tell. */
  readonly expectedAttachType: number | undefined;
  readonly frags: boolean | undefined;
  /** Compiled, and not interpreted. */
  readonly jited?: boolean | undefined;
  /** XDP: the interface that it is bound to, where that is known. */
  readonly device?: string | undefined;
  /** Tracing, LSM, freplace and struct_ops: what they were loaded for, as a number among types. */
  readonly attachBtfId?: number | undefined;
}

/** The program type that owns a prog array, from its fdinfo; undefined while it has no owner, and without a /proc. */
export function ownerProgType(mapFd: number): number | undefined {
  return ownerFact(mapFd, 'owner_prog_type');
}

/** Whether the programs of a prog array are compiled; undefined as for {@link ownerProgType}. */
export function ownerJited(mapFd: number): boolean | undefined {
  const found = ownerFact(mapFd, 'owner_jited');
  return found === undefined ? undefined : found !== 0;
}

function ownerFact(mapFd: number, name: string): number | undefined {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${mapFd}`, 'utf8');
    const found = text.match(new RegExp(`^${name}:\\s*(\\d+)$`, 'm'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}

/** Types whose programs in one prog array must have been loaded for one and the same function. */
const ONE_TARGET: readonly number[] = [ProgType.TRACING, ProgType.LSM, ProgType.EXT, ProgType.STRUCT_OPS];
/** Types that have cgroup storage: those whose programs are attached to cgroups, but LSM. */
export const WITH_CGROUP_STORAGE: readonly ProgType[] = [
  ProgType.CGROUP_SKB,
  ProgType.CGROUP_SOCK,
  ProgType.CGROUP_SOCK_ADDR,
  ProgType.CGROUP_DEVICE,
  ProgType.CGROUP_SYSCTL,
  ProgType.CGROUP_SOCKOPT,
  ProgType.SOCK_OPS,
];

/** What else the kernel compares of programs of a type and nobody can be asked about. */
function otherAttributes(progType: number): string {
  const names = ['expected_attach_type'];
  if (progType === ProgType.XDP) names.push('xdp.frags');
  if (ONE_TARGET.includes(progType)) names.push('the function that they were loaded for');
  if (WITH_CGROUP_STORAGE.includes(progType as ProgType)) names.push('their cgroup storage maps');
  return `${names.slice(0, -1).join(', ')}${names.length > 1 ? ' or ' : ''}${names.at(-1)}`;
}

function attachTypeText(type: number): string {
  return type === 0 ? '0 (none)' : `${type} (${enumName(AttachType, type)})`;
}

/**
 * What keeps a program out of a prog array. The first program that used the array, or was put into
 * it, owns it; afterwards callers and callees must agree in program type, JIT, xdp.frags, cgroup storage,
 * of types that trace in the function that they were loaded for, and (Linux 6.18 and stable kernels after
 * September 2025) in expected_attach_type; programs that call bpf_override_return() may stand in none
 * (kernel/bpf/core.c, __bpf_prog_map_compatible). The kernel answers EINVAL and says nothing.
 */
export function whyIncompatible(
  mapName: string,
  ownerType: number | undefined,
  owner: TailCallTraits | undefined,
  candidate: TailCallTraits,
  jited: boolean | undefined = owner?.jited,
): string {
  const of = `programs of type ${progTypeName(ownerType ?? candidate.progType)}`;
  if (candidate.device !== undefined)
    return `'${candidate.name}' is bound to ${candidate.device}, and prog array '${mapName}' takes no program that is bound to an interface`;
  if (ownerType !== undefined && ownerType !== candidate.progType) {
    return `prog array '${mapName}' holds ${of}, but '${candidate.name}' is of type ${progTypeName(candidate.progType)}`;
  }
  if (jited !== undefined && candidate.jited !== undefined && jited !== candidate.jited) {
    const [theirs, ours] = jited ? ['compiled', 'interpreted'] : ['interpreted', 'compiled'];
    return `prog array '${mapName}' holds programs that are ${theirs}, but '${candidate.name}' is ${ours}: net.core.bpf_jit_enable has changed in between, or the JIT could not take it`;
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
  const [theirTarget, ourTarget] = [owner?.attachBtfId, candidate.attachBtfId];
  const traced = ONE_TARGET.includes(candidate.progType);
  if (traced && theirTarget !== undefined && ourTarget !== undefined && theirTarget !== ourTarget) {
    return `prog array '${mapName}' belongs to '${owner?.name}', which was loaded for another function (BTF id ${theirTarget}) than '${candidate.name}' (${ourTarget})`;
  }
  if (ownerType !== undefined) {
    const mine =
      ours === undefined ? '' : ` ('${candidate.name}' has expected_attach_type ${attachTypeText(ours)})`;
    return `prog array '${mapName}' holds ${of} that differ in ${otherAttributes(candidate.progType)}${mine}${candidate.progType === ProgType.KPROBE ? '; programs that call bpf_override_return() may stand in none' : ''}`;
  }
  return `the descriptor is not one of a program that may stand in a prog array`;
}
