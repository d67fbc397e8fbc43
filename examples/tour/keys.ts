// Maps that look a key up.
import { MapFlag, MapType, UpdateFlag } from 'tsbpf/isa';
import { lpmKey } from 'tsbpf/kernel';
import { u32, u64 } from 'tsbpf/util';
import { create, stop, tell } from './stop.ts';

export function tourOfKeys(): void {
  stop({ type: MapType.HASH }, 'any key, one value', (map) => {
    tell('set(7, 1), then get(7)', () => {
      map.set(7, 1);
      return map.get(7);
    });
    tell('get(8)', () => map.get(8));
    tell('delete(8)', () => map.delete(8));
    tell('set(7) where it is new', () => map.set(7, 2, UpdateFlag.NOEXIST));
    tell('set(8) where it is old', () => map.set(8, 2, UpdateFlag.EXIST));
    for (const key of [1, 2, 3]) map.set(key, key);
    tell('a fifth key in four', () => map.set(9, 1));
    tell('take(7), then get(7)', () => [map.take(7), map.get(7)]);
    map.freeze();
    tell('set, frozen', () => map.set(1, 1));
  });
  stop(
    { type: MapType.PERCPU_HASH, valueSize: 8 },
    'a value for each CPU, which no other CPU writes',
    (map) => {
      const counts = map.perCpu({ key: u32, value: u64 });
      counts.fill(7, 5n);
      tell('fill(7, 5), then the sum by CPU', () => counts.total(7) === BigInt(counts.get(7)!.length) * 5n);
    },
  );
  stop({ type: MapType.LRU_HASH }, 'forgets what was used least, where it is full', (map) => {
    for (let key = 0; key < 100; key++) map.set(key, key);
    tell('100 keys into 4: none refused', () => `${map.readAll().count} remain`);
  });
  stop({ type: MapType.LRU_PERCPU_HASH, valueSize: 8 }, 'both of these', (map) => {
    for (let key = 0; key < 100; key++) map.set(key, 1n);
    tell('100 keys into 4: none refused', () => `${map.readAll().count} remain`);
  });
  stop(
    { type: MapType.LPM_TRIE, keySize: 8, flags: MapFlag.NO_PREALLOC },
    'the longest prefix that fits: routes',
    (map) => {
      const routes = map.as({ key: lpmKey('ipv4'), value: u32 });
      routes.set('10.0.0.0/8', 8);
      routes.set('10.1.0.0/16', 16);
      tell("get('10.1.2.3')", () => routes.get('10.1.2.3'));
      tell("get('10.2.3.4')", () => routes.get('10.2.3.4'));
      tell("get('192.0.2.1')", () => routes.get('192.0.2.1'));
      tell('a prefix of 33 bits', () => routes.set('10.0.0.0/33', 1));
      tell('without NO_PREALLOC', () => create({ type: MapType.LPM_TRIE, keySize: 8 }).close());
      tell('a key of prefix length alone', () =>
        create({ type: MapType.LPM_TRIE, flags: MapFlag.NO_PREALLOC }).close(),
      );
    },
  );
}
