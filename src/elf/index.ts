export { type ParseElfOptions, parseElf } from './parse.ts';
export { readObject } from './read.ts';
export { writeElf } from './write.ts';
