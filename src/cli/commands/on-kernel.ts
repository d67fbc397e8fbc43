// The commands that ask the kernel, in one module as those on files are.

export * as attach from './attach.ts';
export { doctor } from './doctor.ts';
export { features } from './features.ts';
export * as link from './link.ts';
export { load } from './load.ts';
export { net } from './net.ts';
export { run } from './run.ts';
export { perf as perfTail, ring as ringTail, trace } from './tail.ts';
export * as xdp from './xdp.ts';
