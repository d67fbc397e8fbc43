import { expect, test } from 'vitest';
import { assembleOrThrow } from '../../../src/asm/index.ts';
import { collect } from '../../../src/object/index.ts';

test('variables behind .addr_space.1 lie in the arena, the others where they belong', () => {
  const spec = collect(
    assembleOrThrow(`
    .map space, arena, entries=4, flags=BPF_F_MMAPABLE
    .var u32 before = 1
    .section ".addr_space.1", "aw"
    .var u32 first = 5
    .var const u64 second = 6
    .var u64 zero
    .section ".data"
    .var u64 after
    .program count, "syscall"
    r1 = second ll
    r1 = addr_space_cast(r1, 0, 1)
    r0 = *(u64 *)(r1 + 0)
    exit
`).object,
  );
  const places = [...spec.variables.values()].map(({ name, map, offset, size, constant }) => [
    name,
    map,
    offset,
    size,
    constant,
  ]);
  expect(places).toEqual([
    ['before', '.data', 0, 4, false],
    ['after', '.bss', 0, 8, false],
    ['first', 'space', 0, 4, false],
    ['second', 'space', 8, 8, false],
    ['zero', 'space', 16, 8, false],
  ]);
  const [data] = spec.maps.get('space')!.contents;
  expect(data?.kind === 'bytes' && [...data.value]).toEqual([
    5,
    ...Array(7).fill(0),
    6,
    ...Array(15).fill(0),
  ]);
  expect(spec.functions.get('count')!.relocations).toEqual([
    { kind: 'mapValue', slot: 0, map: 'space', offset: 8 },
  ]);
});
