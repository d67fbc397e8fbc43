export type { MapInfo, ProgInfo } from '../syscall/bpf-info.ts';
export { type LinkInfo, type LinkTarget, linkTypeName } from '../syscall/bpf-link-info.ts';
export { SyscallError } from '../syscall/error.ts';
export { Fd } from '../syscall/fd.ts';
export { NetlinkError } from '../syscall/netlink-socket.ts';
export {
  enterNetworkNamespace,
  listNetworkNamespaces,
  NetworkNamespace,
  type NetworkNamespaceRef,
} from '../syscall/network-namespace.ts';
export { type AttachOptions, attach } from './attach/attach.ts';
export {
  type AttachCgroupOptions,
  type AttachCgroupProgramOptions,
  attachCgroup,
  attachCgroupProgram,
  type CgroupAttachName,
  type CgroupProgram,
  type CgroupTarget,
  queryCgroup,
} from './attach/attach-cgroup.ts';
export { attachIter, IterAttachment, type IterOptions } from './attach/attach-iter.ts';
export {
  attachKprobe,
  attachKprobeMulti,
  type KprobeMultiOptions,
  type KprobeOptions,
} from './attach/attach-kprobe.ts';
export {
  attachFlowDissector,
  attachNetfilter,
  attachNetns,
  type NetfilterOptions,
  type NetnsTarget,
} from './attach/attach-netns.ts';
export type { AttachOrder, Neighbour } from './attach/attach-order.ts';
export {
  attachPerfEvent,
  attachTracepoint,
  type PerfAttachOptions,
  type PerfEventOptions,
  type TracepointOptions,
} from './attach/attach-perf.ts';
export {
  attachRawTracepoint,
  attachTracing,
  type RawTracepointOptions,
  type TracingOptions,
} from './attach/attach-raw-tracepoint.ts';
export {
  attachReuseport,
  attachSocketFilter,
  attachSockmap,
  type SockmapOptions,
} from './attach/attach-socket.ts';
export {
  type AttachTcOptions,
  attachTc,
  type DetachTcOptions,
  detachTc,
  removeClsact,
  showTc,
  TcAttachment,
  type TcState,
} from './attach/attach-tc.ts';
export {
  type AttachNetkitOptions,
  type AttachTcxOptions,
  type AttachTcxProgramOptions,
  attachNetkit,
  attachTcx,
  attachTcxProgram,
  type ListedProgram,
  queryNetkit,
  queryTcx,
  type TcDirection,
  type TcxState,
} from './attach/attach-tcx.ts';
export {
  attachUprobe,
  attachUprobeMulti,
  attachUretprobe,
  attachUsdt,
  listUsdt,
  probeOffset,
  type UprobeMultiOptions,
  type UprobeOptions,
  type UsdtOptions,
} from './attach/attach-uprobe.ts';
export { findBinary } from './attach/find-binary.ts';
export { type Attached, Link, LinkGroup, listLinkInfos, TargetAttachment } from './attach/link.ts';
export { type LinkOwner, linkOwners } from './attach/link-owners.ts';
export { type InterfaceState, isOccupied, showNet } from './attach/net-state.ts';
export { type VethPeer, vethPeer } from './attach/veth-peer.ts';
export {
  type AttachXdpOptions,
  attachXdp,
  detachXdp,
  type InNetns,
  showXdp,
  XdpAttachment,
  type XdpMode,
  type XdpProgramState,
  type XdpState,
} from './attach/xdp.ts';
export { type AttachXdpLinkOptions, attachXdpLink } from './attach/xdp-link.ts';
export { type BpfAvailability, canUseBpf } from './capabilities.ts';
export { examine, type Finding, type FindingState, mountBpffs, mountTracefs } from './doctor/doctor.ts';
export type { Machine } from './doctor/doctor-machine.ts';
export { findStale, type Stale, type StaleReport } from './doctor/doctor-stale.ts';
export { runningKernel } from './facts.ts';
export {
  FEATURE_KINDS,
  type FeatureKind,
  featureNames,
  KernelFeatures,
  type KernelFeaturesOptions,
  kernelFeatures,
} from './features/features.ts';
export type { FeatureAnswer, FeatureState } from './features/features-answer.ts';
export { Collection, type LoadOptions, loadCollection } from './load/collection.ts';
export type { MapLoadOptions } from './load/load-maps.ts';
export { Program, type ProgramOptions, type TestRunOptions, type TestRunResult } from './load/program.ts';
export { type LogExcerpt, VerifierError } from './load/verifier-error.ts';
export { BpfMap, type MapOptions, type TailCallTarget } from './maps/map.ts';
export type { MapValue } from './maps/map-codec.ts';
export type { TailCallTraits } from './maps/map-errors.ts';
export { TypedVariable, typedMap, typedVariable } from './maps/typed.ts';
export { TypedMap } from './maps/typed-map.ts';
export { Variable } from './maps/variable.ts';
export type { PinOptions } from './pin.ts';
export { PerfBuffer, type PerfBufferOptions, type PerfLost, type PerfRecord } from './read/perf-buffer.ts';
export { PerfRecorder, type PerfSnapshotOptions } from './read/perf-recorder.ts';
export type { PerfRingOptions } from './read/perf-rings.ts';
export {
  type IterateOptions,
  type ReaderStats,
  RecordReader,
  type Subscription,
} from './read/record-reader.ts';
export { RecordView } from './read/record-view.ts';
export { type DecodedBy, type RecordOptions, RingBuffer } from './read/ring-buffer.ts';
export { parseTraceLine, type TraceLine, type TraceRecord } from './read/trace-line.ts';
export { TracePipe, type TracePipeOptions } from './read/trace-pipe.ts';
export { type Reservation, UserRingBuffer } from './read/user-ring-buffer.ts';
