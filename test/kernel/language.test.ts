import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { writeElf } from '../../src/elf/index.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { describeKernel } from '../support/kernel.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const there = existsSync(BPFTOOL);
if (!there) console.warn('skipped: libbpf loads what we assemble: bpftool is not installed');

const TEXT = `
    .license "GPL"
    .map jump_table, prog_array, entries=3
    .entry 2, drop
    .map counters, hash, key=4, value=8, entries=64, flags=BPF_F_NO_PREALLOC
    .map events, ringbuf, entries=4096

    .program dispatch, "xdp"
    r2 = jump_table ll
    r3 = 2
    call bpf_tail_call
    r0 = XDP_PASS
    exit

    .program drop, "xdp"
    r6 = r1
    call count
    r0 = XDP_DROP
    exit

    .function count
    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = counters ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
out:
    r0 = 0
    exit
`;

describeKernel('libbpf loads what we assemble', () => {
  let directory = '';
  let bpffs = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsbpf-language-'));
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-language-fs-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
    rmSync(directory, { recursive: true });
  });

  test.skipIf(!there)('maps, their initial entries and subprograms', () => {
    const object = join(directory, 'x.o');
    const packet = join(directory, 'packet');
    writeFileSync(object, writeElf(assembleOrThrow(TEXT).object));
    writeFileSync(packet, new Uint8Array(64));
    const run = (...args: string[]): string =>
      execFileSync(BPFTOOL, args, { encoding: 'utf8', stdio: 'pipe' });
    try {
      run('prog', 'loadall', object, `${bpffs}/p`, 'pinmaps', `${bpffs}/m`);
      const map = JSON.parse(run('--json', 'map', 'show', 'pinned', `${bpffs}/m/jump_table`));
      expect(map).toMatchObject({
        type: 'prog_array',
        name: 'jump_table',
        max_entries: 3,
        owner_prog_type: 'xdp',
      });
      // Slot 2 holds `drop`: XDP_DROP is 1.
      const result = run('--json', 'prog', 'run', 'pinned', `${bpffs}/p/dispatch`, 'data_in', packet);
      expect(JSON.parse(result).retval).toBe(1);
    } finally {
      rmSync(`${bpffs}/p`, { recursive: true, force: true });
      rmSync(`${bpffs}/m`, { recursive: true, force: true });
    }
  });
});
