import { describe, expect, test } from 'vitest';
import { BtfBuilder } from '../../src/btf/build.ts';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { lowerMaps } from '../../src/object/lower-maps.ts';
import type { MapSpec } from '../../src/object/spec.ts';

function map(parts: Partial<MapSpec>): MapSpec {
  return {
    name: 'map',
    type: MapType.HASH,
    keySize: 4,
    valueSize: 8,
    maxEntries: 16,
    flags: 0,
    extra: 0n,
    numaNode: undefined,
    pinning: 'none',
    key: undefined,
    value: undefined,
    inner: undefined,
    contents: [],
    freeze: false,
    origin: 'builder',
    ...parts,
  };
}

describe('maps as variables of .maps', () => {
  test('lie one behind the other, a pointer for each number that they have', () => {
    const plain = map({ name: 'plain' });
    const full = map({ name: 'full', flags: 5, extra: 3n, numaNode: 0, pinning: 'byName' });
    const ring = map({ name: 'ring', type: MapType.RINGBUF, keySize: 0, valueSize: 0 });
    const { maps, bytes, entries } = lowerMaps([plain, full, ring], new BtfBuilder());
    expect(maps).toEqual([
      { name: 'plain', offset: 0, size: 32 },
      { name: 'full', offset: 32, size: 64 },
      { name: 'ring', offset: 96, size: 16 },
    ]);
    expect(bytes).toEqual(new Uint8Array(112));
    expect(entries).toEqual([]);
  });

  test('have their initial entries behind, up to the last slot that is filled', () => {
    const contents = [
      { kind: 'program', key: 2, program: 'b' },
      { kind: 'program', key: 0, program: 'a' },
    ] as const;
    const jumps = map({ name: 'jumps', type: MapType.PROG_ARRAY, valueSize: 4, contents });
    const { maps, entries } = lowerMaps([map({}), jumps], new BtfBuilder());
    expect(maps[1]).toEqual({ name: 'jumps', offset: 32, size: 32 + 3 * 8 });
    expect(entries).toEqual([
      { offset: 64, target: 'a' },
      { offset: 80, target: 'b' },
    ]);
  });

  test('describe the template of inner maps', () => {
    const inner = map({ name: 'inner', type: MapType.ARRAY });
    const outer = map({
      type: MapType.ARRAY_OF_MAPS,
      valueSize: 4,
      inner,
      contents: [{ kind: 'map', key: 1, map: 'one' }],
    });
    const { entries } = lowerMaps([outer], new BtfBuilder());
    expect(entries).toEqual([{ offset: 40, target: 'one' }]);
  });

  test('refuse what does not fit', () => {
    const refused = (parts: Partial<MapSpec>): string => {
      try {
        lowerMaps([map(parts)], new BtfBuilder());
      } catch (error) {
        return (error as Error).message;
      }
      throw new Error('taken');
    };
    expect(refused({ extra: 2n ** 32n })).toMatchInlineSnapshot(
      `"map map: map_extra is 4294967296, but must be a whole number from 0 to 4294967295"`,
    );
    expect(
      refused({ type: MapType.PROG_ARRAY, contents: [{ kind: 'program', key: 16, program: 'a' }] }),
    ).toMatchInlineSnapshot(`"map map: initial entry is 16, but must be a whole number from 0 to 15"`);
  });
});
