// Sockets whose data the kernel forwards by itself: a server that echoes without reading a byte, and two
// connections whose ends are piped together.
//   npm run example -- examples/sock-redirect.ts [FILE.o | FILE.s]
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { attachSockmap, type BpfMap, loadCollection } from 'tsbpf/kernel';
import { enterNewNetworkNamespace, setLink } from 'tsbpf/syscall';
import { given, readSpec, run } from './run.ts';
import { descriptorOf } from './sockets.ts';

/** A client and the server's end of its connection. */
async function connection(server: Server): Promise<readonly [client: Socket, accepted: Socket]> {
  const { port } = server.address() as { readonly port: number };
  const accepted = once(server, 'connection');
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  return [client, (await accepted)[0] as Socket];
}

async function answer(socket: Socket, text: string): Promise<string> {
  const [data] = await once(socket, 'data', { signal: AbortSignal.timeout(5000) });
  return String(data).slice(0, text.length);
}

await run(async () => {
  enterNewNetworkNamespace();
  setLink('lo', { up: true });
  using collection = loadCollection(readSpec(given('bpf/sock_redirect.o').file));
  const { echoing, piped, ways } = Object.fromEntries(collection.maps) as Record<string, BpfMap>;
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const open: Socket[] = [];
  try {
    {
      using _verdict = attachSockmap(collection.program('echo'), echoing!);
      const [client, accepted] = await connection(server);
      open.push(client, accepted);
      echoing!.set(0, descriptorOf(accepted));
      client.write('hello, kernel');
      console.log(`the client sent 'hello, kernel' and got '${await answer(client, 'hello, kernel')}'`);
      console.log(
        `the server read ${accepted.bytesRead} bytes, the kernel echoed ${collection.variable('echoed_bytes').get()}`,
      );
      echoing!.delete(0);
    }
    {
      using _verdict = attachSockmap(collection.program('pipe'), piped!);
      const [one, oneEnd] = await connection(server);
      const [other, otherEnd] = await connection(server);
      open.push(one, oneEnd, other, otherEnd);
      piped!.set(1, descriptorOf(one));
      piped!.set(2, descriptorOf(other));
      ways!.set(one.localPort!, 2);
      ways!.set(other.localPort!, 1);
      one.write('to the other');
      console.log(`one client sent 'to the other', the other got '${await answer(other, 'to the other')}'`);
      other.write('and back');
      console.log(`it sent 'and back', and the first got '${await answer(one, 'and back')}'`);
      console.log(
        `the server read ${oneEnd.bytesRead + otherEnd.bytesRead} bytes, the kernel piped ${collection.variable('piped_bytes').get()}`,
      );
      piped!.delete(1);
      piped!.delete(2);
    }
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
  }
});
