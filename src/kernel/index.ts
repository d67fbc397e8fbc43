export type { MapInfo, ProgInfo } from '../syscall/bpf-info.ts';
export { SyscallError } from '../syscall/error.ts';
export { Fd } from '../syscall/fd.ts';
export { NetlinkError } from '../syscall/netlink-socket.ts';
export { type BpfAvailability, canUseBpf } from './capabilities.ts';
export { Collection, type LoadOptions, loadCollection } from './collection.ts';
export { runningKernel } from './facts.ts';
export type { MapLoadOptions } from './load-maps.ts';
export { BpfMap, type MapOptions, type TailCallTarget } from './map.ts';
export type { MapValue } from './map-codec.ts';
export type { TailCallTraits } from './map-errors.ts';
export type { PinOptions } from './pin.ts';
export { Program, type ProgramOptions, type TestRunOptions, type TestRunResult } from './program.ts';
export { TypedVariable, typedMap, typedVariable } from './typed.ts';
export { TypedMap } from './typed-map.ts';
export { Variable } from './variable.ts';
export { type LogExcerpt, VerifierError } from './verifier-error.ts';
export {
  type AttachXdpOptions,
  attachXdp,
  detachXdp,
  showXdp,
  XdpAttachment,
  type XdpMode,
  type XdpProgramState,
  type XdpState,
} from './xdp.ts';
