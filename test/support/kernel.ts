import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { release } from 'node:os';
import { getuid, platform } from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canUseBpf } from '../../src/kernel/capabilities.ts';
import { progInfo } from '../../src/syscall/bpf-info.ts';
import { allIds, fdById, type IdKind } from '../../src/syscall/bpf-object.ts';
import { Fd, openDescriptors, trackDescriptors } from '../../src/syscall/fd.ts';
import { hasCapability, readPrivileges } from '../../src/syscall/privileges.ts';

const bpf = canUseBpf();

/** Whether this machine is of a kind where bpf(2) works: a failure then is a failure, not a reason to skip. */
function shouldHaveBpf(): boolean {
  if (platform !== 'linux' || getuid?.() !== 0) return false;
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major < 5 || (major === 5 && minor < 10)) return false;
  return hasCapability(readPrivileges(), 'CAP_BPF') === true;
}

/**
 * A suite that needs bpf(2). Where that is missing it is skipped with the reason, and fails where
 * this machine should have it. After each test the process has the descriptors, and the machine the
 * programs, maps and links, that they had before.
 */
export function describeKernel(name: string, body: () => void): void {
  if (bpf.ok) {
    describe(name, () => {
      checkLeaks();
      body();
    });
    return;
  }
  const { reason } = bpf;
  if (shouldHaveBpf()) {
    test(`${name}: bpf(2) works for root on this kernel`, () => expect.fail(reason));
    return;
  }
  console.warn(`skipped: ${name}: ${reason}`);
  describe.skip(`${name} (${reason})`, body);
}

interface Inventory {
  readonly descriptors: readonly string[];
  readonly ids: Readonly<Record<IdKind, readonly number[]>>;
}

function descriptors(): string[] {
  const names = readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      return [`${number} ${readlinkSync(`/proc/self/fd/${number}`)}`];
    } catch {
      return []; // readdir's own
    }
  });
  // Those of the test runner and of Node come and go.
  return names.filter((name) => /bpf|btf|socket:/.test(name)).sort();
}

/** Listing what the machine has takes CAP_SYS_ADMIN; without it only descriptors are counted. */
const mayList = hasCapability(readPrivileges(), 'CAP_SYS_ADMIN') !== false;
const idsOf = (kind: IdKind): number[] => (mayList ? allIds(kind) : []);

function inventory(): Inventory {
  return {
    descriptors: descriptors(),
    ids: { PROG: idsOf('PROG'), MAP: idsOf('MAP'), LINK: idsOf('LINK') },
  };
}

/** The kernel frees some things after a grace period. */
const RELEASE_TIMEOUT_MS = 3000;

function checkLeaks(): void {
  let before: Inventory;
  beforeEach(() => {
    trackDescriptors(true);
    before = inventory();
  });
  afterEach(async () => {
    const open = openDescriptors().map(({ what, stack }) => `${what}\n${stack}`);
    trackDescriptors(false);
    expect(open, 'descriptors that were left open, and where they were opened').toEqual([]);
    expect(descriptors(), 'descriptors of this process').toEqual(before.descriptors);
    for (const kind of ['PROG', 'MAP', 'LINK'] as const) {
      expect(await leftOver(kind, before.ids[kind]), `${kind} ids left in the kernel`).toEqual([]);
    }
  });
}

async function leftOver(kind: IdKind, before: readonly number[]): Promise<string[]> {
  const deadline = Date.now() + RELEASE_TIMEOUT_MS;
  for (;;) {
    const fresh = idsOf(kind).filter((id) => !before.includes(id));
    if (fresh.length === 0) return [];
    if (Date.now() > deadline)
      return fresh.filter((id) => !heldElsewhere(kind, id)).map((id) => label(kind, id));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether another process holds it: other users of the machine are none of ours. */
function heldElsewhere(kind: IdKind, id: number): boolean {
  const line = new RegExp(`^${{ PROG: 'prog_id', MAP: 'map_id', LINK: 'link_id' }[kind]}:\\s*${id}$`, 'm');
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .some((pid) => {
      try {
        return readdirSync(`/proc/${pid}/fdinfo`).some((fd) =>
          line.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')),
        );
      } catch {
        return false; // it has ended
      }
    });
}

function label(kind: IdKind, id: number): string {
  if (kind !== 'PROG') return `${kind} ${id}`;
  using fd = new Fd(fdById(kind, id), 'a leftover');
  return `PROG ${id} ${progInfo(fd.number).name}`;
}

/** The error that `act` throws, for snapshots of its message. */
export function errorOf(act: () => unknown): Error & { readonly code?: string; readonly hint?: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('expected an error, but nothing was thrown');
}
