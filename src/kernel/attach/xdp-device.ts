import type { LinkInfo } from '../../syscall/bpf-link-info.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import type { Explanation } from '../../syscall/explain.ts';
import { runIn } from '../../syscall/network-namespace.ts';
import { findLink, type NetworkLink, type XdpAttachMode } from '../../syscall/rtnetlink.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type BoundDevice, ownNetnsInode } from '../load/bound-device.ts';
import type { Program } from '../load/program.ts';

type Place = Pick<NetworkLink, 'ifindex' | 'ifname'>;

/**
 * What a refusal means where a program was to be attached to a card, or is bound to an interface (Linux,
 * `net/core/dev.c`, dev_xdp_attach()). Asked in the network namespace of the place.
 */
export function whyNotThere(
  errno: number,
  { device }: Program,
  { ifindex, ifname }: Place,
  mode: XdpAttachMode | undefined,
): Explanation | undefined {
  // Drivers that have XDP of their own say EINVAL to this command, the others are not asked.
  if (mode === 'offload' && (errno === Errno.EOPNOTSUPP || (errno === Errno.EINVAL && !device)))
    return {
      explanation: `${ifname} is no card that runs XDP itself`,
      hint: "leave 'mode' out: the interface then runs it as it can",
    };
  if (!device || errno !== Errno.EINVAL) return undefined;
  if (device.ifindex !== ifindex) return elsewhere(device, `${ifname} is another`);
  if (device.netnsInode !== ownNetnsInode())
    return elsewhere(device, `this ${ifname} is one of another network namespace`);
  if (mode !== 'generic' && mode !== 'offload') return undefined;
  const where = mode === 'generic' ? 'outside of that' : 'in the card';
  return {
    explanation: `it is bound to ${ifname} and runs in its driver, and mode '${mode}' is ${where}`,
    hint: "mode 'native', or leave it out",
  };
}

function elsewhere({ ifname }: BoundDevice, but: string): Explanation {
  return {
    explanation: `it is bound to interface ${ifname}, and ${but}`,
    hint: 'load it once more for the other interface (device)',
  };
}

/** Attaching by a link: the kernel tells the reason over rtnetlink alone. */
export function linkRefusal(
  error: unknown,
  program: Program,
  place: Place,
  mode: XdpAttachMode | undefined,
): unknown {
  if (!(error instanceof SyscallError)) return error;
  const { syscall, command, errno } = error;
  const meaning = whyNotThere(errno, program, place, mode);
  if (!meaning) return error;
  const doing = `attach program '${program.name}' to ${place.ifname} (xdp)`;
  return new SyscallError({ syscall, command, errno, doing, ...meaning });
}

/**
 * Whether a program that is bound to an interface may take the place of a link's. The kernel does not look here, and on
 * another interface the program would take the memory of one driver for that of another.
 *
 * @throws {TsbpfError} `DEVICE_MISMATCH`
 */
export function checkSameDevice(program: Program, { target, programId }: LinkInfo): void {
  const { device, name } = program;
  // Of a link to anything else the kernel says that the types differ.
  if (!device || target.kind !== 'xdp') return;
  const native =
    target.ifindex === device.ifindex &&
    runIn(device.netns, () =>
      findLink(device.ifindex).xdp.some((one) => one.programId === programId && one.mode === 'native'),
    );
  if (native) return;
  throw new TsbpfError(
    'DEVICE_MISMATCH',
    `program '${name}' is bound to interface ${device.ifname}, and the link does not run programs in its driver`,
    { hint: `attach it to ${device.ifname} by a link of its own` },
  );
}
