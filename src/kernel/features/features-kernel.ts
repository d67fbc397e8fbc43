import { MapFlag, MapType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { tryLinkCreate } from '../../syscall/bpf-link.ts';
import { XDP_DEV_BOUND_ONLY } from '../../syscall/bpf-prog.ts';
import { Errno } from '../../syscall/errno.ts';
import { Fd } from '../../syscall/fd.ts';
import { concatBytes } from '../../util/bytes.ts';
import { type FeatureAnswer, no, refusal, unknown, yes } from './features-answer.ts';
import { callHelper, closed, insn, openMap, probeProgram, returns } from './features-probe.ts';
import type { KernelTypes } from './features-types.ts';

export type KernelFeatureName =
  | 'names'
  | 'dots-in-names'
  | 'global-data'
  | 'mmapable-arrays'
  | 'memcg-accounting'
  | 'bpf-link'
  | 'perf-link'
  | 'bpf-cookie'
  | 'token'
  | 'batch'
  | 'iterators'
  | 'run-statistics'
  | 'device-bound-xdp';

/** What the loader needs to know of a kernel besides types of things. */
const PROBES: Readonly<Record<KernelFeatureName, (context: Context) => FeatureAnswer>> = {
  /** `map_name` and `prog_name`: 4.15. */
  names: ({ version }) =>
    since(version, [4, 15]) ??
    named(
      closed(openMap({ ...ARRAY, map_name: 'x' })),
      probeProgram({ type: ProgType.SOCKET_FILTER, code: returns(0), name: 'x' }, version),
    ),
  /** A `.` in them, as in `.rodata`: 5.2. */
  'dots-in-names': ({ version }) =>
    since(version, [5, 2]) ?? named(closed(openMap({ ...ARRAY, map_name: '.x' }))),
  /** Addresses of map values in instructions, which global variables are: 5.2. */
  'global-data': ({ version }) => probeGlobalData(version),
  /** Arrays that user space maps into its memory: 5.5. */
  'mmapable-arrays': () => named(closed(openMap({ ...ARRAY, map_flags: MapFlag.MMAPABLE }))),
  /** Memory counts for the cgroup, not against RLIMIT_MEMLOCK: 5.11. */
  'memcg-accounting': ({ types, version }) => since(version, [5, 11]) ?? probeMemcg(types(), version),
  /** BPF_LINK_CREATE: 5.7. */
  'bpf-link': () => probeLinks(),
  /** Links to perf events, and cookies with them: 5.15. */
  'perf-link': ({ attachType }) => attachType('PERF_EVENT'),
  'bpf-cookie': ({ attachType, types }) =>
    types().enumHas('bpf_func_id', 'BPF_FUNC_get_attach_cookie') === false
      ? no('the types of this kernel do not name bpf_get_attach_cookie')
      : attachType('PERF_EVENT'),
  /** BPF_TOKEN_CREATE: 6.9. */
  token: ({ types, version }) => byName(types(), version, 'bpf_cmd', 'BPF_TOKEN_CREATE', [6, 9]),
  /** BPF_MAP_*_BATCH: 5.6. */
  batch: ({ types, version }) => byName(types(), version, 'bpf_cmd', 'BPF_MAP_LOOKUP_BATCH', [5, 6]),
  /** BPF_ITER_CREATE: 5.8. */
  iterators: ({ types, version }) => byName(types(), version, 'bpf_cmd', 'BPF_ITER_CREATE', [5, 8]),
  /** BPF_ENABLE_STATS: 5.8. */
  'run-statistics': ({ types, version }) => byName(types(), version, 'bpf_cmd', 'BPF_ENABLE_STATS', [5, 8]),
  /** XDP programs that are loaded for one interface and ask its driver about packets: 6.3. */
  'device-bound-xdp': ({ version }) =>
    named(probeProgram({ type: ProgType.XDP, code: returns(0), flags: XDP_DEV_BOUND_ONLY }, version)),
};

export const KERNEL_FEATURES: readonly KernelFeatureName[] = Object.keys(
  PROBES,
) as readonly KernelFeatureName[];

interface Context {
  /** Reading them takes calls of its own, which not every answer needs. */
  readonly types: () => KernelTypes;
  readonly version: number;
  readonly attachType: (name: 'PERF_EVENT') => FeatureAnswer;
}

export function probeKernel(name: KernelFeatureName, context: Context): FeatureAnswer {
  return PROBES[name](context);
}

const ARRAY = { map_type: MapType.ARRAY, key_size: 4, value_size: 4, max_entries: 1 } as const;

/** EINVAL and E2BIG are about what is new in it: an array of one entry is as old as bpf(2). */
function named(...results: readonly number[]): FeatureAnswer {
  const refused = results.find((result) => result < 0);
  if (refused === undefined) return yes('the kernel takes it');
  if (refused === -Errno.EINVAL || refused === -Errno.E2BIG) return no('the kernel refuses it', -refused);
  return refusal(-refused);
}

/** `r1 = &array[0] ll`. A kernel without them takes the second half of the address for a mistake. */
function probeGlobalData(version: number): FeatureAnswer {
  const array = openMap(ARRAY);
  if (typeof array === 'number') return refusal(-array);
  using held = array;
  const PSEUDO_MAP_VALUE = 2;
  const address = [insn(0x18, 1, PSEUDO_MAP_VALUE, 0, held.number), insn(0, 0, 0, 0, 0)];
  const code = concatBytes([...address, returns(0)]);
  return named(probeProgram({ type: ProgType.SOCKET_FILTER, code }, version));
}

const versionCode = ([major, minor]: readonly [number, number]): number => (major << 16) | (minor << 8);

/** What a version says: vendors add to their kernels and take nothing away, so an older one says nothing. */
function since(version: number, first: readonly [number, number]): FeatureAnswer | undefined {
  return version >= versionCode(first) ? yes(`it is Linux ${first.join('.')} or later`) : undefined;
}

/** By the kernel's types; where it shows none, by its version. */
function byName(
  types: KernelTypes,
  version: number,
  enumeration: string,
  name: string,
  first: readonly [number, number],
): FeatureAnswer {
  const has = types.enumHas(enumeration, name);
  if (has === true) return yes(`the types of this kernel name ${name}`);
  if (has === false) return no(`the types of this kernel do not name ${name}`);
  return since(version, first) ?? unknown(`it shows no types, and no version from ${first.join('.')} on`);
}

const KTIME_GET_COARSE_NS = 160;

/** Told by a helper of the same release, whose name the kernel's types have. */
function probeMemcg(types: KernelTypes, version: number): FeatureAnswer {
  const has = types.enumHas('bpf_func_id', 'BPF_FUNC_ktime_get_coarse_ns');
  if (has === true) return yes('it has a helper of Linux 5.11, as its types tell');
  if (has === false) return no('it is older than Linux 5.11, as its types tell');
  const code = concatBytes([callHelper(KTIME_GET_COARSE_NS), returns(0)]);
  const result = probeProgram({ type: ProgType.SOCKET_FILTER, code }, version);
  if (result >= 0) return yes('it has a helper of Linux 5.11');
  if (result === -Errno.EINVAL) return no('it has no helper of Linux 5.11', Errno.EINVAL);
  return refusal(-result);
}

/** No program has the descriptor -1: EBADF says that the command looked for it. */
function probeLinks(): FeatureAnswer {
  const NO_FD = 0xffff_ffff;
  const result = tryLinkCreate({ progFd: NO_FD, target: 0, attachType: 0 });
  if (result === -Errno.EBADF) return yes('the kernel looks for the program of a link');
  if (result === -Errno.EINVAL) return no('the kernel has no such command (EINVAL)', Errno.EINVAL);
  if (result >= 0) new Fd(result, 'a link').close();
  return refusal(-result);
}
