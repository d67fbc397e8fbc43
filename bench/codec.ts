// Instructions decoded into objects and encoded again, beside the least that any codec has to do:
// reading and writing the four fields of each slot through a DataView.
import { decodeInsns, encodeInsns, INSN_TABLE, makeInsn, slotCount } from '../src/isa/index.ts';
import { viewOf } from '../src/util/bytes.ts';

/** A large real program; above some 100,000 the collector's work for the objects takes over. */
const INSNS = 10_000;
const ROUNDS = 400;

function bestNs(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    work();
    best = Math.min(best, Number(process.hrtime.bigint() - start));
  }
  return best;
}

export function benchCodec(): void {
  const insns = Array.from({ length: INSNS }, (_, at) => makeInsn(INSN_TABLE[at % INSN_TABLE.length]!));
  const code = encodeInsns(insns);
  const slots = slotCount(insns);
  const view = viewOf(code);
  const target = viewOf(new Uint8Array(code.length));
  let sink = 0;
  const read = bestNs(() => {
    for (let at = 0; at < code.length; at += 8) {
      sink +=
        view.getUint8(at) + view.getUint8(at + 1) + view.getInt16(at + 2, true) + view.getInt32(at + 4, true);
    }
  });
  const write = bestNs(() => {
    for (let at = 0; at < code.length; at += 8) {
      target.setUint8(at, 7);
      target.setUint8(at + 1, 1);
      target.setInt16(at + 2, sink & 7, true);
      target.setInt32(at + 4, at, true);
    }
  });
  const decode = bestNs(() => decodeInsns(code));
  const encode = bestNs(() => encodeInsns(insns));
  const row = (name: string, ns: number, count: number, baseline: number): void => {
    const perSecond = (count / ns) * 1e3;
    console.log(
      `  ${name.padEnd(34)} ${perSecond.toFixed(1).padStart(7)} M/s   ${(ns / baseline).toFixed(1)} times the bare fields`,
    );
  };
  console.log(`\nCodec, ${INSNS} instructions (limit 20 M/s)`);
  row('bare fields read, slots', read, slots, read);
  row('decodeInsns, instructions', decode, INSNS, read);
  row('bare fields written, slots', write, slots, write);
  row('encodeInsns, instructions', encode, INSNS, write);
}
