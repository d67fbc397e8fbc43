import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What the kernel holds and numbers. */
export type ObjectKind = 'program' | 'map' | 'btf' | 'link';

/** A process that holds a descriptor of an object. */
export interface ObjectOwner {
  readonly pid: number;
  /** Its name, as `comm` has it. */
  readonly name: string;
}

/** Who holds what, by the object's number. */
export type OwnersById = ReadonlyMap<number, readonly ObjectOwner[]>;

/** What `/proc/PID/fd` shows for a descriptor, and the line of its `fdinfo` that has the number. */
const KINDS: readonly (readonly [kind: ObjectKind, link: RegExp, id: RegExp])[] = [
  ['program', /^anon_inode:bpf-prog$/, /^prog_id:\s*(\d+)$/m],
  ['map', /^anon_inode:bpf-map$/, /^map_id:\s*(\d+)$/m],
  ['btf', /^anon_inode:btf$/, /^btf_id:\s*(\d+)$/m],
  // Which of the two it is depends on the kind of link.
  ['link', /^anon_inode:bpf[_-]link$/, /^link_id:\s*(\d+)$/m],
];

function tryList(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // it has ended, or is another user's
  }
}

/** The object behind a descriptor of a process; undefined for anything else. */
export function objectBehind(
  pid: number | string,
  fd: number | string,
): { kind: ObjectKind; id: number } | undefined {
  try {
    const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
    const found = KINDS.find(([, name]) => name.test(link));
    if (!found) return undefined;
    const id = found[2].exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
    return id === undefined ? undefined : { kind: found[0], id: Number(id) };
  } catch {
    return undefined; // closed meanwhile
  }
}

function nameOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * Which processes hold which programs, maps, BTF and links by a descriptor. Those of other users are seen by
 * root alone; what only a pin, an attachment or another object holds has no owner here.
 */
export function objectOwners(): Readonly<Record<ObjectKind, OwnersById>> {
  const owners = {
    program: new Map<number, ObjectOwner[]>(),
    map: new Map<number, ObjectOwner[]>(),
    btf: new Map<number, ObjectOwner[]>(),
    link: new Map<number, ObjectOwner[]>(),
  };
  for (const pid of tryList('/proc').filter((each) => /^\d+$/.test(each))) {
    const held = new Map<string, { kind: ObjectKind; id: number }>();
    for (const fd of tryList(`/proc/${pid}/fd`)) {
      const object = objectBehind(pid, fd);
      if (object) held.set(`${object.kind} ${object.id}`, object);
    }
    if (held.size === 0) continue;
    const name = nameOf(pid);
    if (name === undefined) continue;
    for (const { kind, id } of held.values()) {
      const known = owners[kind].get(id);
      if (known) known.push({ pid: Number(pid), name });
      else owners[kind].set(id, [{ pid: Number(pid), name }]);
    }
  }
  return owners;
}

/** A process that holds a descriptor of a link. */
export type LinkOwner = ObjectOwner;

/** Which processes hold which links, by the link's number; those of other users are seen by root alone. */
export function linkOwners(): OwnersById {
  return objectOwners().link;
}
