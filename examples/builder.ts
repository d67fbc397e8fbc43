// An XDP dispatcher described in TypeScript: it counts frames by protocol and tail-calls what handles
// them. It is loaded, frames run through it, a handler is taken out, and a careless program is
// refused with the line of this file.
//   npm run example -- examples/builder.ts
import { readFileSync } from 'node:fs';
import { array, char, object, r0, r1, r2, r3, r4, r6, r7, r8, r10, struct, u32, u64 } from 'tsbpf/asm';
import { XdpAction } from 'tsbpf/isa';
import { loadCollection, typedMap, VerifierError } from 'tsbpf/kernel';

const ETH_SIZE = 14;
const IP_PROTOCOL = ETH_SIZE + 9;
const IP_END = ETH_SIZE + 20;

const traffic = struct('traffic', { frames: u64, bytes: u64, name: array(char, 16) });

const spec = object({ license: 'GPL' }, (o) => {
  const counts = o.map('counts', { type: 'hash', key: u32, value: traffic, maxEntries: 256 });
  counts.set(1, { frames: 0n, bytes: 0n, name: 'ICMP' });
  counts.set(6, { frames: 0n, bytes: 0n, name: 'TCP' });
  counts.set(17, { frames: 0n, bytes: 0n, name: 'UDP' });
  const handlers = o.map('handlers', { type: 'prog_array', maxEntries: 256 });
  const otherwise = o.constant('otherwise', u32, XdpAction.ABORTED);

  o.program('dispatch', 'xdp', (p) => {
    const out = p.label('out');
    p.mov(r6, r1);
    p.ctx.load(r7, 'data').ctx.load(r8, 'data_end');
    p.mov(r1, r7).add(r1, IP_END).jgt(r1, r8, out);
    p.sub(r8, r7).load('u8', r7, r7, IP_PROTOCOL);
    p.mov(r1, r7).mov(r2, r8).call(count);
    p.tailCall(handlers, r7, r6);
    p.bind(out);
    p.loadVariable(r0, otherwise).exit();
  });

  const count = o.function('count', (p) => {
    p.mov(r6, r2).store('u32', r10, -4, r1);
    p.address(r2, r10, -4).loadMap(r1, counts).call('bpf_map_lookup_elem');
    p.if([r0, '!=', 0], () => {
      p.mov(r1, 1).atomic_add(r0, traffic.at.frames, r1);
      p.atomic_add(r0, traffic.at.bytes, r6);
    });
    p.mov(r0, 0).exit();
  });

  handlers.set(
    1,
    o.program('answer_ping', 'xdp', (p) => p.mov(r0, XdpAction.TX).exit()),
  );
  handlers.set(
    17,
    o.program('drop_odd_ports', 'xdp', (p) => {
      const pass = p.label('pass');
      p.ctx.load(r2, 'data').ctx.load(r3, 'data_end');
      p.mov(r4, r2)
        .add(r4, IP_END + 8)
        .jgt(r4, r3, pass);
      p.load('u16', r4, r2, IP_END + 2).be16(r4);
      p.if([r4, '&', 1], () => p.mov(r0, XdpAction.DROP).exit());
      p.bind(pass).mov(r0, XdpAction.PASS).exit();
    }),
  );
});

function frame(protocol: number, port = 0, size = 64): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45]);
  bytes[IP_PROTOCOL] = protocol;
  new DataView(bytes.buffer).setUint16(IP_END + 2, port);
  return bytes;
}

// Constants are the loader's to set, as those of an object file.
using collection = loadCollection(spec, { variables: { otherwise: XdpAction.PASS } });
const actions = Object.keys(XdpAction);
const say = (what: string, data: Uint8Array): void => {
  const { retval } = collection.program('dispatch').testRun({ data });
  console.log(`${what}: ${actions[retval]}`);
};
say('ping', frame(1));
say('UDP to port 53', frame(17, 53, 100));
say('UDP to port 8080', frame(17, 8080, 200));
say('TCP, which nobody handles', frame(6, 443));
collection.map('handlers').delete(1);
say('ping, its handler taken out', frame(1));

type Traffic = { frames: bigint; bytes: bigint; name: string };
const counts = typedMap<number, Traffic>(collection, 'counts');
for (const protocol of [1, 6, 17]) {
  const { name, frames, bytes } = counts.get(protocol)!;
  console.log(`${name}: ${frames} frames, ${bytes} bytes`);
}

const source = (file: string): string => readFileSync(file, 'utf8');
const careless = object({ source }, (o) => {
  o.program('careless', 'xdp', (p) => {
    p.ctx.load(r2, 'data');
    p.load('u8', r0, r2, IP_PROTOCOL).exit();
  });
});
try {
  loadCollection(careless).close();
} catch (error) {
  if (!(error instanceof VerifierError)) throw error;
  console.log(error.message);
}
