import { AttachFlag } from '../../syscall/bpf-attach.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Program } from '../load/program.ts';
import { Link } from './link.ts';

/** One of those that are attached already: by handle or by the kernel's number. */
export type Neighbour = Link | Program | { readonly linkId: number } | { readonly programId: number };

/** Where a program goes among others of its target; left out, behind all. */
export interface AttachOrder {
  readonly position?: 'first' | 'last' | { readonly before: Neighbour } | { readonly after: Neighbour };
  /** Only where the list of programs is still as it was when this revision was read. */
  readonly expectedRevision?: bigint;
}

export interface EncodedOrder {
  readonly flags: number;
  readonly relative: number;
  readonly expectedRevision: bigint;
}

function neighbour(of: Neighbour): { readonly flags: number; readonly relative: number } {
  if (typeof of !== 'object')
    throw new TsbpfError(
      'OPTIONS',
      `a neighbour is a link, a program or a number of one, but '${of}' was given`,
      {
        hint: 'write { linkId } or { programId }',
      },
    );
  if (of instanceof Link) return { flags: AttachFlag.LINK, relative: of.fd.number };
  if ('linkId' in of) return { flags: AttachFlag.LINK | AttachFlag.ID, relative: of.linkId };
  if ('programId' in of) return { flags: AttachFlag.ID, relative: of.programId };
  return { flags: 0, relative: of.fd.number };
}

/** Flags and neighbour as LINK_CREATE and PROG_ATTACH take them. */
export function encodeOrder(order: AttachOrder): EncodedOrder {
  const { position, expectedRevision = 0n } = order;
  if (position === undefined) return { flags: 0, relative: 0, expectedRevision };
  if (position === 'first') return { flags: AttachFlag.BEFORE, relative: 0, expectedRevision };
  if (position === 'last') return { flags: AttachFlag.AFTER, relative: 0, expectedRevision };
  const side = 'before' in position ? AttachFlag.BEFORE : AttachFlag.AFTER;
  const { flags, relative } = neighbour('before' in position ? position.before : position.after);
  return { flags: side | flags, relative, expectedRevision };
}
