import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, listPins, Program, pinnedAt } from '../../src/kernel/index.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { returns } from '../support/bpf-code.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';

describeKernel('pin and unpin', () => {
  let bpffs = '';
  beforeAll(() => {
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-pin-cli-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
  });
  const said = (...args: string[]): string => {
    const { status, stdout, stderr } = tsbpf(args);
    return `${status} ${stdout}${stderr}`
      .replaceAll(bpffs, 'BPFFS')
      .replaceAll(/\b(program|map|link) \d+/g, '$1 N')
      .replaceAll(/\S+ \(\d+\) still/g, 'PROCESS still');
  };
  const at = (name: string): string => join(bpffs, name);

  test('by id and by name, and say what was unpinned', () => {
    using program = Program.load({ name: 'pinned_one', type: 'xdp', code: returns(2) });
    using map = BpfMap.create({
      name: 'pinned_map',
      type: MapType.ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    });
    expect(said('pin', 'prog', `${program.id}`, at('p'))).toMatchInlineSnapshot(`
      "0 program N pinned at BPFFS/p
      "
    `);
    expect(said('pin', 'map', 'pinned_map', at('m'))).toMatchInlineSnapshot(`
      "0 map N pinned at BPFFS/m
      "
    `);
    expect(pinnedAt(at('p'))).toEqual({ kind: 'program', id: program.id, path: at('p') });
    expect(listPins()).toContainEqual({ kind: 'map', id: map.info().id, path: at('m') });
    expect(said('pin', 'map', 'pinned_map', at('p'))).toMatchInlineSnapshot(`
      "1 error[EEXIST]: cannot pin map N: BPFFS/p exists already (EEXIST)
      help: remove it, or pin with replace
      "
    `);
    expect(said('pin', 'map', 'pinned_map', at('p'), '--replace')).toMatchInlineSnapshot(`
      "0 map N pinned at BPFFS/p
      "
    `);
    expect(said('unpin', at('p'))).toMatchInlineSnapshot(`
      "0 BPFFS/p: map N 'pinned_map' unpinned
      note: it is still pinned at BPFFS/m
      "
    `);
    expect(JSON.parse(tsbpf(['unpin', at('m'), '--json']).stdout).unpinned).toMatchObject({
      kind: 'map',
      id: map.info().id,
      owners: [{ pid: process.pid }],
    });
    expect([existsSync(at('p')), existsSync(at('m'))]).toEqual([false, false]);
  });

  test('the program of an object, and all of one', () => {
    expect(said('pin', 'prog', 'bpf/drop_world.o', at('drop'))).toMatchInlineSnapshot(`
      "0 program N pinned at BPFFS/drop
      "
    `);
    expect(said('unpin', at('drop'))).toMatchInlineSnapshot(`
      "0 BPFFS/drop: program N 'xdp_drop_the_wo' unpinned
      "
    `);
    const all = JSON.parse(
      tsbpf(['pin', 'object', 'bpf/protocol_dispatch.o', at('all'), '--json']).stdout,
    ).pinned;
    expect(
      all.map(({ kind, path }: { kind: string; path: string }) => [kind, path.replace(bpffs, '')]).sort(),
    ).toMatchInlineSnapshot(`
      [
        [
          "map",
          "/all/maps/_bss",
        ],
        [
          "map",
          "/all/maps/_rodata",
        ],
        [
          "map",
          "/all/maps/packet_processing_progs",
        ],
        [
          "program",
          "/all/handle_icmp",
        ],
        [
          "program",
          "/all/handle_tcp",
        ],
        [
          "program",
          "/all/handle_udp",
        ],
        [
          "program",
          "/all/packet_classifier",
        ],
      ]
    `);
    rmSync(at('all'), { recursive: true });
  });

  test('leave alone what is no pin', () => {
    const plain = mkdtempSync(join(tmpdir(), 'tsbpf-pin-plain-'));
    writeFileSync(join(plain, 'file'), 'kept');
    mkdirSync(at('folder'));
    expect(said('unpin', join(plain, 'file')).replaceAll(plain, 'DIR')).toMatchInlineSnapshot(`
      "1 error[NOT_A_PIN]: DIR/file is no pin of BPF, so it is left alone
      "
    `);
    expect(said('unpin', at('folder'))).toMatchInlineSnapshot(`
      "1 error[NOT_A_PIN]: BPFFS/folder is no pin of BPF, so it is left alone
      "
    `);
    expect(said('unpin', at('none'))).toMatchInlineSnapshot(`
      "1 error[PIN_NOT_FOUND]: there is nothing at BPFFS/none
      help: tsbpf prog list and tsbpf map list show what is pinned where
      "
    `);
    expect(said('pin', 'progr', '1', at('x'))).toMatchInlineSnapshot(`
      "2 error[KIND_UNKNOWN]: there is no kind 'progr' to pin
      help: did you mean 'prog'?
      "
    `);
    expect(said('pin', 'prog', '4294967290', at('x'))).toMatchInlineSnapshot(`
      "1 error[ENOENT]: cannot open program N: nothing has id 4294967290 (any more) (ENOENT)
      "
    `);
    expect(existsSync(join(plain, 'file'))).toBe(true);
    rmdirSync(at('folder'));
    rmSync(plain, { recursive: true });
  });
});
