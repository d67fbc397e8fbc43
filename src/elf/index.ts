export {
  type ElfNote,
  Executable,
  type ExecutableSymbol,
  readExecutable,
} from './executable.ts';
export { type ParseElfOptions, parseElf } from './parse.ts';
export { readObject } from './read.ts';
export { type ReadelfOptions, type ReadelfPart, readelf } from './readelf.ts';
export { type LinkObjectsOptions, linkObjects } from './static-link.ts';
export { stripDebug } from './strip.ts';
export { parseUsdtArguments, type UsdtArgument, type UsdtProbe, usdtProbes } from './usdt.ts';
export { writeElf } from './write.ts';
