// Our side of what bench/readers.c does in mode `ring`: a process with one ring.
//   MAP_ID PROG_ID RECORDS ROUNDS, and `perf` where it is a perf buffer
import { BpfMap, PerfBuffer, Program, RingBuffer } from '../src/kernel/index.ts';

const [map, prog, records, rounds] = process.argv.slice(2).map(Number) as [number, number, number, number];
const isPerf = process.argv[6] === 'perf';
using events = BpfMap.openById(map);
using program = Program.openById(prog);
using reader = isPerf
  ? PerfBuffer.open(events, { sizePerCpu: 8 << 20, copy: false, wakeupEvents: 2 ** 30 })
  : RingBuffer.open(events, { copy: false });
let sum = 0;
for (let round = 0; round < rounds; round++) {
  program.testRun({ data: new Uint8Array(64), repeat: records });
  const start = process.hrtime.bigint();
  reader.consume((record) => {
    sum ^= record.u32(0);
  });
  console.log(Number(process.hrtime.bigint() - start));
}
process.exitCode = sum === -1 ? 1 : 0;
