// Maps whose key is an index, and maps of maps.
import { MapFlag, MapType, UpdateFlag } from 'tsbpf/isa';
import { type BpfMap, Program } from 'tsbpf/kernel';
import { fromHex, u32, u64 } from 'tsbpf/util';
import { create, stop, tell } from './stop.ts';

/** `r0 = 2; exit`. */
const RETURNS_2 = fromHex('b700000002000000 9500000000000000');

export function tourOfIndexes(): void {
  stop({ type: MapType.ARRAY, flags: MapFlag.MMAPABLE }, 'a value for each index, zero at first', (map) => {
    tell('get(0)', () => map.get(0));
    tell('delete(0)', () => map.delete(0));
    tell('set(4) in four', () => map.set(4, 1));
    tell('set(0) where it is new', () => map.set(0, 1, UpdateFlag.NOEXIST));
    using memory = map.mmap();
    memory.set(1, 42);
    tell('written in memory, then get(1)', () => map.get(1));
  });
  stop({ type: MapType.PERCPU_ARRAY, valueSize: 8 }, 'counters of programs', (map) => {
    const counts = map.perCpu({ key: u32, value: u64 });
    tell('the sum by CPU of index 0', () => counts.total(0));
  });
  tourOfPrograms();
  const inner = { name: 'inner', type: MapType.ARRAY };
  using template = create(inner);
  const visit = (map: BpfMap): void => {
    tell('set(1, map), then get(1) is its id', () => {
      map.set(1, template);
      return map.get(1) === template.info().id;
    });
    using other = create({ name: 'other', type: MapType.ARRAY, valueSize: 8 });
    tell('a map of another shape', () => map.set(2, other));
    tell('a number that is no descriptor', () => map.set(2, 9999));
  };
  stop({ type: MapType.ARRAY_OF_MAPS, innerMap: template }, 'tables that are replaced as a whole', visit);
  stop({ type: MapType.HASH_OF_MAPS, innerMap: template }, 'the same by key', visit);
  tell('without a pattern of the inner maps', () => create({ type: MapType.HASH_OF_MAPS }).close());
}

function tourOfPrograms(): void {
  stop({ type: MapType.PROG_ARRAY }, 'programs that others jump to', (map) => {
    using xdp = Program.load({ name: 'an_xdp', type: 'xdp', code: RETURNS_2 });
    using filter = Program.load({ name: 'a_filter', type: 'socket_filter', code: RETURNS_2 });
    tell('set(0, program), get(0) is its id', () => {
      map.set(0, xdp);
      return map.get(0) === xdp.id;
    });
    tell('get(1)', () => map.get(1));
    tell('a program of another type', () => map.set(1, filter));
    tell('set(4) in four', () => map.set(4, xdp));
    tell('with a flag', () => map.set(1, xdp, UpdateFlag.NOEXIST));
  });
}
