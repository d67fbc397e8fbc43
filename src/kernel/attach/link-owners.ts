import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that holds a descriptor of a link. */
export interface LinkOwner {
  readonly pid: number;
  /** Its name, as `comm` has it. */
  readonly name: string;
}

function tryList(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // it has ended, or is another user's
  }
}

function linksOf(pid: string): number[] {
  return tryList(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      if (!/^anon_inode:bpf[_-]link$/.test(readlinkSync(`/proc/${pid}/fd/${fd}`))) return [];
      const id = /^link_id:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
      return id === undefined ? [] : [Number(id)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** Which processes hold which links, by the link's number; those of other users are seen by root alone. */
export function linkOwners(): ReadonlyMap<number, readonly LinkOwner[]> {
  const owners = new Map<number, LinkOwner[]>();
  for (const pid of tryList('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const id of new Set(linksOf(pid))) {
      let name = '';
      try {
        name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      } catch {
        continue;
      }
      owners.set(id, [...(owners.get(id) ?? []), { pid: Number(pid), name }]);
    }
  }
  return owners;
}
