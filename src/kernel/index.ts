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
export { openPidfd } from '../syscall/pidfd.ts';
export { type AttachOptions, attach } from './attach/attach.ts';
export {
  type AttachCgroupOptions,
  type AttachCgroupProgramOptions,
  attachCgroup,
  attachCgroupProgram,
  type CgroupAttachName,
  type CgroupProgram,
  type CgroupTarget,
  type DetachCgroupOptions,
  detachCgroup,
  queryCgroup,
} from './attach/attach-cgroup.ts';
export { attachIter, IterAttachment, type IterOptions } from './attach/attach-iter.ts';
export {
  attachKprobe,
  attachKprobeMulti,
  attachKsyscall,
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
export type { ProgramTarget, TargetOption } from './attach/attach-target.ts';
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
export { type InterfaceState, isOccupied, showNet } from './attach/net-state.ts';
export { attachStructOps, StructOps, StructOpsAttachment, type StructOpsOwner } from './attach/struct-ops.ts';
export type { StructOpsMembers, StructOpsOptions, StructOpsValue } from './attach/struct-ops-edit.ts';
export { TC_PROTOCOLS, tcProtocol, tcProtocolName } from './attach/tc-protocol.ts';
export {
  parseTracepointFormat,
  readTracepointFormat,
  type TracepointField,
  type TracepointFormat,
} from './attach/tracepoint-format.ts';
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
export { type BtfValue, btfValueData, readBtfValue } from './inspect/btf-value.ts';
export {
  type MapElement,
  type MapTypes,
  mapElements,
  mapTypes,
  readElement,
  typedElement,
} from './inspect/elements.ts';
export {
  type BtfSummary,
  listBtf,
  listMaps,
  listPrograms,
  type MapSummary,
  type ProgramSummary,
  summarizeMap,
  summarizeProgram,
} from './inspect/list.ts';
export { btfObjectText, mapInfoText, type ObjectExtras, programText } from './inspect/list-text.ts';
export { btfById } from './inspect/loaded-btf.ts';
export { elementText, hexLines, type MapTextOptions, mapText } from './inspect/map-text.ts';
export {
  type LinkOwner,
  linkOwners,
  type ObjectKind,
  type ObjectOwner,
  type OwnersById,
  objectOwners,
} from './inspect/owners.ts';
export { listPins, type PinnedObject, pinnedAt, pinsOf } from './inspect/pins.ts';
export { prettyValue } from './inspect/pretty.ts';
export {
  type DumpedFunction,
  type DumpedLine,
  type ProgramDump,
  programDump,
} from './inspect/program-dump.ts';
export {
  addQdisc,
  deleteQdisc,
  filtersText,
  listQdiscStates,
  type QdiscState,
  qdiscText,
} from './inspect/qdiscs.ts';
export { RunStats, type RunStatsSample } from './inspect/run-stats.ts';
export { parseValueInput, type ValueInput } from './inspect/value-input.ts';
export { type XlatedLine, type XlatedOptions, xlatedLines, xlatedText } from './inspect/xlated-text.ts';
export type { BoundDevice, DeviceOption } from './load/bound-device.ts';
export { Collection, type LoadOptions, loadCollection } from './load/collection.ts';
export type { LogOptions } from './load/load-log.ts';
export type { MapLoadAdjustments, MapLoadOptions } from './load/load-maps.ts';
export type { Variables, VariableValue } from './load/load-variables.ts';
export {
  type ManagedObject,
  Manager,
  type ManagerOptions,
  type Route,
  type StopOptions,
} from './load/manager.ts';
export {
  ManagedProbe,
  type ProbeAttachment,
  type ProbeListing,
  type ProbeOptions,
  type ProbeState,
} from './load/manager-probe.ts';
export { Program, type ProgramOptions, type TestRunOptions, type TestRunResult } from './load/program.ts';
export { Token, type TokenGrants, type TokenOption } from './load/token.ts';
export {
  type LogExcerpt,
  type LogPlace,
  type LogStats,
  logStats,
  VerifierError,
  type VerifierFailure,
} from './load/verifier-error.ts';
export { BloomFilter } from './maps/bloom-filter.ts';
export { type CgroupStorageKey, cgroupStorageKey } from './maps/cgroup-storage-key.ts';
export { MapEntryError } from './maps/element-error.ts';
export { type Cidr, formatCidr, lpmKey, type Network, parseCidr } from './maps/lpm-key.ts';
export { BpfMap } from './maps/map.ts';
export type { MapBatch } from './maps/map-batches.ts';
export type { MapValue } from './maps/map-codec.ts';
export type { MapContent } from './maps/map-elements.ts';
export type { TailCallTraits } from './maps/map-errors.ts';
export { MapMemory, type MapMemoryOptions } from './maps/map-memory.ts';
export type { MapOpenOptions, MapOptions, ObjectId, TailCallTarget } from './maps/map-options.ts';
export { perCpuOf } from './maps/per-cpu.ts';
export { PerCpuMap } from './maps/per-cpu-map.ts';
export { QueueMap } from './maps/queue-map.ts';
export {
  type CpumapEntry,
  cpumapEntry,
  type DevmapEntry,
  devmapEntry,
} from './maps/redirect-entry.ts';
export { TypedVariable, typedMap, typedVariable } from './maps/typed.ts';
export { TypedMap } from './maps/typed-map.ts';
export { Variable } from './maps/variable.ts';
export { forbiddenOperations, OPERATIONS, type Operation } from './operations.ts';
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
export { ProgramStream, type StreamName, type StreamOptions } from './read/stream.ts';
export { parseTraceLine, type TraceLine, type TraceRecord } from './read/trace-line.ts';
export { TracePipe, type TracePipeOptions } from './read/trace-pipe.ts';
export { type Reservation, UserRingBuffer } from './read/user-ring-buffer.ts';
