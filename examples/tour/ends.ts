// Maps that name where packets and bytes go: interfaces, CPUs, sockets, cgroups.
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { MapType } from 'tsbpf/isa';
import { cpumapEntry, devmapEntry } from 'tsbpf/kernel';
import { enterNewNetworkNamespace, findLink, setLink } from 'tsbpf/syscall';
import { u32 } from 'tsbpf/util';
import { descriptorOf } from '../sockets.ts';
import { line, stop, tell } from './stop.ts';

/** Where cgroups of version 2 are mounted. */
export const cgroupRoot: string | undefined = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((root) =>
  existsSync(`${root}/cgroup.controllers`),
);

export async function tourOfEnds(): Promise<void> {
  // Interfaces and sockets of this process's own.
  enterNewNetworkNamespace();
  setLink('lo', { up: true });
  const { ifindex } = findLink('lo');
  for (const [type, use] of [
    [MapType.DEVMAP, 'interfaces that packets leave by'],
    [MapType.DEVMAP_HASH, 'the same by key'],
  ] as const) {
    stop({ type, valueSize: 8 }, use, (map) => {
      const interfaces = map.as({ key: u32, value: devmapEntry });
      tell('set(0, lo), then get(0)', () => {
        interfaces.set(0, { ifindex });
        return interfaces.get(0)?.ifindex === ifindex;
      });
      tell('an interface that is not there', () => interfaces.set(1, { ifindex: 9999 }));
    });
  }
  stop({ type: MapType.CPUMAP, valueSize: 8, maxEntries: 1 }, 'CPUs that packets are handed to', (map) => {
    const cpus = map.as({ key: u32, value: cpumapEntry });
    tell('a queue of 192, then get(0)', () => {
      cpus.set(0, { queueSize: 192 });
      return cpus.get(0)?.queueSize;
    });
    tell('a queue of 20000', () => cpus.set(0, { queueSize: 20000 }));
  });
  await tourOfSockets();
  stop({ type: MapType.CGROUP_ARRAY }, 'cgroups, to ask whether a packet belongs to one', (map) => {
    if (cgroupRoot === undefined) return line('no cgroup of version 2 is mounted', '');
    const fd = openSync(cgroupRoot, 'r');
    tell('set(0, cgroup)', () => {
      map.set(0, fd);
      return 'done';
    });
    closeSync(fd);
    tell('a descriptor of something else', () => map.set(1, 0));
  });
}

async function tourOfSockets(): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect((server.address() as { readonly port: number }).port, '127.0.0.1');
  await once(client, 'connect');
  const [end] = await accepted;
  for (const [type, use] of [
    [MapType.SOCKMAP, 'sockets that data is redirected to'],
    [MapType.SOCKHASH, 'the same by key'],
  ] as const) {
    stop({ type, valueSize: 8 }, use, (map) => {
      tell('set(0, socket), get(0) is its cookie', () => {
        map.set(0, descriptorOf(client));
        return (map.get(0) as bigint) > 0n;
      });
      tell('a descriptor of something else', () => map.set(1, 0n));
      tell('delete(0), then get(0)', () => [map.delete(0), map.get(0)]);
    });
  }
  stop({ type: MapType.REUSEPORT_SOCKARRAY, valueSize: 8 }, 'sockets that share a port', (map) => {
    tell('a socket that shares none', () => map.set(0, descriptorOf(client)));
  });
  stop({ type: MapType.XSKMAP }, 'AF_XDP sockets, which get whole frames', (map) => {
    tell('a socket of another family', () => map.set(0, Number(descriptorOf(client))));
    tell('get(0)', () => map.get(0));
  });
  client.destroy();
  end.destroy();
  server.close();
}
