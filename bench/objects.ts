// An object read into a spec, beside libbpf's bpf_object__open of the same file in the same run.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readObject } from '../src/elf/index.ts';
import { hasLibbpf, timeOpenNs } from '../test/oracle/libbpf.ts';

const ROUNDS = 200;
/** Together some 50,000 instructions. */
const PROGRAMS = 160;
const INSNS_EACH = 200;
/** What the reader may cost; cilium/ebpf 0.21 costs 145. */
const LIMIT_NS = 60;

/** C as people write it: a program in a section each, lookups, a subprogram, counters, and arithmetic between them. */
function source(): string {
  const programs = Array.from({ length: PROGRAMS }, (_, nth) => {
    const steps = Array.from({ length: INSNS_EACH / 20 }, (_, step) => {
      const map = `map${(nth + step) % 16}`;
      return `  key = a ^ ${step + nth}; value = lookup(&${map}, &key); if (value) { a += *value; *value = a * ${step + 3} + b; }
  b += mix(a, b + ${step}); total += b; if (b > ${step * 100}) a -= b / ${step + 1};`;
    });
    return `SEC("xdp/p${nth}") int program${nth}(struct xdp_md *ctx) {
  u64 a = ctx->data, b = ctx->data_end, key, *value;
${steps.join('\n')}
  return a & 3;
}`;
  });
  const maps = Array.from(
    { length: 16 },
    (_, nth) =>
      `struct { int (*type)[1]; int (*max_entries)[100]; u64 *key; u64 *value; } map${nth} SEC(".maps");`,
  );
  return `typedef unsigned int u32; typedef unsigned long long u64;
#define SEC(name) __attribute__((section(name), used))
struct xdp_md { u32 data, data_end; };
static void *(*lookup)(void *map, const void *key) = (void *)1;
u64 total;
${maps.join('\n')}
static __attribute__((noinline)) u64 mix(u64 a, u64 b) { asm volatile("%0 ^= %1" : "+r"(a) : "r"(b)); return a; }
${programs.join('\n')}
char licence[] SEC("license") = "GPL";`;
}

function bestNs(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    work();
    best = Math.min(best, Number(process.hrtime.bigint() - start));
  }
  return best;
}

export function benchObjects(): void {
  const clang = ['clang-19', 'clang-16', 'clang-14', 'clang'].find(
    (name) => spawnSync(name, ['--version']).error === undefined,
  );
  if (!clang) {
    console.log('\nObjects: left out, there is no clang');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-bench-'));
  try {
    const [input, output] = [join(folder, 'in.c'), join(folder, 'out.o')];
    writeFileSync(input, source());
    const { status, stderr } = spawnSync(clang, [
      '-O2',
      '-g',
      '-w',
      '-target',
      'bpfel',
      '-c',
      input,
      '-o',
      output,
    ]);
    if (status !== 0) throw new Error(`${stderr}`);
    // A plain Uint8Array: a Buffer's views cost more to make.
    const bytes = new Uint8Array(readFileSync(output));
    const spec = readObject(bytes);
    const insns = [...spec.functions.values()].reduce((total, { code }) => total + code.length / 8, 0);
    console.log(
      `\nObject to spec, ${insns} slots, ${spec.functions.size} functions, ${bytes.length} bytes by ${clang} (limit ${LIMIT_NS} ns a slot)`,
    );
    const row = (name: string, ns: number): void =>
      console.log(
        `  ${name.padEnd(34)} ${(ns / insns).toFixed(1).padStart(7)} ns a slot   ${(ns / 1e6).toFixed(2)} ms`,
      );
    row(
      'readObject',
      bestNs(() => void readObject(bytes)),
    );
    row(
      'readObject, then all source lines',
      bestNs(() => {
        for (const { lines } of readObject(bytes).functions.values()) void lines.length;
      }),
    );
    if (hasLibbpf()) row('libbpf, bpf_object__open_mem', timeOpenNs(output, ROUNDS));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
