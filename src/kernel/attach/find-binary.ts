import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { env } from 'node:process';
import { decodeCString } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';

const LD_SO_CACHE = '/etc/ld.so.cache';
/** The header of the format that glibc has written since 2.2, alone or behind an older one. */
const CACHE_MAGIC = 'glibc-ld.so.cache1.1';
const CACHE_HEADER_SIZE = 48;
const CACHE_ENTRY_SIZE = 24;

/** Where libraries lie that are not in the cache: Debian's and Fedora's folders. */
const LIBRARY_FOLDERS = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib/aarch64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
  '/usr/local/lib',
];

/** The libraries that a cache of ld.so knows, by name. */
export function parseLdCache(bytes: Uint8Array): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(CACHE_MAGIC, 0, 'latin1');
  if (start < 0 || bytes.length - start < CACHE_HEADER_SIZE) return found;
  const cache = bytes.subarray(start);
  const view = new DataView(cache.buffer, cache.byteOffset, cache.length);
  const room = Math.floor((cache.length - CACHE_HEADER_SIZE) / CACHE_ENTRY_SIZE);
  const count = Math.min(view.getUint32(20, true), room);
  const text = (offset: number): string => decodeCString(cache.subarray(offset, offset + 4096));
  for (let index = 0; index < count; index++) {
    const at = CACHE_HEADER_SIZE + index * CACHE_ENTRY_SIZE;
    const name = text(view.getUint32(at + 4, true));
    // The first of several is the best for this machine.
    if (!found.has(name)) found.set(name, text(view.getUint32(at + 8, true)));
  }
  return found;
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function findLibrary(name: string): string | undefined {
  const own = (env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(Boolean);
  for (const folder of own) if (existsSync(join(folder, name))) return join(folder, name);
  if (existsSync(LD_SO_CACHE)) {
    const cache = parseLdCache(readFileSync(LD_SO_CACHE));
    // `libc` and `libc.so` stand for the version that is there.
    const wanted = name.replace(/\.so$/, '');
    const found = cache.get(name) ?? [...cache].find(([known]) => known.startsWith(`${wanted}.so`))?.[1];
    if (found) return found;
  }
  return LIBRARY_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * The file that a program or a shared library is: a path as it is, a library by its name as the
 * dynamic loader finds it, a program in PATH.
 *
 * @example `findBinary('libc.so.6')`, `findBinary('libc')`, `findBinary('bash')`
 * @throws {TsbpfError} `BINARY_NOT_FOUND`
 */
export function findBinary(name: string): string {
  if (isAbsolute(name) || name.includes('/')) {
    const path = resolve(name);
    if (existsSync(path)) return path;
    throw new TsbpfError('BINARY_NOT_FOUND', `there is no file ${path}`);
  }
  const library = name.includes('.so') || name.startsWith('lib') ? findLibrary(name) : undefined;
  if (library) return library;
  const inPath = (env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutableFile);
  if (inPath) return inPath;
  throw new TsbpfError('BINARY_NOT_FOUND', `there is neither a program nor a library '${name}'`, {
    hint: `programs are looked for in PATH, libraries in ${LD_SO_CACHE} and LD_LIBRARY_PATH; a path works always`,
  });
}
