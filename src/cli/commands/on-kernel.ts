// The commands that ask the kernel, in one module as those on files are.

export { enterNetworkNamespace } from '../../syscall/network-namespace.ts';
export * as attach from './attach.ts';
export { btfDump, btfList } from './btf-objects.ts';
export { cgroupShow, cgroupTree } from './cgroup.ts';
export { doctor } from './doctor.ts';
export { features } from './features.ts';
export { iterPin, iterRun } from './iter.ts';
export * as link from './link.ts';
export { load } from './load.ts';
export * as map from './map.ts';
export { net } from './net.ts';
export * as pin from './pin.ts';
export * as prog from './prog.ts';
export { progRun } from './prog-run.ts';
export { run } from './run.ts';
export { structOps } from './struct-ops.ts';
export { perf as perfTail, ring as ringTail, trace } from './tail.ts';
export * as tc from './tc.ts';
export * as xdp from './xdp.ts';
