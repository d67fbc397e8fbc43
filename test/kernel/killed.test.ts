import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findStale } from '../../src/kernel/doctor/doctor-stale.ts';
import { allIds } from '../../src/syscall/bpf-object.ts';
import {
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  unmount,
} from '../../src/syscall/namespace.ts';
import { createVethPair, deleteLink, setLink } from '../../src/syscall/rtnetlink.ts';
import { describeKernel } from '../support/kernel.ts';

const ROUNDS = 12;
const fixture = join(import.meta.dirname, 'fixtures', 'killed.mjs');
let bpffs: string;

/** Starts the process, and ends it without a chance to clean up after so many milliseconds. */
async function killedAfter(ms: number): Promise<void> {
  const child = spawn(process.execPath, [fixture, bpffs, 'killed0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close').then(() => expect.fail('it ended by itself'));
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => undefined);
  await sleep(ms);
  expect(child.exitCode, 'it goes on until it is ended').toBe(null);
  child.kill('SIGKILL');
  await once(child, 'close');
}

function ids(): Record<'PROG' | 'MAP' | 'LINK', number[]> {
  return { PROG: allIds('PROG'), MAP: allIds('MAP'), LINK: allIds('LINK') };
}

const pins = (): string[] => readdirSync(bpffs).filter((name) => /\d$/.test(name));

describeKernel('a process that is killed', () => {
  beforeAll(() => {
    enterNewMountNamespace();
    enterNewNetworkNamespace();
    createVethPair('killed0', 'killed1');
    setLink('killed0', { up: true });
    bpffs = mkdtempSync('/tmp/tsbpf-killed-');
    mountBpffs(bpffs);
  });

  afterAll(() => {
    deleteLink('killed0');
    unmount(bpffs);
    rmdirSync(bpffs);
  });

  test('leaves nothing but its pins, wherever it is met', async () => {
    const before = ids();
    for (let round = 0; round < ROUNDS; round++) {
      await killedAfter(3 + 11 * round);
      for (const name of pins()) {
        const stale = findStale().stale.map(({ where }) => where);
        expect(stale, 'doctor --stale finds the pin').toContain(join(bpffs, name));
        rmSync(join(bpffs, name));
      }
      // That nothing is attached to the interface any more, a new program shows.
      expect(findStale().stale.filter(({ kind }) => kind !== 'pin')).toEqual([]);
    }
    for (const kind of ['PROG', 'MAP', 'LINK'] as const) {
      await expect
        .poll(() => ids()[kind].filter((id) => !before[kind].includes(id)), { timeout: 5000 })
        .toEqual([]);
    }
  });
});
