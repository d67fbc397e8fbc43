import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AttachType, MapType } from '../../isa/kernel-tables.generated.ts';
import { tryProgQuery } from '../../syscall/bpf-attach.ts';
import { mapInfo, progInfo } from '../../syscall/bpf-info.ts';
import { allIds, fdById } from '../../syscall/bpf-object.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { listLinks } from '../../syscall/rtnetlink.ts';
import { TsbpfError } from '../../util/errors.ts';
import { showTc, type TcState } from '../attach/attach-tc.ts';
import { listLinkInfos } from '../attach/link.ts';
import { showXdp } from '../attach/xdp.ts';
import { type ObjectKind, objectOwners } from '../inspect/owners.ts';
import { pinsIn, pinsOf } from '../inspect/pins.ts';
import { type Machine, mountsOf, thisMachine } from './doctor-machine.ts';

/** Something that lives on without a process: attached by no link, or pinned. */
export interface Stale {
  readonly kind: 'xdp' | 'tc' | 'cgroup' | 'struct_ops' | 'pin';
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
 * rtnetlink attached and not a link, filters of tc, programs in cgroups, structs of functions, and pins,
 * where no process holds the program, map or link. That is by design, and what a killed process leaves behind.
 *
 * @throws {SyscallError} EPERM without CAP_SYS_ADMIN
 */
export function findStale(machine: Pick<Machine, 'read'> = thisMachine()): StaleReport {
  const owners = objectOwners();
  const isHeld: IsHeld = (kind, id) => owners[kind].has(id);
  const notSeen: string[] = [];
  // A link takes its program away with itself; what a link holds up is a question of who holds the link.
  const linked = new Set(listLinkInfos().map(({ programId }) => programId));
  const free = (id: number): boolean => !isHeld('program', id) && !linked.has(id);
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
    ...look('structs of functions', () => staleStructs(isHeld)),
    ...mountsOf(machine, 'bpf').flatMap((root) => look(`pins in ${root}`, () => stalePins(root, isHeld))),
  ];
  return { stale, notSeen };
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
type IsHeld = (kind: ObjectKind, id: number) => boolean;

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

function filtersOf(ifindex: number): TcState[] {
  try {
    return showTc(ifindex);
  } catch (error) {
    // The interface has gone meanwhile.
    const gone = ['INTERFACE_NOT_FOUND', 'ENODEV'];
    if (error instanceof TsbpfError && gone.includes(error.code)) return [];
    throw error;
  }
}

function staleFilters(free: IsFree): Stale[] {
  return listLinks().flatMap(({ ifindex, ifname }) =>
    filtersOf(ifindex).flatMap(({ programId, direction, chain, priority, handle }): Stale[] => {
      if (programId === undefined || !free(programId)) return [];
      // By these three one filter is known.
      const key = `--chain ${chain} --priority ${priority} --handle 0x${handle.toString(16)}`;
      const mend = `tsbpf tc filter delete ${ifname} --direction ${direction} ${key}`;
      return [{ kind: 'tc', where: `${ifname} ${direction}`, what: programText(programId), mend }];
    }),
  );
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
            mend: `tsbpf cgroup detach ${path} --attach-type ${name.toLowerCase()} --id ${programId}`,
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

function stalePins(root: string, isHeld: IsHeld): Stale[] {
  return pinsIn(root)
    .filter(({ kind, id }) => !isHeld(kind, id))
    .map(({ kind, id, path }) => ({
      kind: 'pin',
      where: path,
      what: kind === 'program' ? programText(id) : `${kind} ${id}`,
      mend: `rm ${path}`,
    }));
}

/** Registered by an update of their map, which the kernel then keeps. */
function staleStructs(isHeld: IsHeld): Stale[] {
  const linked = new Set(
    listLinkInfos().flatMap(({ target }) => (target.kind === 'struct_ops' ? [target.mapId] : [])),
  );
  const pinned = pinsOf('map');
  return allIds('MAP').flatMap((id): Stale[] => {
    const map = structsAt(id);
    if (!map || isHeld('map', id) || linked.has(id) || pinned.has(id)) return [];
    const what = `map ${id} '${map.name}'`;
    return [{ kind: 'struct_ops', where: 'the kernel', what, mend: `tsbpf map delete ${id} 0` }];
  });
}

function structsAt(id: number): { readonly name: string } | undefined {
  try {
    using fd = new Fd(fdById('MAP', id), `map ${id}`);
    const info = mapInfo(fd.number, fd.what);
    return info.type === MapType.STRUCT_OPS ? info : undefined;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === Errno.ENOENT) return undefined;
    throw error;
  }
}
