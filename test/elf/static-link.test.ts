import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BtfBuilder, btfToC, parseBtf } from '../../src/btf/index.ts';
import { linkObjects, parseElf, readObject, stripDebug, writeElf } from '../../src/elf/index.ts';
import {
  collect,
  type KernelFacts,
  link,
  type ObjectSpec,
  programsOf,
  type RelocatableObject,
} from '../../src/object/index.ts';
import { toHex } from '../../src/util/index.ts';
import { fixture, goodFixtures, hasTool, relinkByBpftool } from '../object/fixtures.ts';
import { Modeller, plan } from '../object/model.ts';
import { test as property } from '../support/property.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const folder = new URL('./link/', import.meta.url);
const versions = ['14-el', '19-el', '16-eb'] as const;

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.o`, folder)));
}

function linkFiles(names: readonly string[]): RelocatableObject {
  return linkObjects(
    names.map((name) => parseElf(bytesOf(name))),
    { names: names.map((name) => `${name}.o`) },
  );
}

function linkByBpftool(names: readonly string[]): Uint8Array {
  const out = mkdtempSync(join(tmpdir(), 'tsbpf-'));
  try {
    const files = names.map((name) => {
      const file = join(out, `${name}.o`);
      writeFileSync(file, bytesOf(name));
      return file;
    });
    execFileSync(BPFTOOL, ['gen', 'object', join(out, 'linked.o'), ...files], { stdio: 'pipe' });
    return new Uint8Array(readFileSync(join(out, 'linked.o')));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** A kernel that has what the files look for. */
function kernelFacts(endian: 'little' | 'big'): KernelFacts {
  const btf = new BtfBuilder();
  const int = btf.int('int', 4, { signed: true });
  const task = btf.nextId;
  btf.struct('task_struct', 24, [
    { name: 'tgid', type: int, offsetBits: 32 },
    { name: 'pid', type: int, offsetBits: 64 },
    { name: 'parent', type: task + 1, offsetBits: 128 },
  ]);
  const pointer = btf.ptr(task);
  btf.variable('bpf_prog_active', int, 'global');
  btf.func('bpf_task_release', btf.funcProto(int, [{ name: 'task', type: pointer }]), 'global');
  return {
    btf: parseBtf(btf.build(endian)),
    version: 0x61200,
    kconfig: new Map([
      ['CONFIG_HZ', '250'],
      ['CONFIG_BPF', 'y'],
    ]),
    kallsyms: new Map([['init_task', 0xffff_ffff_8100_0000n]]),
  };
}

/** All that a loader makes of an object, types as C. */
function meaningOf(spec: ObjectSpec): unknown {
  const c = (id: number | undefined): string | undefined =>
    id === undefined || !spec.btf ? undefined : btfToC(spec.btf, { roots: [id] });
  const byName = <T extends { readonly name: string }>(a: T, b: T): number => (a.name < b.name ? -1 : 1);
  return {
    license: spec.license,
    programs: programsOf(spec).map(({ name, program }) => {
      const { code, relocations, coreRelocations, lines, functions } = link(
        spec,
        name,
        kernelFacts(spec.endian),
      );
      return {
        name,
        program,
        code: toHex(code),
        relocations,
        coreRelocations: coreRelocations.map(({ type, ...rest }) => ({ ...rest, type: c(type) })),
        lines: lines.map(({ fileOffset: _file, textOffset: _text, ...line }) => line),
        functions: functions.map(({ type, ...rest }) => ({ ...rest, type: spec.btf?.type(type!).name })),
      };
    }),
    maps: [...spec.maps.values()]
      .map(({ key, value, ...map }) => ({
        ...map,
        key: c(key),
        value: map.origin === 'data' ? '' : c(value),
      }))
      .sort(byName),
    variables: [...spec.variables.values()]
      .map(({ type, ...rest }) => ({ ...rest, type: c(type) }))
      .sort(byName),
    externs: [...spec.externs.values()].map(({ type: _, ...rest }) => rest).sort(byName),
  };
}

describe('two objects in one', () => {
  test.each(versions)('what one declares the other defines, clang %s', (version) => {
    const object = linkFiles([`first-${version}`, `second-${version}`]);
    const spec = readObject(writeElf(object));
    expect([...spec.functions.keys()].sort()).toEqual(
      ['each', 'fallback', 'first', 'mix', 'mix#2', 'quiet', 'scale', 'second'].sort(),
    );
    expect(spec.externs.size).toBe(0);
    expect(
      [...spec.maps.values()].map(({ name, valueSize, maxEntries }) => [name, valueSize, maxEntries]),
    ).toEqual(
      expect.arrayContaining([
        ['counters', 16, 4],
        ['seen', 8, 8],
        ['jumps', 4, 4],
        ['.data', 12, 1],
        ['.bss', 32, 1],
        ['.rodata', 8, 1],
      ]),
    );
    const { btf } = spec;
    const names = Array.from({ length: btf!.typeCount }, (_, id) => btf!.type(id))
      .filter((type) => type.kind === 'struct' && type.name !== '')
      .map(({ name }) => name);
    // Equal types of both are one.
    expect(names.sort()).toEqual(['counter', 'xdp_md']);
    const quiet = object.symbols.find(({ name }) => name === 'quiet');
    expect(quiet).toMatchObject({ visibility: 'hidden', binding: 'global', type: 'func' });
    // The strong definition beats the weak one, wherever it stands.
    expect(spec.functions.get('fallback')!.lines[0]!.file).toContain('second.c');
  });

  test.each(versions)('the order of the files changes places alone, clang %s', (version) => {
    const [ab, ba] = [
      readObject(writeElf(linkFiles([`first-${version}`, `second-${version}`]))),
      readObject(writeElf(linkFiles([`second-${version}`, `first-${version}`]))),
    ];
    expect([...ba.functions.keys()].sort()).toEqual([...ab.functions.keys()].sort());
    expect([...ba.maps.keys()].sort()).toEqual([...ab.maps.keys()].sort());
    expect(link(ba, 'first').code.length).toBe(link(ab, 'first').code.length);
  });

  test.skipIf(!hasTool(BPFTOOL)).each([
    ['second-14-el', 'first-14-el'],
    ['second-19-el', 'first-19-el'],
    ['probe-14-el', 'probe-more-14-el'],
    ['probe-more-19-el', 'probe-19-el'],
    ['probe-more-14-el', 'second-19-el', 'probe-19-el', 'first-14-el'],
  ])('are what bpftool gen object makes of them: %s, %s', (...names) => {
    const ours = readObject(writeElf(linkFiles(names)));
    expect(meaningOf(ours)).toEqual(meaningOf(readObject(linkByBpftool(names))));
  });

  test.each(['14-el', '19-el', '16-eb'])(
    'what the kernel has stays open, named once, clang %s',
    (version) => {
      const object = linkFiles([`probe-${version}`, `probe-more-${version}`]);
      const spec = readObject(writeElf(object));
      expect([...spec.externs.values()].map(({ name, kind, weak }) => [name, kind, weak]).sort()).toEqual([
        ['CONFIG_BPF', 'kconfig', false],
        ['CONFIG_HZ', 'kconfig', false],
        ['LINUX_KERNEL_VERSION', 'kconfig', false],
        ['bpf_prog_active', 'ksym', false],
        ['bpf_task_release', 'kfunc', false],
        ['init_task', 'ksym', false],
      ]);
      const fields = [...spec.functions.values()].flatMap(({ name, coreRelocations }) =>
        coreRelocations.map(({ type, access, slot }) => [name, spec.btf!.type(type).name, access, slot > 0]),
      );
      expect(fields.sort()).toEqual([
        ['later', 'task_struct', '0:0', true],
        ['later', 'task_struct', '0:1', true],
        ['probe', 'task_struct', '0:0', true],
      ]);
    },
  );

  test.each(goodFixtures)('one object alone keeps its meaning: %s', (name) => {
    const linked = writeElf(linkObjects([parseElf(fixture(name))]));
    expect(meaningOf(readObject(linked))).toEqual(meaningOf(readObject(fixture(name))));
  });

  test.skipIf(!hasTool(BPFTOOL)).each(goodFixtures.filter((name) => name.endsWith('-el')))(
    'one object alone becomes what bpftool gen object makes of it: %s',
    (name) => {
      const linked = writeElf(linkObjects([parseElf(fixture(name))]));
      expect(meaningOf(readObject(linked))).toEqual(meaningOf(readObject(relinkByBpftool(fixture(name)))));
    },
  );

  test('addends that hold whole addresses, as of GCC, are not moved twice', () => {
    const alone = ['gcc-first', 'gcc-second'].map((name) => readObject(bytesOf(name)));
    const linked = readObject(writeElf(linkFiles(['gcc-first', 'gcc-second'])));
    // The second file's data lies behind the 16 bytes of the first one's.
    const expected = alone.flatMap((spec, nth) =>
      [...spec.functions.values()].map(({ name, relocations }) => [
        name,
        relocations.map((each) =>
          each.kind === 'mapValue' ? { ...each, offset: each.offset + 16 * nth } : each,
        ),
      ]),
    );
    const found = [...linked.functions.values()].map(({ name, relocations }) => [name, relocations]);
    expect(found.sort()).toEqual(expected.sort());
    expect([...linked.maps.keys()].sort()).toEqual(['.data', 'four', 'one', 'three', 'two'].sort());
  });

  test('a link of links is a link', () => {
    const linked = linkFiles(['first-19-el', 'second-19-el']);
    expect(meaningOf(readObject(writeElf(linkObjects([linked]))))).toEqual(
      meaningOf(readObject(writeElf(linked))),
    );
  });
});

property.prop([plan], { numRuns: 200 })(
  'any object is the same after it was linked alone, and stripped',
  (given) => {
    const { object } = new Modeller(given).model();
    const parts = (spec: ObjectSpec): unknown => ({
      functions: [...spec.functions.values()].map(({ code, relocations, linkage, section }) => [
        toHex(code),
        relocations,
        linkage,
        section,
      ]),
      maps: new Map([...spec.maps].map(([name, map]) => [name, { ...map, value: undefined }])),
      variables: new Map(
        [...spec.variables].map(([name, variable]) => [name, { ...variable, type: undefined }]),
      ),
    });
    const expected = parts(collect(object));
    expect(parts(readObject(writeElf(linkObjects([object]))))).toEqual(expected);
    expect(parts(readObject(writeElf(stripDebug(object))))).toEqual(expected);
  },
);
