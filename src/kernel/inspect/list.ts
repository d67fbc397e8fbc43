import { readFileSync, statSync } from 'node:fs';
import { type BtfObjectInfo, btfObjectInfo } from '../../syscall/bpf-btf-dump.ts';
import { type MapInfo, mapInfo, type ProgInfo, progInfo } from '../../syscall/bpf-info.ts';
import { allIds, fdById } from '../../syscall/bpf-object.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { OWN_NAMESPACE } from '../../syscall/network-namespace.ts';
import { listLinks } from '../../syscall/rtnetlink.ts';
import { mapTypeName, progTypeName } from '../names.ts';

/** A program of the machine, as {@link listPrograms} tells of it. */
export interface ProgramSummary extends ProgInfo {
  /** `xdp`, `sched_cls` … */
  readonly typeName: string;
  readonly jited: boolean;
  /** Bytes of memory that are charged for it; undefined where the kernel does not tell. */
  readonly memlock: number | undefined;
  /** When it was loaded. */
  readonly loadedAt: Date;
  /** The card that runs it, where that is in this network namespace. */
  readonly deviceName?: string | undefined;
}

/** A map of the machine, as {@link listMaps} tells of it. */
export interface MapSummary extends MapInfo {
  /** `hash`, `prog_array` … */
  readonly typeName: string;
  /** Bytes of memory that are charged for it; undefined where the kernel does not tell. */
  readonly memlock: number | undefined;
  /** User space may only read it. */
  readonly frozen: boolean;
  /** Of prog arrays that a program has made its own. */
  readonly owner: { readonly progType: string; readonly jited: boolean } | undefined;
}

/** A BTF of the machine, as {@link listBtf} tells of it. */
export interface BtfSummary extends BtfObjectInfo {
  /** Programs and maps that use it, newest first. */
  readonly programIds: readonly number[];
  readonly mapIds: readonly number[];
}

/** The lines of `/proc/self/fdinfo` of a descriptor. */
function fdinfo(fd: Fd): ReadonlyMap<string, string> {
  const text = readFileSync(`/proc/self/fdinfo/${fd.number}`, 'utf8');
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, name, value] = /^(\w+):\s*(.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value!] as const];
    }),
  );
}

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);

/** Load times are counted from the boot, suspension included; so is the first number of this file. */
function bootTimeMs(): number {
  return Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
}

function deviceName(device: ProgInfo['device']): string | undefined {
  if (!device) return undefined;
  const { dev, ino } = statSync(OWN_NAMESPACE, { bigint: true });
  if (dev !== device.netnsDev || ino !== device.netnsInode) return undefined;
  return listLinks().find(({ ifindex }) => ifindex === device.ifindex)?.ifname;
}

/** What is known of a program that is open. @throws {SyscallError} */
export function summarizeProgram(fd: Fd, bootMs: number = bootTimeMs()): ProgramSummary {
  const info = progInfo(fd.number, fd.what);
  return {
    ...info,
    typeName: progTypeName(info.type),
    jited: info.jitedLength > 0,
    memlock: numberOf(fdinfo(fd).get('memlock')),
    loadedAt: new Date(bootMs + Number(info.loadTimeNs / 1_000_000n)),
    deviceName: deviceName(info.device),
  };
}

/** What is known of a map that is open. @throws {SyscallError} */
export function summarizeMap(fd: Fd): MapSummary {
  const info = mapInfo(fd.number, fd.what);
  const lines = fdinfo(fd);
  const ownerType = numberOf(lines.get('owner_prog_type'));
  return {
    ...info,
    typeName: mapTypeName(info.type),
    memlock: numberOf(lines.get('memlock')),
    frozen: lines.get('frozen') === '1',
    owner:
      ownerType === undefined
        ? undefined
        : { progType: progTypeName(ownerType), jited: lines.get('owner_jited') === '1' },
  };
}

function each<T>(kind: 'PROG' | 'MAP' | 'BTF', noun: string, use: (fd: Fd) => T): T[] {
  return allIds(kind).flatMap((id) => {
    try {
      using fd = new Fd(fdById(kind, id), `${noun} ${id}`);
      return [use(fd)];
    } catch (error) {
      // It is gone by now.
      if (error instanceof SyscallError && error.errno === Errno.ENOENT) return [];
      throw error;
    }
  });
}

/**
 * Every program of this machine, in the order of their numbers; those that go meanwhile are left out.
 *
 * @example `listPrograms().filter(({ typeName }) => typeName === 'xdp').map(({ id, name }) => [id, name])`
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
export function listPrograms(): ProgramSummary[] {
  const boot = bootTimeMs();
  return each('PROG', 'program', (fd) => summarizeProgram(fd, boot));
}

/**
 * Every map of this machine, in the order of their numbers; those that go meanwhile are left out.
 *
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
export function listMaps(): MapSummary[] {
  return each('MAP', 'map', summarizeMap);
}

/**
 * Every BTF of this machine: the kernel's, its modules' and those of objects that were loaded, with the
 * programs and maps that use them.
 *
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
export function listBtf(): BtfSummary[] {
  const programs = each('PROG', 'program', (fd) => progInfo(fd.number, fd.what));
  const maps = each('MAP', 'map', (fd) => mapInfo(fd.number, fd.what));
  const users = (all: readonly { readonly id: number; readonly btfId: number }[], btfId: number): number[] =>
    all.filter((one) => one.btfId === btfId).map(({ id }) => id);
  return each('BTF', 'BTF', (fd) => btfObjectInfo(fd.number, fd.what)).map((info) => ({
    ...info,
    programIds: users(programs, info.id),
    mapIds: users(maps, info.id),
  }));
}
