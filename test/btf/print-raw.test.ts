import { describe, expect, test } from 'vitest';
import { btfToJson, btfToText, parseBtf } from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { fixture, goodFixtures, hasTool, toolOutput } from '../object/fixtures.ts';
import { everyKind } from './every-kind.ts';
import { bpftool, btfOf, hasKernelBtf, kernelBtf } from './tools.ts';

const withBtf = goodFixtures.filter((name) =>
  parseElf(fixture(name)).sections.some((section) => section.name === '.BTF'),
);

const dump = (bytes: Uint8Array): string => toolOutput(bpftool, ['btf', 'dump', 'file', '@'], bytes);
const dumpJson = (bytes: Uint8Array): string =>
  toolOutput(bpftool, ['-j', 'btf', 'dump', 'file', '@'], bytes);

test('a value that no JavaScript number holds stands in full', () => {
  const btf = parseBtf(everyKind().build('little'));
  expect(btfToJson(btf)).toContain('{"name":"LAST","val":18446744073709551614}');
  expect(JSON.parse(btfToJson(btf)).types).toHaveLength(btf.typeCount - 1);
});

test('names are escaped as JSON has it', () => {
  const btf = everyKind();
  btf.struct('a"\n\\', 0, []);
  const { types } = JSON.parse(btfToJson(parseBtf(btf.build('little'))));
  expect(types.at(-1).name).toBe('a"\n\\');
});

describe.skipIf(!hasTool(bpftool))('beside bpftool', () => {
  test.each(withBtf)('%s', (name) => {
    const btf = btfOf(fixture(name));
    expect(btfToText(btf)).toBe(dump(fixture(name)));
    expect(JSON.parse(btfToJson(btf))).toEqual(JSON.parse(dumpJson(fixture(name))));
  });

  test.each(['little', 'big'] as const)('every kind, %s endian', (endian) => {
    const bytes = everyKind().build(endian);
    expect(btfToText(parseBtf(bytes))).toBe(dump(bytes));
    expect(btfToJson(parseBtf(bytes))).toBe(dumpJson(bytes).trimEnd());
  });

  test.skipIf(!hasKernelBtf)(
    'the kernel',
    () => {
      const btf = kernelBtf();
      expect(btfToText(btf).split('\n')).toEqual(dump(btf.bytes).split('\n'));
    },
    60_000,
  );
});
