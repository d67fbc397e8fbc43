import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, Program } from '../../src/kernel/index.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { returns, tailCalls } from '../support/bpf-code.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const there = existsSync(BPFTOOL);
if (!there) console.warn('skipped: bpftool sees what we made: bpftool is not installed');

function bpftool(...args: string[]): unknown {
  const out = execFileSync(BPFTOOL, ['--json', ...args], { encoding: 'utf8' });
  return out.trim() === '' ? undefined : JSON.parse(out);
}

describeKernel('bpftool and we', () => {
  let bpffs = '';
  beforeAll(() => {
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-peers-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
  });

  test.skipIf(!there)('see the same of a program', () => {
    using jump = BpfMap.create({
      name: 'jump',
      type: MapType.PROG_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
    });
    using program = Program.load({
      name: 'dispatch',
      type: 'xdp',
      code: tailCalls(0, 2, jump.fd.number),
      license: 'GPL',
    });
    const info = program.info();
    expect(bpftool('prog', 'show', 'id', `${info.id}`)).toMatchObject({
      id: info.id,
      type: 'xdp',
      name: 'dispatch',
      tag: info.tag,
      gpl_compatible: info.gplCompatible,
      uid: info.uid,
      bytes_xlated: info.xlatedLength,
      bytes_jited: info.jitedLength,
      map_ids: info.mapIds,
    });
    expect(info.mapIds).toEqual([jump.info().id]);
  });

  test.skipIf(!there)('see the same of a map', () => {
    using map = BpfMap.create({
      name: 'counts',
      type: MapType.HASH,
      keySize: 4,
      valueSize: 8,
      maxEntries: 4,
      flags: 1,
    });
    map.set(1, 258n);
    const { id } = map.info();
    expect(bpftool('map', 'show', 'id', `${id}`)).toMatchObject({
      id,
      type: 'hash',
      name: 'counts',
      flags: 1,
      bytes_key: 4,
      bytes_value: 8,
      max_entries: 4,
    });
    expect(bpftool('map', 'dump', 'id', `${id}`)).toEqual([
      {
        key: ['0x01', '0x00', '0x00', '0x00'],
        value: ['0x02', '0x01', '0x00', '0x00', '0x00', '0x00', '0x00', '0x00'],
      },
    ]);
  });

  test.skipIf(!there)('open each other’s pins', () => {
    const path = join(bpffs, 'theirs');
    const shape = 'type array key 4 value 8 entries 3 name theirs flags 0'.split(' ');
    execFileSync(BPFTOOL, ['map', 'create', path, ...shape]);
    using theirs = BpfMap.openPinned(path);
    unlinkSync(path);
    expect([theirs.name, theirs.typeName, theirs.keySize, theirs.valueSize, theirs.maxEntries]).toEqual([
      'theirs',
      'array',
      4,
      8,
      3,
    ]);
    const ours = join(bpffs, 'ours');
    using program = Program.load({ name: 'ours', type: 'sched_cls', code: returns(0) });
    program.pin(ours);
    const seen = bpftool('prog', 'show', 'pinned', ours);
    unlinkSync(ours);
    expect(seen).toMatchObject({ id: program.id, type: 'sched_cls', name: 'ours' });
  });

  test.skipIf(!there)('see global variables by their names', () => {
    using collection = loadText(`
    .license "GPL"
    .var u64 total = 5
    .var u32 seen[2]
    .program count, "xdp"
    r1 = total ll
    r2 = seen ll
    r0 = XDP_PASS
    exit
`);
    collection.variable('total').set(77n);
    const id = collection.map('.data').info().id;
    expect(bpftool('map', 'dump', 'id', `${id}`)).toMatchObject([
      { formatted: { value: { '.data': [{ total: 77 }] } } },
    ]);
    const text = execFileSync(BPFTOOL, ['map', 'dump', 'id', `${id}`], { encoding: 'utf8' });
    expect(tsbpf(['map', 'dump', `${id}`]).stdout).toBe(text);
  });
});
