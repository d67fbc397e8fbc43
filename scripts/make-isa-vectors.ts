// Makes test/isa/vectors/insns.json: for every row of the instruction table, operands and the bytes
// that an independent tool gives for them, in both byte orders:
//   - llvm-mc-19 assembles the text that this script writes (it shares no code with src/asm);
//   - the pseudo forms that no assembler text reaches come from clang-19 compiling initialised
//     `struct bpf_insn` with the constants of Debian's <linux/bpf.h>;
//   - load-acquire and store-release, newer than both, are put to the running kernel, whose
//     verifier log says what it read (little endian only; as root).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { INSN_TABLE, type InsnDef, type InsnOperands } from '../src/isa/index.ts';
import { kernelLogOf } from './kernel-log.ts';

interface Vector {
  readonly name: string;
  readonly operands: Record<string, number | string>;
  readonly text: string;
  readonly le: string;
  readonly be?: string;
  readonly witness: 'llvm-mc' | 'linux/bpf.h' | 'kernel log';
}

const dir = mkdtempSync(join(tmpdir(), 'tsbpf-vectors-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

const OFFS = [0, 1, -1, 8, 32767, -32768];
const IMMS = [0, 1, -1, 5, 0x7fffffff, -0x80000000];
const REGS: readonly (readonly [number, number])[] = [
  [0, 1],
  [1, 2],
  [2, 3],
  [9, 10],
  [5, 4],
  [3, 7],
];
const signed = (value: number): string => (value < 0 ? `- ${-value}` : `+ ${value}`);
const memory = (def: InsnDef, base: number, off: number, sign = 'u'): string =>
  `*(${sign}${def.size * 8} *)(r${base} ${signed(off)})`;
const reg = (def: InsnDef, number: number): string => `${def.width === 32 ? 'w' : 'r'}${number}`;

type Writer = (def: InsnDef, at: number) => { operands: Record<string, number>; text: string } | undefined;

const sample = (at: number): { dst: number; src: number; off: number; imm: number } => {
  const [dst, src] = REGS[at % REGS.length]!;
  return { dst, src, off: OFFS[at % OFFS.length]!, imm: IMMS[at % IMMS.length]! };
};

const jump = (off: number): string => (off < 0 ? `goto ${off}` : `goto +${off}`);

const writers: Partial<Record<InsnDef['kind'], Writer>> = {
  alu(def, at) {
    const { dst, src, imm } = sample(at);
    return def.x
      ? { operands: { dst, src }, text: `${reg(def, dst)} ${def.op}= ${reg(def, src)}` }
      : { operands: { dst, imm }, text: `${reg(def, dst)} ${def.op}= ${imm}` };
  },
  neg(def, at) {
    const { dst } = sample(at);
    return { operands: { dst }, text: `${reg(def, dst)} = -${reg(def, dst)}` };
  },
  end(def, at) {
    const { dst } = sample(at);
    return { operands: { dst }, text: `r${dst} = ${def.name} r${dst}` };
  },
  movsx(def, at) {
    const { dst, src } = sample(at);
    const r = def.name.endsWith('_32') ? 'w' : 'r';
    return { operands: { dst, src }, text: `${r}${dst} = (s${def.width})${r}${src}` };
  },
  addrSpaceCast(_def, at) {
    const { dst, src } = sample(at);
    const [to, from] = at % 2 === 0 ? [0, 1] : [1, 0];
    return {
      operands: { dst, src, imm: (to << 16) | from },
      text: `r${dst} = addr_space_cast(r${src}, ${to}, ${from})`,
    };
  },
  ldabs(def, at) {
    const imm = Math.abs(sample(at).imm) % 2 ** 31;
    return { operands: { imm }, text: `r0 = *(u${def.size * 8} *)skb[${imm}]` };
  },
  ldind(def, at) {
    const { src } = sample(at);
    return { operands: { src }, text: `r0 = *(u${def.size * 8} *)skb[r${src}]` };
  },
  ldx(def, at) {
    const { dst, src, off } = sample(at);
    return { operands: { dst, src, off }, text: `r${dst} = ${memory(def, src, off)}` };
  },
  ldsx(def, at) {
    const { dst, src, off } = sample(at);
    return { operands: { dst, src, off }, text: `r${dst} = ${memory(def, src, off, 's')}` };
  },
  st(def, at) {
    const { dst, off, imm } = sample(at);
    return { operands: { dst, off, imm }, text: `${memory(def, dst, off)} = ${imm}` };
  },
  stx(def, at) {
    const { dst, src, off } = sample(at);
    return { operands: { dst, src, off }, text: `${memory(def, dst, off)} = r${src}` };
  },
  atomic(def, at) {
    const { dst, src, off } = sample(at);
    const type = `u${def.size * 8} *`;
    const r = reg(def, src);
    const names: Record<string, string> = { '+': 'add', '|': 'or', '&': 'and', '^': 'xor' };
    return {
      operands: { dst, src, off },
      text: def.fetch
        ? `${r} = atomic_fetch_${names[def.op]}((${type})(r${dst} ${signed(off)}), ${r})`
        : `lock *(${type})(r${dst} ${signed(off)}) ${def.op}= ${r}`,
    };
  },
  xchg(def, at) {
    const { dst, src, off } = sample(at);
    const r = reg(def, src);
    return {
      operands: { dst, src, off },
      text: `${r} = xchg${def.width === 32 ? '32' : ''}_${def.width}(r${dst} ${signed(off)}, ${r})`,
    };
  },
  cmpxchg(def, at) {
    const { dst, src, off } = sample(at);
    const r = def.width === 32 ? 'w' : 'r';
    return {
      operands: { dst, src, off },
      text: `${r}0 = cmpxchg${def.width === 32 ? '32_32' : '_64'}(r${dst} ${signed(off)}, ${r}0, ${r}${src})`,
    };
  },
  ja(def, at) {
    const { off } = sample(at);
    // LLVM 19 takes a number behind gotol only where it fits 16 bits.
    return def.imm === 'branch'
      ? { operands: { imm: off }, text: jump(off).replace('goto', 'gotol') }
      : { operands: { off }, text: jump(off) };
  },
  jcond(def, at) {
    const { dst, src, off, imm } = sample(at);
    const left = `if ${reg(def, dst)} ${def.op}`;
    return def.x
      ? { operands: { dst, src, off }, text: `${left} ${reg(def, src)} ${jump(off)}` }
      : { operands: { dst, imm, off }, text: `${left} ${imm} ${jump(off)}` };
  },
  mayGoto(_def, at) {
    const { off } = sample(at);
    return { operands: { off }, text: `may_goto ${off < 0 ? off : `+${off}`}` };
  },
  call(def, at) {
    if (def.imm !== 'helper') return undefined;
    const imm = Math.abs(sample(at).imm) % 2 ** 31;
    return { operands: { imm }, text: `call ${imm}` };
  },
  callx(_def, at) {
    const { dst } = sample(at);
    return { operands: { dst }, text: `callx r${dst}` };
  },
  exit: (_def, at) => (at === 0 ? { operands: {}, text: 'exit' } : undefined),
};

/** The section `.text` of what llvm-mc makes of a text. */
function llvm(text: string, triple: 'bpfel' | 'bpfeb'): Buffer {
  const source = join(dir, 'in.s');
  const object = join(dir, 'out.o');
  const code = join(dir, 'out.bin');
  writeFileSync(source, text);
  execFileSync('llvm-mc-19', ['-triple', triple, '-mcpu=v4', '-filetype=obj', source, '-o', object]);
  execFileSync('llvm-objcopy-19', ['-O', 'binary', '--only-section=.text', object, code]);
  return readFileSync(code);
}

function llvmVectors(): Vector[] {
  const pending = INSN_TABLE.flatMap((def) => {
    if (def.name === 'lddw') return wideImmediates(def);
    const write = writers[def.kind];
    if (!write) return [];
    return REGS.map((_, at) => write(def, at)).flatMap((made) => (made ? [{ def, ...made }] : []));
  });
  // Jumps by number are not resolved against the section, so all rows fit in one file.
  const text = pending.map((vector) => vector.text).join('\n') + '\n';
  const [le, be] = [llvm(text, 'bpfel'), llvm(text, 'bpfeb')];
  let at = 0;
  return pending.map(({ def, operands, text: line }) => {
    const size = def.slots * 8;
    at += size;
    const cut = (bytes: Buffer): string => bytes.subarray(at - size, at).toString('hex');
    return { name: def.name, operands, text: line, le: cut(le), be: cut(be), witness: 'llvm-mc' as const };
  });
}

function wideImmediates(
  def: InsnDef,
): { def: InsnDef; operands: Record<string, string | number>; text: string }[] {
  return [0n, 1n, 0x1122_3344_5566_7788n, 0xffff_ffffn, 0xffff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n].map(
    (imm64, dst) => ({
      def,
      operands: { dst, imm64: imm64.toString() },
      text: `r${dst} = ${imm64} ll`,
    }),
  );
}

/** Pseudo forms as the kernel's header names them: `.src_reg`, `.imm`, `.next`. */
const HEADER_FORMS: readonly (readonly [string, InsnOperands, string])[] = [
  ['lddw_map_fd', { dst: 1, imm: 7 }, 'BPF_PSEUDO_MAP_FD'],
  ['lddw_map_value', { dst: 2, imm: 7, nextImm: 16 }, 'BPF_PSEUDO_MAP_VALUE'],
  ['lddw_btf_id', { dst: 3, imm: 1234, nextImm: 5 }, 'BPF_PSEUDO_BTF_ID'],
  ['lddw_func', { dst: 4, imm: -3 }, 'BPF_PSEUDO_FUNC'],
  ['lddw_map_idx', { dst: 5, imm: 2 }, 'BPF_PSEUDO_MAP_IDX'],
  ['lddw_map_idx_value', { dst: 9, imm: 2, nextImm: 8 }, 'BPF_PSEUDO_MAP_IDX_VALUE'],
  ['call_local', { imm: -2 }, 'BPF_PSEUDO_CALL'],
  ['call_kfunc', { imm: 4321, off: 1 }, 'BPF_PSEUDO_KFUNC_CALL'],
];

function headerVectors(): Vector[] {
  const rows = HEADER_FORMS.map(([name, operands, constant]) => {
    const code = name.startsWith('call') ? 'BPF_JMP | BPF_CALL' : 'BPF_LD | BPF_DW | BPF_IMM';
    const first = `{ .code = ${code}, .dst_reg = ${operands.dst ?? 0}, .src_reg = ${constant}, .off = ${operands.off ?? 0}, .imm = ${operands.imm} }`;
    const second = name.startsWith('call') ? '' : `, { .imm = ${operands.nextImm ?? 0} }`;
    return { name, operands, text: constant, c: `${first}${second}` };
  });
  const source = join(dir, 'forms.c');
  writeFileSync(
    source,
    `#include <linux/bpf.h>\nstruct bpf_insn forms[] = {\n${rows.map((row) => row.c).join(',\n')}\n};\n`,
  );
  const compile = (target: string): Buffer => {
    const object = join(dir, 'forms.o');
    const bytes = join(dir, 'forms.bin');
    execFileSync('clang-19', [
      '-target',
      target,
      '-I/usr/include/x86_64-linux-gnu',
      '-c',
      source,
      '-o',
      object,
    ]);
    execFileSync('llvm-objcopy-19', ['-O', 'binary', '--only-section=.data', object, bytes]);
    return readFileSync(bytes);
  };
  const [le, be] = [compile('bpfel'), compile('bpfeb')];
  let at = 0;
  return rows.map(({ name, operands, text }) => {
    const size = name.startsWith('call') ? 8 : 16;
    at += size;
    const cut = (bytes: Buffer): string => bytes.subarray(at - size, at).toString('hex');
    const shown = operands as Record<string, number>;
    return { name, operands: shown, text, le: cut(le), be: cut(be), witness: 'linux/bpf.h' as const };
  });
}

/** `bits 3..7 size, 0xc0 atomic, class 3`, written by hand so that the table is not its own witness. */
const ORDERED: readonly (readonly [string, string, string, string])[] = [
  ['load_acq_b', 'd3', '00010000', 'r0 = load_acquire((u8 *)(r10 -8))'],
  ['load_acq_h', 'cb', '00010000', 'r0 = load_acquire((u16 *)(r10 -8))'],
  ['load_acq_w', 'c3', '00010000', 'r0 = load_acquire((u32 *)(r10 -8))'],
  ['load_acq_dw', 'db', '00010000', 'r0 = load_acquire((u64 *)(r10 -8))'],
  ['store_rel_b', 'd3', '10010000', 'store_release((u8 *)(r10 -8), r0)'],
  ['store_rel_h', 'cb', '10010000', 'store_release((u16 *)(r10 -8), r0)'],
  ['store_rel_w', 'c3', '10010000', 'store_release((u32 *)(r10 -8), r0)'],
  ['store_rel_dw', 'db', '10010000', 'store_release((u64 *)(r10 -8), r0)'],
];

function kernelVectors(): Vector[] {
  return ORDERED.map(([name, opcode, imm, text]) => {
    const load = name.startsWith('load');
    const le = `${opcode}${load ? 'a0' : '0a'}f8ff${imm}`;
    const log = kernelLogOf(`7a0af8ff00000000 b700000000000000 ${le} b700000000000000 9500000000000000`);
    if (!log.includes(text)) throw new Error(`${name}: the kernel does not read ${le} as '${text}':\n${log}`);
    return {
      name,
      operands: load ? { dst: 0, src: 10, off: -8 } : { dst: 10, src: 0, off: -8 },
      text,
      le,
      witness: 'kernel log' as const,
    };
  });
}

const vectors = [...llvmVectors(), ...headerVectors(), ...kernelVectors()];
const missing = INSN_TABLE.filter((def) => !vectors.some((vector) => vector.name === def.name));
if (missing.length > 0) throw new Error(`no vector for ${missing.map((def) => def.name).join(', ')}`);
const tool = execFileSync('llvm-mc-19', ['--version'], { encoding: 'utf8' }).match(/LLVM version (\S+)/)?.[1];
const lines = vectors.map((vector) => `    ${JSON.stringify(vector)}`).join(',\n');
writeFileSync(
  'test/isa/vectors/insns.json',
  `{\n  "madeBy": "npm run vectors (scripts/make-isa-vectors.ts), LLVM ${tool}, Linux ${release().replace(/^(\d+\.\d+).*/, '$1')}",\n  "vectors": [\n${lines}\n  ]\n}\n`,
);
console.log(`${vectors.length} vectors for ${INSN_TABLE.length} rows`);
