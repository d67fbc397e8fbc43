// Maps that keep a value at an object of the kernel for as long as that lives.
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { AttachType, MapFlag, MapType } from 'tsbpf/isa';
import { type BpfMap, type Collection, cgroupStorageKey, loadCollection, openPidfd } from 'tsbpf/kernel';
import { u64 } from 'tsbpf/util';
import { readSpec } from '../run.ts';
import { descriptorOf } from '../sockets.ts';
import { cgroupRoot } from './ends.ts';
import { create, line, stop, tell, title } from './stop.ts';

/** Sets, reads and takes away the value at the object that a descriptor stands for. */
function visit(map: BpfMap, fd: number): void {
  tell('set(descriptor, 1), then get', () => {
    map.set(fd, 1n);
    return map.get(fd);
  });
  tell('delete, then get', () => [map.delete(fd), map.get(fd)]);
  tell('a number that is no descriptor', () => map.set(9999, 1n));
}

export function tourOfStorages(): void {
  using collection = loadCollection(readSpec('bpf/map_tour.s'));
  tourOfDescriptors(collection);
  tell('without a type of its values', () =>
    create({ type: MapType.SK_STORAGE, maxEntries: 0, flags: MapFlag.NO_PREALLOC }).close(),
  );

  for (const [type, use] of [
    [MapType.CGROUP_STORAGE, 'at a cgroup that a program is attached to (of old)'],
    [MapType.PERCPU_CGROUP_STORAGE, 'the same for each CPU'],
  ] as const) {
    stop({ type, keySize: 16, valueSize: 8, maxEntries: 0 }, use, (map) => {
      if (type === MapType.PERCPU_CGROUP_STORAGE)
        return tell('keys, attached nowhere', () => [...map.keys()]);
      const values = map.as({ key: cgroupStorageKey, value: u64 });
      const key = { cgroupId: 1n, attachType: AttachType.CGROUP_INET_EGRESS };
      tell('get, attached nowhere', () => values.get(key));
      tell('set, attached nowhere', () => values.set(key, 1n));
    });
  }
  title(MapType.STRUCT_OPS, 'functions that the kernel calls: attachStructOps() makes it of an object');
  tell('without the types of the kernel', () => create({ type: MapType.STRUCT_OPS, maxEntries: 1 }).close());
}

function tourOfDescriptors(collection: Collection): void {
  const at = (
    name: string,
    use: string,
    open: () => number | undefined,
    close: (fd: number) => void,
  ): void => {
    const map = collection.map(name);
    title(map.type, use);
    const fd = open();
    if (fd === undefined) line('not on this machine', '');
    else {
      visit(map, fd);
      close(fd);
    }
  };
  const server = createServer().listen(0);
  at(
    'of_socket',
    'at a socket',
    () => Number(descriptorOf(server)),
    () => server.close(),
  );
  using own = openPidfd(process.pid);
  at(
    'of_task',
    'at a thread',
    () => own.number,
    () => {},
  );
  at('of_inode', 'at a file', () => openSync('package.json', 'r'), closeSync);
  at(
    'of_cgroup',
    'at a cgroup',
    () => (cgroupRoot === undefined ? undefined : openSync(cgroupRoot, 'r')),
    closeSync,
  );
}
