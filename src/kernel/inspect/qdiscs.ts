import { findLink, listLinks } from '../../syscall/rtnetlink.ts';
import { addClsact, deleteClsact, listQdiscs } from '../../syscall/rtnetlink-tc.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { TcState } from '../attach/attach-tc.ts';
import { tcProtocolName } from '../attach/tc-protocol.ts';

/** A queueing discipline on an interface. */
export interface QdiscState {
  readonly ifname: string;
  readonly ifindex: number;
  /** `clsact`, `noqueue`, `pfifo_fast` … */
  readonly kind: string;
  /** Major number in the upper half. */
  readonly handle: number;
  /** TC_H_ROOT, or the handle of what it hangs on. */
  readonly parent: number;
  readonly refcnt: number;
}

/** `TC_H_ROOT` (Linux, `include/uapi/linux/pkt_sched.h`). */
const ROOT = 0xffff_ffff;

/**
 * The qdiscs of an interface, or of all of this network namespace.
 *
 * @throws {TsbpfError} `INTERFACE_NOT_FOUND`
 */
export function listQdiscStates(nameOrIndex?: string | number): QdiscState[] {
  const links = nameOrIndex === undefined ? listLinks() : [findLink(nameOrIndex)];
  const names = new Map(links.map(({ ifindex, ifname }) => [ifindex, ifname]));
  return listQdiscs(nameOrIndex === undefined ? 0 : links[0]!.ifindex).flatMap((qdisc) => {
    const ifname = names.get(qdisc.ifindex);
    return ifname === undefined ? [] : [{ ifname, ...qdisc }];
  });
}

/** @throws {TsbpfError} `QDISC_UNSUPPORTED` */
function requireClsact(kind: string): void {
  if (kind === 'clsact') return;
  throw new TsbpfError('QDISC_UNSUPPORTED', `qdiscs of kind '${kind}' are not made here`, {
    hint: 'programs hang on clsact; for others take tc',
  });
}

/**
 * Puts clsact on an interface: what filters of both directions hang on.
 *
 * @throws {NetlinkError} EEXIST, EPERM @throws {TsbpfError} `INTERFACE_NOT_FOUND`, `QDISC_UNSUPPORTED`
 */
export function addQdisc(nameOrIndex: string | number, kind: string): QdiscState {
  requireClsact(kind);
  const { ifindex, ifname } = findLink(nameOrIndex);
  addClsact(ifindex, `add clsact to ${ifname}`);
  return listQdiscStates(ifindex).find((qdisc) => qdisc.kind === kind)!;
}

/**
 * Takes clsact off an interface, with every filter on it.
 *
 * @throws {NetlinkError} ENOENT or EINVAL where there is none, EPERM
 */
export function deleteQdisc(nameOrIndex: string | number, kind: string): void {
  requireClsact(kind);
  const { ifindex, ifname } = findLink(nameOrIndex);
  deleteClsact(ifindex, `remove clsact from ${ifname}`);
}

/** `ffff:` or `ffff:fff1`, in hexadecimal as tc has it. */
function handleText(handle: number): string {
  const minor = handle & 0xffff;
  return `${(handle >>> 16).toString(16)}:${minor === 0 ? '' : minor.toString(16)}`;
}

/**
 * A qdisc as `tc qdisc show` prints it, as far as every kind has it.
 *
 * @param named whether the interface stands in the line: it does where all are listed
 */
export function qdiscText({ kind, handle, ifname, parent, refcnt }: QdiscState, named: boolean): string {
  const where = parent === ROOT ? 'root ' : `parent ${handleText(parent)} `;
  const device = named ? `dev ${ifname} ` : '';
  const dashes = kind === 'ingress' ? '---------------- ' : '';
  const count = refcnt === 1 ? '' : `refcnt ${refcnt} `;
  return `qdisc ${kind} ${(handle >>> 16).toString(16)}: ${device}${where}${count}${dashes}`;
}

/**
 * Filters of one direction as `tc filter show dev IF ingress` prints them: each priority has a line of its own
 * before its filters.
 *
 * @param details what is known of the program of an id
 */
export function filtersText(
  filters: readonly TcState[],
  details: (programId: number) => { readonly name: string; readonly jited: boolean } | undefined,
): string {
  const lines: string[] = [];
  let last = '';
  for (const filter of filters) {
    const { priority, chain, handle, name, directAction, classid, inHardware, programId, tag } = filter;
    const head = `filter protocol ${tcProtocolName(filter.protocol)} pref ${priority} bpf chain ${chain} `;
    if (head !== last) lines.push(head);
    last = head;
    const program = programId === undefined ? undefined : details(programId);
    lines.push(
      [
        `${head}handle 0x${handle.toString(16)} `,
        classid === undefined ? '' : `flowid ${handleText(classid)} `,
        name === undefined ? '' : `${name} `,
        directAction ? 'direct-action ' : '',
        inHardware === undefined ? '' : inHardware ? 'in_hw ' : 'not_in_hw ',
        programId === undefined ? '' : `id ${programId} `,
        program && program.name !== '' ? `name ${program.name} ` : '',
        tag === undefined ? '' : `tag ${tag} `,
        program?.jited ? 'jited ' : '',
      ].join(''),
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}
