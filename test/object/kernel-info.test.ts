import { describe, expect, test } from 'vitest';
import type { BtfDatasec } from '../../src/btf/index.ts';
import { parseBtf } from '../../src/btf/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { extInfo, kernelBtf, link } from '../../src/object/index.ts';
import { fixture } from './fixtures.ts';

describe.each(['14-el', '16-eb', '19-el'])('of what clang %s wrote', (variant) => {
  test('data sections get the sizes and places that the compiler left out', () => {
    const spec = readObject(fixture(`globals-${variant}`));
    const btf = parseBtf(kernelBtf(spec)!);
    const layout = (name: string): unknown => {
      const section = btf.type(btf.findByName(name, 'datasec')!) as BtfDatasec;
      return [
        section.size,
        section.vars.map(({ type, offset, size }) => [btf.type(type).name, offset, size]),
      ];
    };
    const before = spec.btf!.type(spec.btf!.findByName('.rodata', 'datasec')!) as BtfDatasec;
    expect(before.size).toBe(0);
    expect(layout('.rodata')).toEqual([
      32,
      [
        ['limit', 0, 4],
        ['table', 8, 24],
      ],
    ]);
    expect(layout('.data')).toEqual([
      8,
      [
        ['level', 0, 4],
        ['hidden', 4, 4],
      ],
    ]);
    expect(layout('.bss')).toEqual([
      40,
      [
        ['seen', 0, 8],
        ['zeroed', 8, 32],
      ],
    ]);
    expect(layout('license')).toEqual([4, [['licence', 0, 4]]]);
  });

  test('function and line records move with the functions', () => {
    const spec = readObject(fixture(`calls-${variant}`));
    const linked = link(spec, 'one');
    const { functions, lines: words } = extInfo(linked);
    const lines = Array.from({ length: words.length / 4 }, (_, index) => {
      const [slot, fileOffset, textOffset, place] = words.subarray(4 * index, 4 * index + 4);
      return { slot: slot!, fileOffset: fileOffset!, textOffset: textOffset!, line: place! >>> 10 };
    });
    expect(functions.map(({ slot, type }) => [slot, spec.btf!.type(type).name])).toEqual(
      linked.functions.map(({ slot, name }) => [slot, name]),
    );
    const first = functions.map(({ slot }) => lines.find((each) => each.slot === slot)!);
    // Compilers differ in whether a function's first instruction belongs to its head or its body.
    const heads = first.map(({ line }) => (line === 5 || line === 10 ? line - 1 : line));
    expect(heads).toEqual([19, 8, 4, 9]);
    expect(spec.btf!.string(first[0]!.textOffset)).toContain('SEC("xdp") int one(struct xdp_md *ctx)');
    expect(spec.btf!.string(first[1]!.fileOffset)).toMatch(/calls\.c$/);
    for (const [index, { slot }] of lines.entries())
      if (index > 0) expect(slot).toBeGreaterThan(lines[index - 1]!.slot);
    expect(linked.lines.length).toBeGreaterThanOrEqual(lines.length);
    // A copy is packed from its lines, and not from the section's words.
    expect(extInfo({ ...linked })).toEqual(extInfo(linked));
  });
});

test('an object without BTF has none for the kernel', () => {
  const spec = readObject(fixture('calls-14-eb-plain'));
  expect(kernelBtf(spec)).toBeUndefined();
  expect(extInfo(link(spec, 'one'))).toEqual({ functions: [], lines: new Uint32Array() });
});
