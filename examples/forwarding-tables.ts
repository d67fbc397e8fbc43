// Forwarding tables of 65,536 rows in an array of maps: a packet finds its row in three steps, and a
// whole table is replaced in one.
//   npm run example -- examples/forwarding-tables.ts [FILE.o | FILE.s]
import { MapType } from 'tsbpf/isa';
import { BpfMap, loadCollection, typedMap } from 'tsbpf/kernel';
import { toHex } from 'tsbpf/util';
import { IpProtocol, ipv4Frame } from './frames.ts';
import { given, readSpec, refusal, run } from './run.ts';

const ROWS = 0x10000;
const PORT = 443;

const ipv4 = (text: string): number =>
  new DataView(Uint8Array.from(text.split('.').map(Number)).buffer).getUint32(0);

/** A row names two servers, in network byte order. */
function rowBytes(primary: number, secondary: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, primary);
  view.setUint32(4, secondary);
  return new Uint8Array(view.buffer);
}

/** A table whose rows name servers of one network, 10.NETWORK.0.0/16, each its own. */
function makeTable(name: string, network: number): BpfMap {
  const table = BpfMap.create({ name, type: MapType.ARRAY, keySize: 4, valueSize: 8, maxEntries: ROWS });
  const base = ipv4(`10.${network}.0.0`);
  // All rows at once, where the kernel has batches.
  table.setAll(
    Array.from({ length: ROWS }, (_, row) => [row, rowBytes(base + row, base + (ROWS - 1 - row))]),
  );
  return table;
}

/** A UDP datagram from 10.0.0.1 to the given address. */
function packet(to: string, sourcePort: number): Uint8Array {
  const frame = ipv4Frame(IpProtocol.UDP);
  frame.set(to.split('.').map(Number), 30);
  const view = new DataView(frame.buffer);
  view.setUint16(34, sourcePort);
  view.setUint16(36, PORT);
  return frame;
}

await run(() => {
  using collection = loadCollection(readSpec(given('bpf/forwarding_tables.o').file));
  const outer = collection.map('glb_tables');
  const forward = collection.program('forward');

  using first = makeTable('table_0', 1);
  using second = makeTable('table_1', 2);
  console.log(`filled ${first.name} and ${second.name}: ${first.readAll().count} rows each`);
  outer.set(0, first);

  const destination = { ipv6_rest: [0, 0, 0], proto: IpProtocol.UDP, port_from: PORT, port_to: PORT, pad: 0 };
  // Addresses are compared as they lie in the packet.
  const virtual = Buffer.from([192, 0, 2, 1]).readUInt32LE();
  typedMap(collection, 'glb_binds').set({ ...destination, ipv4: virtual }, 0);

  const [slot] = [...outer.keyBytes()];
  const id = outer.getBytes(slot!)!;
  console.log(`key: ${toHex(slot!, ' ')}  value: ${toHex(id, ' ')}`);
  using opened = outer.innerMap(0);
  console.log(`outer slot 0 shows the id of ${opened?.name}: ${outer.get(0) === first.info().id}`);

  const show = (what: string, to: string, sourcePort: number): void => {
    const { retval } = forward.testRun({ data: packet(to, sourcePort) });
    const row = collection.variable('found').getBytes();
    const server = `10.${row[1]}.${row[2]}.${row[3]}`;
    const found = `table ${collection.variable('found_table').get()}, row ${collection.variable('found_row').get()}`;
    console.log(`${what}: ${retval === 3 ? `${found}, to ${server}` : 'passed on: no table for it'}`);
  };
  show('to 192.0.2.1 from port 1000', '192.0.2.1', 1000);
  show('to 192.0.2.1 from port 65535', '192.0.2.1', 65535);
  show('to 192.0.2.2 from port 1000', '192.0.2.2', 1000);
  outer.set(0, second);
  console.log(`slot 0 now holds ${second.name}`);
  show('to 192.0.2.1 from port 1000', '192.0.2.1', 1000);

  using narrow = BpfMap.create({
    name: 'narrow',
    type: MapType.ARRAY,
    keySize: 4,
    valueSize: 4,
    maxEntries: ROWS,
  });
  console.log(`a table of another shape: ${refusal(() => outer.set(0, narrow))}`);
});
