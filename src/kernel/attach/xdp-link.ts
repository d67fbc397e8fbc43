import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { type NetworkNamespaceRef, runIn } from '../../syscall/network-namespace.ts';
import { findLink, XdpFlag } from '../../syscall/rtnetlink.ts';
import type { Program } from '../load/program.ts';
import { requireType } from './attach-type.ts';
import { createLink, type Link } from './link.ts';
import type { XdpMode } from './xdp.ts';
import { linkRefusal } from './xdp-device.ts';

export interface AttachXdpLinkOptions {
  /** Its name or index. */
  readonly interface: string | number;
  /** Where the interface is; left out, this thread's network namespace. */
  readonly netns?: NetworkNamespaceRef;
  /** Left out, the kernel takes native where the driver has it, else generic. */
  readonly mode?: XdpMode;
}

const MODE_FLAGS: Record<XdpMode, number> = {
  generic: XdpFlag.SKB_MODE,
  native: XdpFlag.DRV_MODE,
  offload: XdpFlag.HW_MODE,
};

/**
 * Attaches an XDP program by a link (Linux 5.9): it is off when the link closes, even where the
 * process dies, and nobody replaces it over rtnetlink meanwhile.
 *
 * @example `using link = attachXdpLink(program, { interface: 'veth0', mode: 'native' });`
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND`, `PROG_TYPE_WRONG`, `NETNS_NOT_FOUND`
 * @throws {SyscallError} EBUSY (occupied), EOPNOTSUPP (no native XDP), EINVAL (bound to another interface), EPERM
 */
export function attachXdpLink(program: Program, options: AttachXdpLinkOptions): Link {
  requireType(program, [ProgType.XDP], 'an interface');
  const flags = options.mode ? MODE_FLAGS[options.mode] : 0;
  return runIn(options.netns, () => {
    const { ifindex, ifname } = findLink(options.interface);
    const params = { target: ifindex, attachType: AttachType.XDP, flags };
    try {
      return createLink(program, params, `${ifname} (xdp)`);
    } catch (error) {
      throw linkRefusal(error, program, { ifindex, ifname }, options.mode);
    }
  });
}
