// CO-RE against the running kernel's types, beside libbpf's bpf_object__load without its system calls.
import { existsSync, readFileSync } from 'node:fs';
import { CoreRelocator, CoreTarget, parseBtf } from '../src/btf/index.ts';
import { readObject } from '../src/elf/index.ts';
import { link, withKconfig } from '../src/object/index.ts';
import { mapFile } from '../src/syscall/index.ts';
import { hasLibbpf, timeLoadNs } from '../test/oracle/libbpf.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const OBJECT = 'test/btf/fixtures/objects/core-19.o';
const ROUNDS = 50;
/** What one relocation may cost once its types are known. */
const LIMIT_US = 2;

function timesMs(rounds: number, work: () => void): { readonly first: number; readonly best: number } {
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return { first: times[0]!, best: Math.min(...times) };
}

export function benchCore(): void {
  if (!existsSync(VMLINUX)) {
    console.log(`\nCO-RE: left out, there is no ${VMLINUX}`);
    return;
  }
  const spec = readObject(new Uint8Array(readFileSync(OBJECT)));
  const names = [...spec.functions.keys()];
  const load = timesMs(ROUNDS, () => {
    const facts = { btf: parseBtf(mapFile(VMLINUX) ?? readFileSync(VMLINUX), VMLINUX) };
    const settled = withKconfig(spec, facts);
    for (const name of names) link(settled, name, facts);
  });
  const btf = parseBtf(readFileSync(VMLINUX), VMLINUX);
  const relocations = [...spec.functions.values()].flatMap(({ coreRelocations }) => coreRelocations);
  const warm = timesMs(2000, () => {
    const relocator = new CoreRelocator(spec.btf!, new CoreTarget(btf));
    for (const relocation of relocations) relocator.resolve(relocation);
  });
  const eachUs = (warm.best * 1000) / relocations.length;
  console.log(`\nCO-RE: ${relocations.length} relocations of ${names.length} programs against ${VMLINUX}`);
  console.log(
    `  types read and all programs linked   ${load.first.toFixed(1)} ms cold, ${load.best.toFixed(1)} ms warm`,
  );
  if (hasLibbpf())
    console.log(`  libbpf 1.1, without system calls     ${(timeLoadNs(OBJECT, ROUNDS) / 1e6).toFixed(1)} ms`);
  console.log(`  one relocation, types known          ${eachUs.toFixed(2)} µs (limit ${LIMIT_US})`);
}
