import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { objGet } from '../../syscall/bpf-object.ts';
import { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';
import { mountsOf, thisMachine } from '../doctor/doctor-machine.ts';
import { type ObjectKind, objectBehind } from './owners.ts';

/** What stands at a path of a BPF file system. */
export interface PinnedObject {
  readonly kind: ObjectKind;
  readonly id: number;
  readonly path: string;
}

/** Folders within each other; a mount cannot go in a circle, but a walk needs an end. */
const MAX_DEPTH = 64;

/**
 * What is pinned at a path.
 *
 * @throws {SyscallError} ENOENT, EACCES or EPERM where the path is no pin
 * @throws {TsbpfError} `PIN_KIND` for something else than a program, map, link or BTF
 */
export function pinnedAt(path: string): PinnedObject {
  using fd = new Fd(objGet(path), `what is pinned at ${path}`);
  const object = objectBehind('self', fd.number);
  if (object) return { ...object, path };
  throw new TsbpfError('PIN_KIND', `what is pinned at ${path} is no program, map, link or BTF`);
}

function* pathsIn(folder: string, depth = 0): Generator<string> {
  if (depth > MAX_DEPTH) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* pathsIn(path, depth + 1);
    else if (entry.isFile()) yield path;
  }
}

/** What is pinned in a folder and below, as far as this process may open it. @throws what `readdir` throws */
export function pinsIn(folder: string): PinnedObject[] {
  return [...pathsIn(folder)].flatMap((path) => {
    try {
      return [pinnedAt(path)];
    } catch (error) {
      // Gone meanwhile, the kernel's own, or no pin.
      if (error instanceof TsbpfError) return [];
      throw error;
    }
  });
}

/** Everything that is pinned in the BPF file systems that this process sees, as far as it may open it. */
export function listPins(): PinnedObject[] {
  return [...new Set(mountsOf(thisMachine(), 'bpf'))].flatMap((root) => {
    try {
      return pinsIn(root);
    } catch (error) {
      // Another user's, or hidden behind another mount.
      if (!(error instanceof Error && 'code' in error)) throw error;
      return [];
    }
  });
}

/** The paths at which objects of a kind are pinned, by the object's number. */
export function pinsOf(kind: ObjectKind, pins: readonly PinnedObject[] = listPins()): Map<number, string[]> {
  const paths = new Map<number, string[]>();
  for (const pin of pins) {
    if (pin.kind === kind) paths.set(pin.id, [...(paths.get(pin.id) ?? []), pin.path]);
  }
  return paths;
}
