// The commands that work on files alone, in one module: a start pays for every file that it loads,
// a millisecond each, and these share nearly all of their code.
export * as btf from './btf.ts';
export { disasm } from './disasm.ts';
export { fmt } from './fmt.ts';
export { gen } from './gen.ts';
export { inspect } from './inspect.ts';
export { link, readelf, strip } from './objects.ts';
