import { readlinkSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { objGet, objPin } from '../syscall/bpf-object.ts';
import { Fd } from '../syscall/fd.ts';
import { TsbpfError } from '../util/errors.ts';

export interface PinOptions {
  /** Takes the place of a pin that stands there already, in one step. */
  readonly replace?: boolean;
}

/** Pins a descriptor. @throws {SyscallError} EEXIST, ENOENT, EPERM outside of a BPF file system */
export function pinFd(fd: Fd, path: string, options: PinOptions = {}): void {
  if (!options.replace) {
    objPin(fd.number, path, fd.what);
    return;
  }
  // A rename within the file system is atomic; removing first would leave a moment without a pin.
  const temporary = `${path}_new_${process.pid}`;
  objPin(fd.number, temporary, fd.what);
  try {
    renameSync(temporary, path);
  } catch (cause) {
    unlinkSync(temporary);
    throw new TsbpfError('PIN_REPLACE_FAILED', `${path} could not be replaced: ${String(cause)}`, { cause });
  }
}

/** Removes the pins at these paths; one that is gone already is no matter. @throws {TsbpfError} `NOT_PINNED` where there are none */
export function removePins({ what }: Fd, paths: Set<string>): void {
  if (paths.size === 0) throw new TsbpfError('NOT_PINNED', `${what} was not pinned through this handle`);
  for (const path of paths) {
    rmSync(path, { force: true });
    paths.delete(path);
  }
}

const KIND_LINKS: Readonly<Record<string, DescriptorKind>> = {
  'anon_inode:bpf-map': 'map',
  'anon_inode:bpf-prog': 'program',
  // Which of the two it is depends on the kind of link.
  'anon_inode:bpf_link': 'link',
  'anon_inode:bpf-link': 'link',
};

export type DescriptorKind = 'map' | 'program' | 'link';

/** What a descriptor is one of; undefined for anything else, and where it is not open. */
export function kindOfDescriptor(number: number): DescriptorKind | undefined {
  try {
    return KIND_LINKS[readlinkSync(`/proc/self/fd/${number}`)];
  } catch {
    return undefined;
  }
}

/**
 * The kernel answers for whatever a descriptor is one of; taking one for the other would misread it.
 *
 * @throws {TsbpfError} `DESCRIPTOR_KIND`
 */
export function expectKind(fd: Fd, kind: DescriptorKind): void {
  const is = kindOfDescriptor(fd.number);
  // Of what is none of the three the kernel itself refuses to tell.
  if (is === kind || is === undefined) return;
  throw new TsbpfError('DESCRIPTOR_KIND', `${fd.what} (descriptor ${fd.number}) is a ${is}, not a ${kind}`);
}

/** Opens a pin and makes sure of what it is. @throws {TsbpfError} `PIN_KIND` */
export function openPin(path: string, kind: DescriptorKind, flags = 0): Fd {
  const fd = new Fd(objGet(path, flags), `${kind} at ${path}`);
  // OBJ_GET opens whatever is pinned; taking one for the other would misread every answer.
  const is = kindOfDescriptor(fd.number);
  if (is === kind) return fd;
  fd.close();
  throw new TsbpfError(
    'PIN_KIND',
    `what is pinned at ${path} is ${is ? `a ${is}` : 'something else'}, not a ${kind}`,
  );
}
