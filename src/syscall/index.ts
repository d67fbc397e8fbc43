export { bpfError } from './bpf.ts';
export { linkInfo, type MapInfo, mapInfo, type ProgInfo, progInfo } from './bpf-info.ts';
export { type MapCreateParams, MapElementCall, mapFreeze, tryMapCreate } from './bpf-map.ts';
export { allIds, fdById, type IdKind, nextId, objGet, objPin } from './bpf-object.ts';
export {
  type ProgBtfParams,
  type ProgLoadParams,
  type ProgLoadResult,
  type TestRunOutcome,
  type TestRunParams,
  tryBtfLoad,
  tryProgLoad,
  tryProgTestRun,
} from './bpf-prog.ts';
export { Errno, errnoName, errnoText } from './errno.ts';
export { SyscallError, type SyscallErrorParts } from './error.ts';
export {
  type BpfCommandName,
  type CommandContext,
  type Explanation,
  explainBpf,
  requiredCapabilities,
} from './explain.ts';
export { Fd, type OpenDescriptor, openDescriptors, trackDescriptors } from './fd.ts';
export { mapFile } from './mapped-file.ts';
export { enterNewMountNamespace, enterNewNetworkNamespace, mountBpffs, unmount } from './namespace.ts';
export { type Native, setNative } from './native.ts';
export { NetlinkError } from './netlink-socket.ts';
export {
  enterNetworkNamespace,
  listNetworkNamespaces,
  NetworkNamespace,
  type NetworkNamespaceRef,
} from './network-namespace.ts';
export { PacketSocket } from './packet-socket.ts';
export {
  type Capability,
  hasCapability,
  missingCapabilities,
  type Privileges,
  readPrivileges,
} from './privileges.ts';
export {
  createVethPair,
  deleteLink,
  findLink,
  type LinkChanges,
  listLinks,
  type NetworkLink,
  type SetXdpParams,
  setLink,
  setXdp,
  type XdpAttachMode,
  XdpFlag,
} from './rtnetlink.ts';
