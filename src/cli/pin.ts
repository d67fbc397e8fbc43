import { existsSync, mkdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { BpfMap, Collection, Program } from '../kernel/index.ts';
import { TsbpfError } from '../util/errors.ts';

/** @throws {TsbpfError} `PIN_FOLDER` */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const dot = code === 'EPERM' && basename(folder).includes('.');
    const why = dot
      ? 'a BPF file system takes no dot in a name'
      : code === 'ENOENT'
        ? `${dirname(folder)} does not exist`
        : String(cause instanceof Error ? cause.message : cause);
    throw new TsbpfError('PIN_FOLDER', `cannot make the folder ${folder}: ${why}`, { cause });
  }
}

/**
 * Pins programs as `DIR/NAME` and maps as `DIR/maps/NAME`, all or nothing. A BPF file system takes
 * no dot in a name, so `.rodata` becomes `_rodata`.
 */
export function pinCollection(collection: Collection, dir: string): Map<Program | BpfMap, string> {
  const pins = new Map<Program | BpfMap, string>();
  const made: string[] = [];
  try {
    for (const folder of [dir, join(dir, 'maps')]) {
      if (existsSync(folder)) continue;
      makeFolder(folder);
      made.push(folder);
    }
    const pin = (object: Program | BpfMap, path: string): void => {
      object.pin(path);
      pins.set(object, path);
    };
    for (const [name, map] of collection.maps) pin(map, join(dir, 'maps', name.replaceAll('.', '_')));
    for (const [name, program] of collection.programs) pin(program, join(dir, name.replaceAll('.', '_')));
    return pins;
  } catch (error) {
    for (const path of pins.values()) unlinkSync(path);
    for (const folder of made.reverse()) rmdirSync(folder);
    throw error;
  }
}
