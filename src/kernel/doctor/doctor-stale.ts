import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { AttachType } from '../../isa/kernel-tables.generated.ts';
import { tryProgQuery } from '../../syscall/bpf-attach.ts';
import { progInfo } from '../../syscall/bpf-info.ts';
import { fdById, objGet } from '../../syscall/bpf-object.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { NetlinkError } from '../../syscall/netlink-socket.ts';
import { listLinks } from '../../syscall/rtnetlink.ts';
import { listTcFilters, type TcFilter, TcParent } from '../../syscall/rtnetlink-tc.ts';
import { listLinkInfos } from '../attach/link.ts';
import { showXdp } from '../attach/xdp.ts';
import { type Machine, mountsOf, thisMachine } from './doctor-machine.ts';

/** Something that lives on without a process: attached by no link, or pinned. */
export interface Stale {
  readonly kind: 'xdp' | 'tc' | 'cgroup' | 'pin';
  /** Where it is: an interface, a cgroup's path, a pin's. */
  readonly where: string;
  /** `program 12 'drop_all'` */
  readonly what: string;
  /** The command that takes it away. */
  readonly mend: string;
}

export interface StaleReport {
  readonly stale: readonly Stale[];
  /** What could not be looked at, and why. */
  readonly notSeen: readonly string[];
}

/**
 * Attachments and pins that outlived their process: programs on interfaces of this network namespace that
 * rtnetlink attached and not a link, filters of tc, programs in cgroups, and pins, where no process holds the
 * program, map or link. That is by design, and what a killed process leaves behind.
 *
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
export function findStale(machine: Pick<Machine, 'read'> = thisMachine()): StaleReport {
  const held = heldObjects();
  const notSeen: string[] = [];
  // A link takes its program away with itself; what a link holds up is a question of who holds the link.
  const linked = new Set(listLinkInfos().map(({ programId }) => programId));
  const free = (id: number): boolean => !held.has(`prog ${id}`) && !linked.has(id);
  const look = (what: string, find: () => Stale[]): Stale[] => {
    try {
      return find();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      notSeen.push(`${what}: ${error.message}`);
      return [];
    }
  };
  const stale = [
    ...look('XDP programs', () => staleXdp(free)),
    ...look('tc filters', () => staleFilters(free)),
    ...mountsOf(machine, 'cgroup2').flatMap((root) =>
      look(`cgroups in ${root}`, () => staleCgroups(root, free)),
    ),
    ...mountsOf(machine, 'bpf').flatMap((root) => look(`pins in ${root}`, () => stalePins(root, held))),
  ];
  return { stale, notSeen };
}

/** What the descriptors of all other processes hold: `prog 12`, `map 3`, `link 5`. */
function heldObjects(): Set<string> {
  const held = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}/fdinfo`;
    try {
      for (const fd of readdirSync(folder)) {
        for (const name of idsIn(readFileSync(join(folder, fd), 'utf8'))) held.add(name);
      }
    } catch {
      // It has ended, or is not ours to look at.
    }
  }
  return held;
}

/** A link's descriptor names its program too, which it holds. */
function idsIn(fdinfo: string): string[] {
  return [...fdinfo.matchAll(/^(prog|map|link)_id:\s*(\d+)$/gm)].map(([, kind, id]) => `${kind} ${id}`);
}

function programText(id: number): string {
  try {
    using fd = new Fd(fdById('PROG', id), `program ${id}`);
    const { name } = progInfo(fd.number);
    return name === '' ? `program ${id}` : `program ${id} '${name}'`;
  } catch (error) {
    if (error instanceof SyscallError) return `program ${id}`;
    throw error;
  }
}

type IsFree = (programId: number) => boolean;

function staleXdp(free: IsFree): Stale[] {
  return showXdp().flatMap(({ ifname, programs }) =>
    programs
      .filter(({ id }) => free(id))
      .map(({ id, mode }) => ({
        kind: 'xdp' as const,
        where: ifname,
        what: `${programText(id)}, ${mode}`,
        mend: `tsbpf xdp detach ${ifname}`,
      })),
  );
}

function staleFilters(free: IsFree): Stale[] {
  return listLinks().flatMap(({ ifindex, ifname }) =>
    Object.entries(TcParent).flatMap(([direction, parent]) =>
      filtersOf(ifindex, parent).flatMap(({ bpf, priority, handle }): Stale[] => {
        const id = bpf?.programId;
        if (id === undefined || !free(id)) return [];
        const where = `${ifname} ${direction}`;
        const mend = `tc filter del dev ${where} pref ${priority} handle 0x${handle.toString(16)} bpf`;
        return [{ kind: 'tc', where, what: programText(id), mend }];
      }),
    ),
  );
}

function filtersOf(ifindex: number, parent: number): TcFilter[] {
  try {
    return listTcFilters(ifindex, parent);
  } catch (error) {
    // There is no qdisc to have filters.
    if (error instanceof NetlinkError) return [];
    throw error;
  }
}

const CGROUP_TYPES = Object.entries(AttachType).filter(
  ([name]) => name.startsWith('CGROUP_') || name === 'LSM_CGROUP',
);

function staleCgroups(root: string, free: IsFree): Stale[] {
  return subfolders(root).flatMap((path) => {
    const fd = openSync(path, 'r');
    try {
      return CGROUP_TYPES.flatMap(([name, type]) =>
        tryProgQuery(fd, type)
          .programs.filter(({ programId }) => free(programId))
          .map(({ programId }) => ({
            kind: 'cgroup' as const,
            where: path,
            what: `${programText(programId)}, ${name.toLowerCase()}`,
            mend: `bpftool cgroup detach ${path} ${name.toLowerCase()} id ${programId}`,
          })),
      );
    } finally {
      closeSync(fd);
    }
  });
}

function subfolders(root: string): string[] {
  const inside = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [root, ...inside.flatMap(({ name }) => subfolders(join(root, name)))];
}

/** What the kernel itself puts into a fresh BPF file system (CONFIG_BPF_PRELOAD). */
const PRELOADED = new Set(['maps.debug', 'progs.debug']);

function stalePins(root: string, held: ReadonlySet<string>): Stale[] {
  return readdirSync(root, { withFileTypes: true }).flatMap((entry): Stale[] => {
    const path = join(root, entry.name);
    if (entry.isDirectory()) return stalePins(path, held);
    if (PRELOADED.has(entry.name)) return [];
    const pin = pinned(path);
    if (pin === undefined || held.has(pin.key)) return [];
    return [{ kind: 'pin', where: path, what: pin.what, mend: `rm ${path}` }];
  });
}

const NOUNS: Readonly<Record<string, string>> = { prog: 'program', map: 'map', link: 'link' };

function pinned(path: string): { readonly key: string; readonly what: string } | undefined {
  try {
    using fd = new Fd(objGet(path), path);
    const kind = readlinkSync(`/proc/self/fd/${fd.number}`).match(/bpf[-_](prog|map|link)/)?.[1];
    const id = readFileSync(`/proc/self/fdinfo/${fd.number}`, 'utf8').match(
      new RegExp(`^${kind}_id:\\s*(\\d+)$`, 'm'),
    )?.[1];
    if (kind === undefined || id === undefined) return undefined;
    const what = kind === 'prog' ? programText(Number(id)) : `${NOUNS[kind]} ${id}`;
    return { key: `${kind} ${id}`, what };
  } catch (error) {
    // Gone in between, or a file that is no pin.
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}
