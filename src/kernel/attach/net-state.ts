import { SyscallError } from '../../syscall/error.ts';
import { runIn } from '../../syscall/network-namespace.ts';
import { listLinks, type NetworkLink } from '../../syscall/rtnetlink.ts';
import { showTc, type TcState } from './attach-tc.ts';
import { type ListedProgram, queryTcx, type TcDirection } from './attach-tcx.ts';
import { type InNetns, showXdp, type XdpProgramState } from './xdp.ts';

/** The programs on one interface. */
export interface InterfaceState {
  readonly ifindex: number;
  readonly ifname: string;
  readonly xdp: readonly XdpProgramState[];
  /** undefined where the kernel has no tcx. */
  readonly tcx: Readonly<Record<TcDirection, readonly ListedProgram[]>> | undefined;
  readonly tc: readonly TcState[];
}

function tcxOf(ifindex: number): InterfaceState['tcx'] {
  try {
    return {
      ingress: queryTcx(ifindex, 'ingress').programs,
      egress: queryTcx(ifindex, 'egress').programs,
    };
  } catch (error) {
    if (error instanceof SyscallError && error.syscall === 'bpf') return undefined;
    throw error;
  }
}

function stateOf({ ifindex, ifname }: NetworkLink): InterfaceState {
  return {
    ifindex,
    ifname,
    xdp: showXdp(ifindex)[0]?.programs ?? [],
    tcx: tcxOf(ifindex),
    tc: showTc(ifindex),
  };
}

/** Whether anything is attached to an interface. */
export function isOccupied({ xdp, tcx, tc }: InterfaceState): boolean {
  return xdp.length + tc.length + (tcx ? tcx.ingress.length + tcx.egress.length : 0) > 0;
}

/** What XDP, tcx and tc run on each interface of a network namespace. */
export function showNet(ifname?: string, { netns }: InNetns = {}): InterfaceState[] {
  return runIn(netns, () =>
    listLinks()
      .filter((link) => ifname === undefined || link.ifname === ifname)
      .map(stateOf),
  );
}
