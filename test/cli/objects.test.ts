import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readelf, readObject } from '../../src/elf/index.ts';
import { tsbpf } from '../support/cli.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-objects-'));
  writeFileSync(join(dir, 'a.s'), '.license "GPL"\n.program p, "xdp"\n.extern half\ncall half\nexit\n');
  writeFileSync(join(dir, 'b.s'), '.license "GPL"\n.function half, linkage=global\nr0 = 2\nexit\n');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const run = (...args: string[]): ReturnType<typeof tsbpf> => tsbpf(args, { cwd: dir });
const bpf = (name: string): string => join(process.cwd(), 'bpf', name);

describe('tsbpf link', () => {
  test('joins what one file declares and another defines', () => {
    expect(run('link', 'a.s', 'b.s', '-o', 'ab.o')).toEqual({ status: 0, stdout: '', stderr: '' });
    const spec = readObject(new Uint8Array(readFileSync(join(dir, 'ab.o'))));
    expect([...spec.functions.keys()]).toEqual(['p', 'half']);
    expect(spec.functions.get('p')!.relocations).toEqual([{ kind: 'call', slot: 0, target: 'half' }]);
  });

  test('names both files of a symbol that is defined twice', () => {
    const { status, stderr } = run('link', 'a.s', 'a.s', '-o', 'aa.o');
    expect(status).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "error[LINK_DUPLICATE_SYMBOL]: function p is defined in a.s and again in a.s
      help: make one of them static or __weak, or declare it extern in one of the files
      "
    `);
  });
});

describe('tsbpf readelf', () => {
  const text = (name: string, parts?: Parameters<typeof readelf>[1]): string =>
    readelf(new Uint8Array(readFileSync(bpf(name))), parts);

  test('prints everything, or what is asked for', () => {
    expect(run('readelf', '-a', bpf('jump_table.o')).stdout).toBe(text('jump_table.o'));
    expect(run('readelf', bpf('jump_table.o')).stdout).toBe(text('jump_table.o'));
    expect(run('readelf', '-h', '-s', bpf('jump_table.o')).stdout).toBe(
      text('jump_table.o', { parts: ['header', 'symbols'] }),
    );
  });

  test('--json holds the same as data', () => {
    const { stdout } = run('readelf', '--json', bpf('jump_table.o'));
    const data = JSON.parse(stdout) as { version: number; sections: { name: string }[] };
    expect(data.version).toBe(1);
    expect(data.sections.map(({ name }) => name)).toContain('classifier/0');
  });

  test('takes a text too', () => {
    // But for sizes: its line information has the name of the file as it was given.
    const names = (listing: string): string[] => listing.match(/\[ *\d+\] \S+/g)!;
    const listing = run('readelf', '-S', bpf('drop_world.s')).stdout;
    expect(names(listing)).toEqual(names(text('drop_world.s.o', { parts: ['sections'] })));
  });
});

describe('tsbpf strip', () => {
  test('leaves an object that means the same', () => {
    expect(run('strip', bpf('protocol_dispatch.o'), '-o', 'stripped.o').status).toBe(0);
    const before = readObject(new Uint8Array(readFileSync(bpf('protocol_dispatch.o'))));
    const after = readObject(new Uint8Array(readFileSync(join(dir, 'stripped.o'))));
    expect([...after.functions.keys()]).toEqual([...before.functions.keys()]);
    expect(after.maps.get('packet_processing_progs')!.contents).toEqual(
      before.maps.get('packet_processing_progs')!.contents,
    );
  });
});

describe('tsbpf btf', () => {
  test.each([
    ['c', 'struct xdp_md {\n\t__u32 data;\n'],
    ['ts', 'export interface xdp_md {\n  data: number;\n'],
    ['json', '"kind":"STRUCT","name":"xdp_md"'],
    ['raw', "STRUCT 'xdp_md' size=24 vlen=6"],
  ])('dump --format %s', (format, expected) => {
    const { status, stdout, stderr } = run('btf', 'dump', bpf('protocol_dispatch.o'), '--format', format);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(expected);
  });

  test('dump --root prints one type and what it needs', () => {
    const { stdout } = run('btf', 'dump', bpf('protocol_dispatch.o'), '--format', 'ts', '--root', 'xdp_md');
    expect(stdout).toMatchInlineSnapshot(`
      "/** struct xdp_md, 24 bytes. */
      export interface xdp_md {
        data: number;
        data_end: number;
        data_meta: number;
        ingress_ifindex: number;
        rx_queue_index: number;
        egress_ifindex: number;
      }
      "
    `);
  });

  test('dump --json is versioned', () => {
    const { stdout } = run('btf', 'dump', '--json', bpf('protocol_dispatch.o'));
    const data = JSON.parse(stdout) as { version: number; types: unknown[] };
    expect([data.version, data.types.length]).toEqual([1, 40]);
  });

  test('dump suggests a name', () => {
    const { status, stderr } = run(
      'btf',
      'dump',
      bpf('protocol_dispatch.o'),
      '--format',
      'c',
      '--root',
      'xdp_mb',
    );
    expect(status).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "error[TYPE_NOT_FOUND]: there is no type 'xdp_mb'
      help: did you mean 'xdp_md'?
      "
    `);
  });

  test('an object without types says what to do', () => {
    writeFileSync(join(dir, 'bare.s'), 'r0 = 0\nexit\n');
    run('asm', 'bare.s');
    const { status, stderr } = run('btf', 'dump', 'bare.o');
    expect(status).toBe(1);
    expect(stderr).toMatchInlineSnapshot(`
      "error[BTF_MISSING]: bare.o has no BTF
      help: compile with -g
      "
    `);
  });

  test('min writes only what the relocations need', () => {
    const { status, stdout } = run(
      'btf',
      'min',
      bpf('protocol_dispatch.o'),
      '--from',
      bpf('protocol_dispatch.o'),
      '-o',
      'min.btf',
      '--json',
    );
    expect(status).toBe(0);
    const { version, size } = JSON.parse(stdout) as { version: number; size: number };
    expect(version).toBe(1);
    // The object has no CO-RE relocations: nothing but a header is needed.
    expect(size).toBe(25);
    expect(readFileSync(join(dir, 'min.btf'))).toHaveLength(size);
  });
});
