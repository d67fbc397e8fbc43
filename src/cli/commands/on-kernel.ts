// The commands that ask the kernel, in one module as those on files are.
export { doctor } from './doctor.ts';
export { features } from './features.ts';
export { load } from './load.ts';
export { run } from './run.ts';
export * as xdp from './xdp.ts';
