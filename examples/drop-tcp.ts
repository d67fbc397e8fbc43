// Drops TCP in both directions on one interface: what comes in by XDP, what goes out by a filter of tc.
// Both programs are in one object. UDP and pings go on.
//   npm run example -- examples/drop-tcp.ts [FILE.o | FILE.s]
import { attachTc, attachXdp, loadCollection, showTc, showXdp } from 'tsbpf/kernel';
import { isAnswered, LEFT, Peer, PROTOCOLS, RIGHT } from './hosts.ts';
import { given, readSpec, run } from './run.ts';

async function tryAll(when: string, peer: Peer): Promise<void> {
  const out: string[] = [];
  const back: string[] = [];
  for (const protocol of PROTOCOLS) {
    out.push(`${protocol} ${(await isAnswered(protocol, LEFT, RIGHT)) ? 'yes' : 'no'}`);
    back.push(`${protocol} ${(await peer.isAnswered(protocol)) ? 'yes' : 'no'}`);
  }
  console.log(`${when}, from left to right: ${out.join(', ')}`);
  console.log(`${when}, from right to left: ${back.join(', ')}`);
}

await run(async () => {
  const { file } = given('bpf/drop_tcp.o');
  const spec = readSpec(file);
  await using peer = await Peer.start();
  await tryAll('before', peer);
  {
    using collection = loadCollection(spec);
    using inwards = attachXdp(collection.program('drop_tcp_in'), { interface: LEFT.interface });
    using _outwards = attachTc(collection.program('drop_tcp_out'), {
      interface: LEFT.interface,
      direction: 'egress',
    });
    console.log(`attached from ${file}: drop_tcp_in (XDP, ${inwards.mode}), drop_tcp_out (tc, egress)`);
    await tryAll('while attached', peer);
    const count = (name: string): unknown => collection.variable(name).get();
    console.log(`dropped: ${count('dropped_in')} on the way in, ${count('dropped_out')} on the way out`);
  }
  await tryAll('after', peer);
  const [xdp] = showXdp(LEFT.interface);
  console.log(`XDP on left: ${xdp!.mode}, filters of tc: ${showTc(LEFT.interface).length}`);
});
