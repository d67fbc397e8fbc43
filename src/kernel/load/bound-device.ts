import { statSync } from 'node:fs';
import { AttachType, MapType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { findProgram } from '../../object/index.ts';
import type { ObjectSpec } from '../../object/spec.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { type NetworkNamespaceRef, OWN_NAMESPACE, runIn } from '../../syscall/network-namespace.ts';
import { findLink } from '../../syscall/rtnetlink.ts';
import { TsbpfError } from '../../util/errors.ts';
import { runningKernel } from '../facts.ts';
import type { BpfMap } from '../maps/map.ts';
import { progTypeName } from '../names.ts';
import { isProgramSlot, type LoadPlan, type PlannedProgram } from './plan.ts';

/** The interface that an XDP program was loaded for, and the only one that it runs on. */
export interface BoundDevice {
  readonly ifindex: number;
  readonly ifname: string;
  /** As the load was told; left out, the network namespace of the thread. */
  readonly netns: NetworkNamespaceRef | undefined;
  /** The number of that namespace; undefined where /proc does not tell. */
  readonly netnsInode: number | undefined;
}

/** The network namespace of this thread by its number. */
export function ownNetnsInode(): number | undefined {
  try {
    return statSync(OWN_NAMESPACE).ino;
  } catch {
    return undefined; // no /proc
  }
}

/** An interface by its name or index: of every program that can be bound, or of some by their names or section titles. */
export type DeviceOption = string | number | Readonly<Record<string, string | number>>;

interface BoundLoad {
  readonly name?: string;
  readonly device?: string | number | undefined;
  readonly netns?: NetworkNamespaceRef | undefined;
  readonly maps?: readonly BpfMap[];
}

/**
 * Loads where the interface is, for the kernel looks for it in the network namespace of the thread.
 *
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND`, `NETNS_NOT_FOUND`, `PROG_TYPE_WRONG`
 */
export function onDevice<T>(
  options: BoundLoad,
  progType: number,
  load: (device: BoundDevice | undefined) => T,
): T {
  const { name = '', device, netns, maps = [] } = options;
  if (device === undefined) return load(undefined);
  if (progType !== ProgType.XDP) throw wrongType(name, progType);
  return runIn(netns, () => {
    const { ifindex, ifname } = findLink(device);
    try {
      return load({ ifindex, ifname, netns, netnsInode: ownNetnsInode() });
    } catch (error) {
      const { version } = runningKernel();
      const explanation =
        error instanceof SyscallError ? whyNotBound(error.errno, ifname, maps, version) : undefined;
      if (explanation === undefined) throw error;
      const { errno } = error as SyscallError;
      const doing = `load program '${name}' for ${ifname}`;
      throw new SyscallError({ syscall: 'bpf', command: 'PROG_LOAD', errno, doing, explanation });
    }
  });
}

function wrongType(name: string, progType: number): TsbpfError {
  return new TsbpfError(
    'PROG_TYPE_WRONG',
    `program '${name}' is of type ${progTypeName(progType)}; only xdp programs are bound to an interface`,
  );
}

const LINUX_6_3 = 0x6_03_00;
const LINUX_6_16 = 0x6_10_00;

/** Maps that hold programs: a kernel may compare what uses one with what may stand in it. */
const HOLD_PROGRAMS: readonly number[] = [
  MapType.PROG_ARRAY,
  MapType.DEVMAP,
  MapType.DEVMAP_HASH,
  MapType.CPUMAP,
];

/**
 * What a refusal of a program that is bound to an interface means, which the kernel tells in no log (Linux,
 * `kernel/bpf/offload.c`, bpf_prog_dev_bound_init(); `kernel/bpf/core.c`, bpf_check_tail_call()).
 *
 * @param version of the kernel; one that is not known is taken for a new one
 */
export function whyNotBound(
  errno: number,
  ifname: string,
  maps: readonly Pick<BpfMap, 'name' | 'type'>[],
  version: number = Number.POSITIVE_INFINITY,
): string | undefined {
  if (errno === Errno.EOPNOTSUPP)
    return `the driver of ${ifname} has no XDP of its own, so it tells a program nothing of its packets`;
  if (errno !== Errno.EINVAL) return undefined;
  if (version < LINUX_6_3) return 'this kernel binds no program to an interface; Linux 6.3 has that first';
  const used = maps.find(({ type }) => HOLD_PROGRAMS.includes(type));
  if (used && version < LINUX_6_16)
    return `a program that is bound to an interface may not use '${used.name}' in this kernel; Linux 6.16 and stable kernels since then let it use prog arrays, devmaps and cpumaps`;
  return undefined;
}

/** Programs that run where a packet was redirected to, whatever the interface. */
const ELSEWHERE: readonly number[] = [AttachType.XDP_DEVMAP, AttachType.XDP_CPUMAP];

/**
 * Which interface each program of a load is bound to. An interface alone is meant for all that can be: the kernel takes
 * none that is bound into a prog array, devmap or cpumap, where it could run for any interface.
 *
 * @throws {TsbpfError} `PROGRAM_NOT_FOUND`, `PROG_TYPE_WRONG`, `PROG_ARRAY_BOUND`, `DEVICE_UNUSED`
 */
export function devicesOf(
  spec: ObjectSpec,
  plan: LoadPlan,
  option: DeviceOption | undefined,
): ReadonlyMap<string, string | number> {
  if (option === undefined) return new Map();
  const slots = slotsOf(spec, plan);
  if (typeof option === 'object') {
    return new Map(
      Object.entries(option).map(([name, device]) => [
        checkNamed(findProgram(spec, name).name, plan, slots),
        device,
      ]),
    );
  }
  const isFree = ({ name, kind }: PlannedProgram): boolean =>
    kind.progType === ProgType.XDP && !ELSEWHERE.includes(kind.expectedAttachType) && !slots.has(name);
  const free = [...plan.values()].filter(isFree);
  if (free.length > 0) return new Map(free.map(({ name }) => [name, option]));
  throw new TsbpfError('DEVICE_UNUSED', `no program of this load can be bound to interface '${option}'`, {
    hint: 'xdp programs are that stand in no prog array, devmap or cpumap',
  });
}

/** The programs that the load puts into prog arrays, with the array of each. */
function slotsOf(spec: ObjectSpec, plan: LoadPlan): ReadonlyMap<string, string> {
  const used = new Set([...plan.values()].flatMap(({ maps }) => [...maps]));
  return new Map(
    [...spec.maps.values()]
      .filter(({ name }) => used.has(name))
      .flatMap(({ name, contents }) =>
        contents.filter(isProgramSlot).map(({ program }) => [program, name] as const),
      ),
  );
}

/** @returns the name */
function checkNamed(name: string, plan: LoadPlan, slots: ReadonlyMap<string, string>): string {
  const planned = plan.get(name);
  if (!planned) {
    throw new TsbpfError(
      'PROGRAM_NOT_FOUND',
      `program '${name}' is to be bound to an interface, but this load leaves it out`,
    );
  }
  if (planned.kind.progType !== ProgType.XDP) throw wrongType(name, planned.kind.progType);
  const array = slots.get(name);
  if (array === undefined) return name;
  throw new TsbpfError(
    'PROG_ARRAY_BOUND',
    `program '${name}' stands in prog array '${array}', which takes no program that is bound to an interface`,
    { hint: 'bind the program that calls through it, and let that one read what the driver tells' },
  );
}
