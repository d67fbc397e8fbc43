import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { linkObjects, parseElf, readObject, writeElf } from '../../src/elf/index.ts';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { loadCollection } from '../../src/kernel/index.ts';
import { lower } from '../../src/object/index.ts';
import { enterNewMountNamespace, mountBpffs, progInfo, unmount } from '../../src/syscall/index.ts';
import {
  frameOf,
  functionSpec,
  mapSpec,
  objectSpec,
  progArray,
  returns,
  tailCalls,
} from '../support/bpf-code.ts';
import { describeKernel } from '../support/kernel.ts';
import { canLoad } from '../support/needs.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const hasBpftool = existsSync(BPFTOOL);
if (!hasBpftool) console.warn('skipped: bpftool loads what we write: bpftool is not installed');

const bpf = new URL('../../bpf/', import.meta.url);
const objects = readdirSync(bpf).filter((name) => name.endsWith('.o') && canLoad(name));
const linkable = new URL('../elf/link/', import.meta.url);

function linked(version: string): Uint8Array {
  const names = ['first', 'second'].map((name) => `${name}-${version}.o`);
  const inputs = names.map((name) => parseElf(new Uint8Array(readFileSync(new URL(name, linkable)))));
  return writeElf(linkObjects(inputs, { names }));
}

const jumping = objectSpec({
  license: 'GPL',
  functions: [
    functionSpec('root', 'xdp/root', tailCalls(1, 7), undefined, [{ kind: 'map', slot: 0, map: 'jump' }]),
    functionSpec('leaf', 'xdp/leaf', returns(42)),
  ],
  maps: [progArray('jump', 2, undefined, 'leaf'), mapSpec('other', MapType.HASH, { valueSize: 8 })],
});

describeKernel('objects that we write', () => {
  let bpffs = '';
  beforeAll(() => {
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-lower-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
  });

  test.each(objects)('%s loads as before, with the same tags', (name) => {
    const bytes = new Uint8Array(readFileSync(new URL(name, bpf)));
    using before = loadCollection(bytes);
    using after = loadCollection(writeElf(lower(readObject(bytes))));
    const tags = (collection: typeof before): unknown =>
      [...collection.programs.values()].map((program) => {
        const { tag, btfId } = progInfo(program.fd.number);
        return { name: program.name, tag, hasTypes: btfId > 0 };
      });
    expect(tags(after)).toEqual(tags(before));
  });

  test('a spec of a builder becomes an object whose prog array is filled', () => {
    using collection = loadCollection(writeElf(lower(jumping)));
    expect(collection.program('root').testRun({ data: frameOf(6) }).retval).toBe(42);
  });

  test.each(['14-el', '19-el'])('two files linked into one run as one program, clang %s', (version) => {
    using collection = loadCollection(linked(version));
    // scale(mix(40)) is 72, the strong fallback adds 200 to 1, quiet(3) is 14.
    expect(collection.program('first').testRun({ data: frameOf(6) }).retval).toBe(72 + 201 + 14);
    expect(collection.variable('total').get()).toBe(10n);
    const counter = new BigUint64Array((collection.map('counters').get(1) as Uint8Array).slice().buffer);
    expect([...counter]).toEqual([1n, 30n]);
    // 0 + 1 + 2 and three times the second file's own; quiet(7) is 18; fallback(10) is 210.
    expect(collection.program('second').testRun({ data: frameOf(6) }).retval).toBe((93 ^ 9) + 18 + 210);
  });

  test.skipIf(!hasBpftool).each([
    ['a linked object', () => linked('19-el')],
    ['a spec of a builder', () => writeElf(lower(jumping))],
    [
      'a dispatcher that was read and written',
      () => writeElf(lower(readObject(new Uint8Array(readFileSync(new URL('protocol_dispatch.o', bpf)))))),
    ],
  ])('bpftool loads %s', (_, make) => {
    const folder = mkdtempSync(join(tmpdir(), 'tsbpf-'));
    const pins = join(bpffs, 'pins');
    try {
      const file = join(folder, 'object.o');
      writeFileSync(file, make());
      execFileSync(BPFTOOL, ['prog', 'loadall', file, pins, 'type', 'xdp'], { stdio: 'pipe' });
      expect(readdirSync(pins).length).toBeGreaterThan(1);
    } finally {
      rmSync(pins, { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
