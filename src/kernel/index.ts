export type { MapInfo, ProgInfo } from '../syscall/bpf-info.ts';
export { type LinkInfo, type LinkTarget, linkTypeName } from '../syscall/bpf-link-info.ts';
export { SyscallError } from '../syscall/error.ts';
export { Fd } from '../syscall/fd.ts';
export { NetlinkError } from '../syscall/netlink-socket.ts';
export { type AttachOptions, attach } from './attach.ts';
export {
  type AttachCgroupOptions,
  type AttachCgroupProgramOptions,
  attachCgroup,
  attachCgroupProgram,
  type CgroupAttachName,
  type CgroupProgram,
  type CgroupTarget,
  queryCgroup,
} from './attach-cgroup.ts';
export { attachIter, IterAttachment, type IterOptions } from './attach-iter.ts';
export {
  attachKprobe,
  attachKprobeMulti,
  type KprobeMultiOptions,
  type KprobeOptions,
} from './attach-kprobe.ts';
export {
  attachFlowDissector,
  attachNetfilter,
  attachNetns,
  type NetfilterOptions,
  type NetnsTarget,
} from './attach-netns.ts';
export type { AttachOrder, Neighbour } from './attach-order.ts';
export {
  attachPerfEvent,
  attachTracepoint,
  type PerfAttachOptions,
  type PerfEventOptions,
  type TracepointOptions,
} from './attach-perf.ts';
export {
  attachRawTracepoint,
  attachTracing,
  type RawTracepointOptions,
  type TracingOptions,
} from './attach-raw-tracepoint.ts';
export { attachReuseport, attachSocketFilter, attachSockmap, type SockmapOptions } from './attach-socket.ts';
export {
  type AttachTcOptions,
  attachTc,
  type DetachTcOptions,
  detachTc,
  removeClsact,
  showTc,
  TcAttachment,
  type TcState,
} from './attach-tc.ts';
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
} from './attach-tcx.ts';
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
} from './attach-uprobe.ts';
export { type BpfAvailability, canUseBpf } from './capabilities.ts';
export { Collection, type LoadOptions, loadCollection } from './collection.ts';
export { examine, type Finding, type FindingState, mountBpffs, mountTracefs } from './doctor.ts';
export type { Machine } from './doctor-machine.ts';
export { findStale, type Stale, type StaleReport } from './doctor-stale.ts';
export { runningKernel } from './facts.ts';
export {
  FEATURE_KINDS,
  type FeatureKind,
  featureNames,
  KernelFeatures,
  type KernelFeaturesOptions,
  kernelFeatures,
} from './features.ts';
export type { FeatureAnswer, FeatureState } from './features-answer.ts';
export { findBinary } from './find-binary.ts';
export { type Attached, Link, LinkGroup, listLinkInfos, TargetAttachment } from './link.ts';
export { type LinkOwner, linkOwners } from './link-owners.ts';
export type { MapLoadOptions } from './load-maps.ts';
export { BpfMap, type MapOptions, type TailCallTarget } from './map.ts';
export type { MapValue } from './map-codec.ts';
export type { TailCallTraits } from './map-errors.ts';
export { type InterfaceState, isOccupied, showNet } from './net-state.ts';
export { PerfBuffer, type PerfBufferOptions, type PerfLost, type PerfRecord } from './perf-buffer.ts';
export { PerfRecorder, type PerfSnapshotOptions } from './perf-recorder.ts';
export type { PerfRingOptions } from './perf-rings.ts';
export type { PinOptions } from './pin.ts';
export { Program, type ProgramOptions, type TestRunOptions, type TestRunResult } from './program.ts';
export {
  type IterateOptions,
  type ReaderStats,
  RecordReader,
  type Subscription,
} from './record-reader.ts';
export { RecordView } from './record-view.ts';
export { type DecodedBy, type RecordOptions, RingBuffer } from './ring-buffer.ts';
export { parseTraceLine, type TraceLine, type TraceRecord } from './trace-line.ts';
export { TracePipe, type TracePipeOptions } from './trace-pipe.ts';
export { TypedVariable, typedMap, typedVariable } from './typed.ts';
export { TypedMap } from './typed-map.ts';
export { type Reservation, UserRingBuffer } from './user-ring-buffer.ts';
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
export { type AttachXdpLinkOptions, attachXdpLink } from './xdp-link.ts';
