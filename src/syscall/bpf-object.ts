import { encodeText } from '../util/bytes.ts';
import { checkRange, TsbpfError } from '../util/errors.ts';
import { bpf, bpfError, checkedBpf, pointer } from './bpf.ts';
import { idAttr, objAttr } from './bpf-attr.ts';
import { Errno } from './errno.ts';
import type { BpfCommandName } from './explain.ts';
import { U32_MAX } from './native.ts';

/** PATH_MAX (Linux, `include/uapi/linux/limits.h`), its NUL included. */
const PATH_MAX = 4096;

function pathBytes(path: string): Uint8Array {
  const bytes = encodeText(`${path}\0`);
  if (bytes.indexOf(0) !== bytes.length - 1 || bytes.length > PATH_MAX || path === '') {
    throw new TsbpfError('PATH_INVALID', `'${path}' is not a path that Linux can hold`);
  }
  return bytes;
}

/** BPF_OBJ_PIN. @throws {SyscallError} EEXIST, EPERM outside of a BPF file system, ENOENT */
export function objPin(fd: number, path: string, what: string): void {
  const pathname = pathBytes(path);
  const attr = objAttr.encode({ pathname: pointer(pathname), bpf_fd: fd });
  checkedBpf('OBJ_PIN', { attr, held: [pathname] }, `pin ${what}`, { path });
}

/** BPF_OBJ_GET. `flags`: MapFlag.RDONLY or WRONLY, for maps. @returns the descriptor @throws {SyscallError} ENOENT, EACCES */
export function objGet(path: string, flags = 0): number {
  const pathname = pathBytes(path);
  const attr = objAttr.encode({ pathname: pointer(pathname), file_flags: flags });
  return checkedBpf('OBJ_GET', { attr, held: [pathname] }, `open the pin ${path}`, { path });
}

export type IdKind = 'PROG' | 'MAP' | 'LINK';
/** Types are things of the kernel as well, with ids of their own. */
type AnyIdKind = IdKind | 'BTF';
const ID_NOUNS: Record<AnyIdKind, string> = { PROG: 'program', MAP: 'map', LINK: 'link', BTF: 'BTF' };

/** The id after `id`, or undefined after the last. @throws {SyscallError} EPERM without CAP_SYS_ADMIN */
export function nextId(kind: AnyIdKind, id: number): number | undefined {
  const attr = idAttr.encode({ id });
  const command: BpfCommandName = `${kind}_GET_NEXT_ID`;
  const result = bpf(command, { attr, held: [] });
  if (result >= 0) return idAttr.decode(attr).next_id;
  if (result === -Errno.ENOENT) return undefined;
  throw bpfError(command, -result, `list the ${ID_NOUNS[kind]}s of this machine`);
}

/** Every id of a kind, ascending. */
export function allIds(kind: AnyIdKind): number[] {
  const ids: number[] = [];
  for (let id = nextId(kind, 0); id !== undefined; id = nextId(kind, id)) ids.push(id);
  return ids;
}

/** A descriptor for an id. `flags`: MapFlag.RDONLY or WRONLY, for maps. @throws {SyscallError} ENOENT, EPERM */
export function fdById(kind: AnyIdKind, id: number, flags = 0): number {
  const attr = idAttr.encode({ id: checkRange('id', id, 0, U32_MAX), open_flags: flags });
  return checkedBpf(`${kind}_GET_FD_BY_ID`, { attr, held: [] }, `open ${ID_NOUNS[kind]} ${id}`, { id });
}
