import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assemble, formatInstruction, rawCode } from '../../src/asm/index.ts';
import type { Expr, InsnStatement } from '../../src/asm/syntax/ast.ts';
import { isMnemonic, takeMnemonic } from '../../src/asm/syntax/mnemonic.ts';
import { endsStatement } from '../../src/asm/syntax/mnemonic-expression.ts';
import { MNEMONICS, mnemonicOf } from '../../src/asm/syntax/mnemonic-names.ts';
import { Problems } from '../../src/asm/syntax/problems.ts';
import { Scanner } from '../../src/asm/syntax/scanner.ts';
import { decodeInsns, encodeInsns, INSN_TABLE, type Instruction, makeInsn } from '../../src/isa/index.ts';
import { type Diagnostic, fromHex, renderDiagnostics, toHex } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';

interface Read {
  readonly statement: InsnStatement | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** What was not read. */
  readonly rest: string;
}

function scannerOf(text: string, base = 0): Scanner {
  const scanner = new Scanner(text, base);
  scanner.end = text.length;
  return scanner;
}

function read(text: string): Read {
  const problems = new Problems({ name: 'prog.s', text });
  const scanner = scannerOf(text);
  const statement = takeMnemonic(scanner, problems);
  return { statement, diagnostics: problems.list(), rest: text.slice(scanner.at) };
}

const ARITHMETIC: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};

/** An expression of numbers alone. */
function numberOf(expr: Expr | undefined): bigint {
  if (!expr) return 0n;
  if (expr.kind === 'number') return BigInt(expr.value);
  if (expr.kind === 'binary') return ARITHMETIC[expr.op]!(numberOf(expr.left), numberOf(expr.right));
  if (expr.kind !== 'unary') throw new Error(`${expr.kind} has no value here`);
  const value = numberOf(expr.operand);
  return { '-': -value, '+': value, '~': ~value, '!': value === 0n ? 1n : 0n }[expr.op];
}

/** What a statement without names stands for. */
function insnOf(statement: InsnStatement): Instruction {
  const { def, dst, src, off, imm, target } = statement;
  const jumps = def.off === 'branch' || def.imm === 'branch';
  const distance = Number(numberOf(target));
  const low = jumps && def.imm === 'branch' ? distance : def.kind === 'call' ? distance : undefined;
  const number = numberOf(imm);
  return makeInsn(def, {
    ...(def.dst === 'reg' && { dst }),
    ...(def.src === 'reg' && { src }),
    ...(typeof def.off !== 'number' && { off: def.off === 'branch' ? distance : Number(numberOf(off)) }),
    ...(def.imm === 'wide' && { imm64: number }),
    ...(typeof def.imm !== 'number' &&
      def.imm !== 'wide' && { imm: low ?? Number(BigInt.asIntN(32, number)) }),
  });
}

function bytesOf(text: string): string {
  const { statement, diagnostics, rest } = read(text);
  expect(renderDiagnostics(diagnostics)).toBe('');
  expect(rest).toBe('');
  return toHex(encodeInsns([insnOf(statement!)]));
}

/** Lines of these are LLVM's too and left to its reader. */
const SHARED = new Set(['may_goto', 'callx', 'exit', 'call']);
const rows = INSN_TABLE.filter(({ name }) => !SHARED.has(name));

describe('every row of the table', () => {
  const operands = fc.record({
    dst: fc.nat(10),
    src: fc.nat(10),
    off: fc.integer({ min: -32768, max: 32767 }),
    imm: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    nextImm: fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    radix: fc.constantFrom(10 as const, 16 as const),
  });

  property.prop([fc.constantFrom(...rows), operands], { numRuns: 3000 })(
    'is printed with its mnemonic and reads back',
    (def, { radix, ...given }) => {
      const insn = makeInsn(def, {
        ...(def.dst === 'reg' && { dst: given.dst }),
        ...(def.src === 'reg' && { src: given.src }),
        ...(typeof def.off !== 'number' && { off: given.off }),
        ...(typeof def.imm !== 'number' && { imm: given.imm }),
        ...(def.slots === 2 && { nextImm: given.nextImm }),
      });
      const text = formatInstruction(insn, { style: 'mnemonic', radix });
      expect(isMnemonic(scannerOf(text))).toBe(true);
      expect(read(text).statement?.def.name).toBe(def.name);
      expect(bytesOf(text)).toBe(toHex(encodeInsns([insn])));
    },
  );

  test('has a mnemonic of its own, but for the second operand', () => {
    const seen = new Map<string, string>();
    for (const def of INSN_TABLE) {
      const key = `${mnemonicOf(def)} ${def.x}`;
      expect(seen.get(key) ?? def.name).toBe(def.name);
      seen.set(key, def.name);
    }
  });

  test('looks like this', () => {
    const lines = rows.map((def) => {
      const insn = makeInsn(def, {
        ...(def.dst === 'reg' && { dst: 1 }),
        ...(def.src === 'reg' && { src: 2 }),
        ...(typeof def.off !== 'number' && { off: -8 }),
        ...(typeof def.imm !== 'number' && { imm: 5 }),
        ...(def.slots === 2 && { nextImm: 0 }),
      });
      return formatInstruction(insn, { style: 'mnemonic', radix: 10 });
    });
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "add r1, 5
      add r1, r2
      sub r1, 5
      sub r1, r2
      mul r1, 5
      mul r1, r2
      div r1, 5
      div r1, r2
      sdiv r1, 5
      sdiv r1, r2
      or r1, 5
      or r1, r2
      and r1, 5
      and r1, r2
      lsh r1, 5
      lsh r1, r2
      rsh r1, 5
      rsh r1, r2
      mod r1, 5
      mod r1, r2
      smod r1, 5
      smod r1, r2
      xor r1, 5
      xor r1, r2
      mov r1, 5
      mov r1, r2
      arsh r1, 5
      arsh r1, r2
      add32 r1, 5
      add32 r1, r2
      sub32 r1, 5
      sub32 r1, r2
      mul32 r1, 5
      mul32 r1, r2
      div32 r1, 5
      div32 r1, r2
      sdiv32 r1, 5
      sdiv32 r1, r2
      or32 r1, 5
      or32 r1, r2
      and32 r1, 5
      and32 r1, r2
      lsh32 r1, 5
      lsh32 r1, r2
      rsh32 r1, 5
      rsh32 r1, r2
      mod32 r1, 5
      mod32 r1, r2
      smod32 r1, 5
      smod32 r1, r2
      xor32 r1, 5
      xor32 r1, r2
      mov32 r1, 5
      mov32 r1, r2
      arsh32 r1, 5
      arsh32 r1, r2
      neg r1
      neg32 r1
      le16 r1
      le32 r1
      le64 r1
      be16 r1
      be32 r1
      be64 r1
      bswap16 r1
      bswap32 r1
      bswap64 r1
      movsx864 r1, r2
      movsx1664 r1, r2
      movsx3264 r1, r2
      movsx832 r1, r2
      movsx1632 r1, r2
      addr_space_cast r1, r2, 0, 5
      ja -8
      ja32 +5
      jeq r1, 5, -8
      jeq r1, r2, -8
      jgt r1, 5, -8
      jgt r1, r2, -8
      jge r1, 5, -8
      jge r1, r2, -8
      jset r1, 5, -8
      jset r1, r2, -8
      jne r1, 5, -8
      jne r1, r2, -8
      jsgt r1, 5, -8
      jsgt r1, r2, -8
      jsge r1, 5, -8
      jsge r1, r2, -8
      jlt r1, 5, -8
      jlt r1, r2, -8
      jle r1, 5, -8
      jle r1, r2, -8
      jslt r1, 5, -8
      jslt r1, r2, -8
      jsle r1, 5, -8
      jsle r1, r2, -8
      jeq32 r1, 5, -8
      jeq32 r1, r2, -8
      jgt32 r1, 5, -8
      jgt32 r1, r2, -8
      jge32 r1, 5, -8
      jge32 r1, r2, -8
      jset32 r1, 5, -8
      jset32 r1, r2, -8
      jne32 r1, 5, -8
      jne32 r1, r2, -8
      jsgt32 r1, 5, -8
      jsgt32 r1, r2, -8
      jsge32 r1, 5, -8
      jsge32 r1, r2, -8
      jlt32 r1, 5, -8
      jlt32 r1, r2, -8
      jle32 r1, 5, -8
      jle32 r1, r2, -8
      jslt32 r1, 5, -8
      jslt32 r1, r2, -8
      jsle32 r1, 5, -8
      jsle32 r1, r2, -8
      call local +5
      call runtime 5, -8
      lddw r1, 5
      lddw_map_fd r1, 5
      lddw_map_value r1, 5
      lddw_btf_id r1, 5
      lddw_func r1, 5
      lddw_map_idx r1, 5
      lddw_map_idx_value r1, 5
      ldabsb 5
      ldabsh 5
      ldabsw 5
      ldindb r2, 5
      ldindh r2, 5
      ldindw r2, 5
      ldxb r1, [r2-8]
      ldxh r1, [r2-8]
      ldxw r1, [r2-8]
      ldxdw r1, [r2-8]
      ldxsb r1, [r2-8]
      ldxsh r1, [r2-8]
      ldxsw r1, [r2-8]
      stb [r1-8], 5
      sth [r1-8], 5
      stw [r1-8], 5
      stdw [r1-8], 5
      stxb [r1-8], r2
      stxh [r1-8], r2
      stxw [r1-8], r2
      stxdw [r1-8], r2
      lock add32 [r1-8], r2
      lock or32 [r1-8], r2
      lock and32 [r1-8], r2
      lock xor32 [r1-8], r2
      lock fetch add32 [r1-8], r2
      lock fetch or32 [r1-8], r2
      lock fetch and32 [r1-8], r2
      lock fetch xor32 [r1-8], r2
      lock xchg32 [r1-8], r2
      lock cmpxchg32 [r1-8], r2
      lock add [r1-8], r2
      lock or [r1-8], r2
      lock and [r1-8], r2
      lock xor [r1-8], r2
      lock fetch add [r1-8], r2
      lock fetch or [r1-8], r2
      lock fetch and [r1-8], r2
      lock fetch xor [r1-8], r2
      lock xchg [r1-8], r2
      lock cmpxchg [r1-8], r2
      load_acq_b r1, [r2-8]
      store_rel_b [r1-8], r2
      load_acq_h r1, [r2-8]
      store_rel_h [r1-8], r2
      load_acq_w r1, [r2-8]
      store_rel_w [r1-8], r2
      load_acq_dw r1, [r2-8]
      store_rel_dw [r1-8], r2"
    `);
  });
});

interface Vector {
  readonly name: string;
  readonly le: string;
}
const { vectors }: { vectors: Vector[] } = JSON.parse(
  readFileSync(new URL('../isa/vectors/insns.json', import.meta.url), 'utf8'),
);

test('the bytes that LLVM and the kernel give survive their mnemonics', () => {
  const wrong = vectors.flatMap(({ le }) => {
    const [insn] = decodeInsns(fromHex(le));
    if (SHARED.has(insn!.def.name)) return [];
    const text = formatInstruction(insn!, { style: 'mnemonic' });
    return bytesOf(text) === le ? [] : [text];
  });
  expect(wrong).toEqual([]);
});

/** By hand, from the tables of RFC 9669, in the spellings of ubpf and of its conformance tests. */
test.each([
  ['add %r1, 5', '0701000005000000'],
  ['add r1, 5', '0701000005000000'],
  ['add64 r1, %r2', '0f21000000000000'],
  ['add32 r1, r2', '0c21000000000000'],
  ['sub\tr1 , 0x10', '1701000010000000'],
  ['mov32 r0, 1', 'b400000001000000'],
  ['mov r0, -1', 'b7000000ffffffff'],
  ["mov r0, '*'", 'b70000002a000000'],
  ['mov r0, 052', 'b70000002a000000'],
  ['mov r0, 0b101', 'b700000005000000'],
  ['mov r0, (1 << 4) | 2 + ~0', 'b700000011000000'],
  ['mod r1, %r2', '9f21000000000000'],
  ['mod r1, 7 % 4', '9701000003000000'],
  ['sdiv r1, 3', '3701010003000000'],
  ['smod32 r1, r2', '9c21010000000000'],
  ['neg r1', '8701000000000000'],
  ['neg32 r1', '8401000000000000'],
  ['arsh r1, 3', 'c701000003000000'],
  ['be16 r1', 'dc01000010000000'],
  ['le64 %r1', 'd401000040000000'],
  ['bswap64 r2', 'd702000040000000'],
  ['swap32 r2', 'd702000020000000'],
  ['movsx864 r1, r2', 'bf21080000000000'],
  ['movs8 r1, r2', 'bf21080000000000'],
  ['movsx1632 r1, r2', 'bc21100000000000'],
  ['movsx3264 r1, r2', 'bf21200000000000'],
  ['lddw r1, 0x1122334455667788', '18010000887766550000000044332211'],
  ['lddw %r1, 0xffffffffffffffff', '18010000ffffffff00000000ffffffff'],
  ['lddw_map_fd r1, 3', '18110000030000000000000000000000'],
  ['lddw_map_value r1, 3, 8', '18210000030000000000000008000000'],
  ['ldxdw r0, [r1+8]', '7910080000000000'],
  ['ldxb r0, [%r1]', '7110000000000000'],
  ['ldxh r0, [r1 - 2 * 4]', '6910f8ff00000000'],
  ['ldxsw r0, [r1+8]', '8110080000000000'],
  ['stxw [r10-4], r2', '632afcff00000000'],
  ['stdw [r1+0], 5', '7a01000005000000'],
  ['ldabsw 12', '200000000c000000'],
  ['ldindh r3, 12', '483000000c000000'],
  ['lock add [r1+8], r2', 'db21080000000000'],
  ['lock add32 [r1+8], r2', 'c321080000000000'],
  ['lock or [%r10-8], %r1', 'db1af8ff40000000'],
  ['lock fetch add [%r10-8], %r1', 'db1af8ff01000000'],
  ['lock fetch_add [r10-8], r1', 'db1af8ff01000000'],
  ['lock fetch xor32 [r10-8], r1', 'c31af8ffa1000000'],
  ['lock xchg [r10-8], r1', 'db1af8ffe1000000'],
  ['lock cmpxchg32 [r10-8], r1', 'c31af8fff1000000'],
  ['load_acq_w r1, [r2+4]', 'c321040000010000'],
  ['store_rel_dw [r1-8], r2', 'db21f8ff10010000'],
  ['ja +3', '0500030000000000'],
  ['ja32 -2', '06000000feffffff'],
  ['jne r0, r1, -1', '5d10ffff00000000'],
  ['jeq r1, 5, +3', '1501030005000000'],
  ['jsgt32 r1, -1, +0', '66010000ffffffff'],
  ['jset r1, 0x7, +1', '4501010007000000'],
  ['call local +3', '8510000003000000'],
  ['call local -7', '85100000f9ffffff'],
  ['call helper 6', '8500000006000000'],
  ['call runtime 1234', '85200000d2040000'],
  ['addr_space_cast r1, r2, 0, 1', 'bf21010001000000'],
])('%s', (text, bytes) => {
  expect(isMnemonic(scannerOf(text))).toBe(true);
  expect(bytesOf(text)).toBe(bytes);
});

test('names stay names', () => {
  const { statement } = read('jeq r1, LIMIT + 1, out');
  expect(statement).toMatchObject({
    imm: { kind: 'binary', left: { kind: 'name', name: 'LIMIT' } },
    target: { kind: 'name', name: 'out', start: 19, end: 22 },
    start: 0,
    end: 22,
  });
  expect(read('lddw r1, counter').statement).toMatchObject({ imm: { kind: 'name', name: 'counter' } });
  expect(read('call local f').statement).toMatchObject({ target: { kind: 'name', name: 'f' } });
  expect(read('ja . + 16').statement).toMatchObject({ target: { left: { kind: 'here' } } });
});

test.each(['# why', '// why', '; exit', '/* why */', '  '])('a statement ends at %j', (rest) => {
  const { statement, diagnostics } = read(`mov r1, 4 ${rest}`);
  expect(diagnostics).toEqual([]);
  expect(statement).toMatchObject({ start: 0, end: 9 });
});

test.each([
  'r1 += 5',
  'w1 = 5',
  '*(u32 *)(r1 + 0) = 5',
  'call f',
  'call local',
  'call local # a function called so',
  'call bpf_map_lookup_elem',
  'callx r1',
  'exit',
  'exit # so',
  'goto out',
  'goto +3',
  'may_goto out',
  'if r1 == 5 goto out',
  'lock *(u64 *)(r1 + 0) += r2',
  'store_release((u32 *)(r1 + 0), r2)',
  'add = 5',
  'add: exit',
  'ja:',
  '.text',
  '',
  'addd = 5',
  'frobnicate r1, r2',
  'xyz 5',
  'ADD r1, 5',
])('%j is no mnemonic', (text) => {
  expect(isMnemonic(scannerOf(text))).toBe(false);
});

const WRONG = [
  'addd r1, 5',
  'ldxq r1, [r2]',
  'lock frob [r1], r2',
  'lock fetch mul [r1], r2',
  'call runtime r1',
  'add r1',
  'add',
  'add r1, 5, 6',
  'neg r1, r2',
  'exitt r1',
  'mov 5, r1',
  'mov [r1], 5',
  'ldxw r1, r2',
  'ldxw [r2+4], r1',
  'stxw [r1+4], 5',
  'stw [r1+4], r2',
  'be16 5',
  'jeq r1, 5',
  'jeq r1, 5, r2',
  'add r11, 5',
  'add32 w1, 5',
  'add %5, 5',
  'ldxw r1, [5]',
  'ldxw r1, [r2 4]',
  'ldxw r1, [r2+4',
  'ldxw r1, [w2+4]',
  'ldxw r1, [r2+r3]',
  'mov r1, 08',
  'mov r1, 1b',
  "mov r1, '",
  String.raw`mov r1, '\q'`,
  'mov r1, (5',
  'mov r1, 5 +',
  'mov r1 5',
  'mov r1, 5 5',
  'mov r1,',
  'mov r1, .5',
  `mov r1, ${'('.repeat(100)}1`,
  `mov r1, 1${' + 1'.repeat(600)}`,
];

test('what is wrong is said', () => {
  const messages = WRONG.map((text) => {
    const { statement, diagnostics } = read(text);
    expect(statement).toBeUndefined();
    expect(diagnostics).toHaveLength(1);
    return renderDiagnostics(diagnostics.map((one) => ({ ...one, span: undefined }))).trim();
  });
  expect(
    WRONG.map((text, at) => `${text.slice(0, 40)}\n    ${messages[at]!.replaceAll('\n', '\n    ')}`).join(
      '\n',
    ),
  ).toMatchInlineSnapshot(`
    "addd r1, 5
        error[unknown-instruction]: there is no instruction 'addd'
          = help: did you mean 'add'?
    ldxq r1, [r2]
        error[unknown-instruction]: there is no instruction 'ldxq'
          = help: did you mean 'ldxb'?
    lock frob [r1], r2
        error[unknown-instruction]: there is no instruction 'lock frob'
          = help: did you mean 'lock or32'?
    lock fetch mul [r1], r2
        error[unknown-instruction]: there is no instruction 'lock fetch mul'
          = help: did you mean 'lock fetch add'?
    call runtime r1
        error[operand-kind]: 'call runtime' takes a number here, not a register
          = help: write it like 'call runtime 1234'
    add r1
        error[operand-count]: 'add' takes 2 operands, not 1
          = help: write it like 'add r1, 5'
    add
        error[operand-count]: 'add' takes 2 operands, not 0
          = help: write it like 'add r1, 5'
    add r1, 5, 6
        error[operand-count]: 'add' takes 2 operands, not more
          = help: write it like 'add r1, 5'
    neg r1, r2
        error[operand-count]: 'neg' takes 1 operand, not more
          = help: write it like 'neg r1'
    exitt r1
        error[unknown-instruction]: there is no instruction 'exitt'
    mov 5, r1
        error[operand-kind]: 'mov' takes a register here, not a number
          = help: write it like 'mov r1, 5'
    mov [r1], 5
        error[operand-kind]: 'mov' takes a register here, not memory
          = help: write it like 'mov r1, 5'
    ldxw r1, r2
        error[operand-kind]: 'ldxw' takes memory such as '[r1+8]' here, not a register
          = help: write it like 'ldxw r0, [r1+8]'
    ldxw [r2+4], r1
        error[operand-kind]: 'ldxw' takes a register here, not memory
          = help: write it like 'ldxw r0, [r1+8]'
    stxw [r1+4], 5
        error[operand-kind]: 'stxw' takes a register here, not a number
          = help: write it like 'stxw [r10-8], r1'
    stw [r1+4], r2
        error[operand-kind]: 'stw' takes a number here, not a register
          = help: write it like 'stw [r10-8], 5'
    be16 5
        error[operand-kind]: 'be16' takes a register here, not a number
          = help: write it like 'be16 r1'
    jeq r1, 5
        error[operand-count]: 'jeq' takes 3 operands, not 2
          = help: write it like 'jeq r1, 5, +3'
    jeq r1, 5, r2
        error[operand-kind]: 'jeq' takes a label or a distance here, not a register
          = help: write it like 'jeq r1, 5, +3'
    add r11, 5
        error[unknown-register]: there is no register 'r11'
          = help: the registers are r0 to r10
    add32 w1, 5
        error[mixed-widths]: behind a mnemonic registers have 64 bits: the width is in its name
          = help: write 'r1', as in 'add32 r1, 1'
    add %5, 5
        error[syntax]: expected a register behind '%', found '5'
    ldxw r1, [5]
        error[syntax]: expected a register, found '5'
          = help: memory is written '[r1]', '[r1+8]' or '[r10-8]'
    ldxw r1, [r2 4]
        error[syntax]: expected '+', '-' or ']', found '4'
          = help: memory is written '[r1]', '[r1+8]' or '[r10-8]'
    ldxw r1, [r2+4
        error[syntax]: expected ']', found the end of the statement
          = help: memory is written '[r1]', '[r1+8]' or '[r10-8]'
    ldxw r1, [w2+4]
        error[mixed-widths]: behind a mnemonic registers have 64 bits: the width is in its name
          = help: write 'r2', as in 'add32 r2, 1'
    ldxw r1, [r2+r3]
        error[syntax]: expected a number or a name, found the register 'r3'
    mov r1, 08
        error[bad-number]: '08' is not a number
          = help: a leading 0 makes a number octal; leave it out
    mov r1, 1b
        error[bad-number]: '1b' is not a number
          = help: numbers are written 42, 0x2a, 0b101010 or 052 (octal)
    mov r1, '
        error[syntax]: a character is written 'a'
    mov r1, '\\q'
        error[unknown-escape]: there is no escape '\\q'
          = help: the escapes of a character are \\n \\t \\r \\b \\f \\' \\\\ and \\0
    mov r1, (5
        error[syntax]: expected ')', found the end of the statement
    mov r1, 5 +
        error[syntax]: expected a number or a name, found the end of the statement
    mov r1 5
        error[syntax]: expected ',' or the end of the statement, found '5'
          = help: write it like 'mov r1, 5'
    mov r1, 5 5
        error[syntax]: expected ',' or the end of the statement, found '5'
          = help: write it like 'mov r1, 5'
    mov r1,
        error[syntax]: expected a number or a name, found the end of the statement
    mov r1, .5
        error[syntax]: '.5' is neither a number nor a name
    mov r1, ((((((((((((((((((((((((((((((((
        error[nested-too-deep]: signs and parentheses can be nested 64 deep, not deeper
    mov r1, 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 
        error[expression-too-long]: an expression can have 500 terms, not more"
  `);
});

test('and where', () => {
  const text = 'ldxw r1, [r2+r3]';
  expect(renderDiagnostics(read(text).diagnostics)).toMatchInlineSnapshot(`
    "error[syntax]: expected a number or a name, found the register 'r3'
     --> prog.s:1:14
      |
    1 | ldxw r1, [r2+r3]
      |              ^^"
  `);
});

describe('whatever is read', () => {
  const pieces = [
    ...MNEMONICS.keys(),
    'lock',
    'fetch',
    'call',
    'local',
    'r0',
    '%r10',
    '%',
    'w1',
    'r11',
    'r99999',
  ];
  const signs = [
    ...'[](),;:=+-*/%&|^~!<>#.\'"\\ ',
    '<<',
    '>>',
    '//',
    '/*',
    '0x',
    '0b1',
    '08',
    '123',
    '0xffffffffffffffffffff',
    'name',
    'a.b',
    '.L1',
    '\u{1f600}',
    '\t',
  ];
  const soup = fc
    .array(fc.constantFrom(...pieces, ...signs), { maxLength: 14 })
    .map((words) => words.join(' '));
  const real = fc.constantFrom(...rows).map((def) => formatInstruction(makeInsn(def), { style: 'mnemonic' }));
  const mutated = fc
    .tuple(real, fc.nat(), fc.nat(3), fc.constantFrom(...pieces, ...signs))
    .map(([text, place, cut, piece]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(at + cut);
    });
  property.prop([fc.oneof(soup, mutated)], { numRuns: 5000 })('ends, and points into its text', (text) => {
    const scanner = scannerOf(text);
    isMnemonic(scanner);
    expect(scanner.at).toBe(0);
    const { statement, diagnostics, rest } = read(text);
    expect(statement === undefined).toBe(diagnostics.length > 0);
    for (const { span } of diagnostics) {
      expect(span!.start).toBeLessThanOrEqual(span!.end);
      expect(span!.start).toBeGreaterThanOrEqual(0);
      expect(span!.end).toBeLessThanOrEqual(text.length);
    }
    if (statement) {
      expect(endsStatement(scannerOf(rest))).toBe(true);
      expect(statement.end).toBeLessThanOrEqual(text.length - rest.length);
      expect(text.slice(statement.start, statement.end)).toBe(
        text.slice(statement.start, statement.end).trim(),
      );
    }
  });
});

function assembled(text: string): string {
  const { object, diagnostics } = assemble({ name: 'prog.s', text });
  expect(renderDiagnostics(diagnostics.filter(({ severity }) => severity === 'error'))).toBe('');
  return toHex(rawCode(object!, '.text'));
}

describe('in a file', () => {
  test('both dialects stand side by side', () => {
    const mixed = `
      LIMIT = 7
first: mov r0, 5; r1 = r0 ; add r1, LIMIT # so
      jeq r1, LIMIT * 2, out; /* between */ if r1 == 3 goto out
      call local f ; exit
      r2 = 0b101; xor32 r2, 0b11
out: exit
f: lddw r1, first - first + 0x1_0 // no number
`.replace('0x1_0 // no number', '16; exit');
    const plain = `
      LIMIT = 7
first: r0 = 5
      r1 = r0
      r1 += LIMIT
      if r1 == 14 goto out
      if r1 == 3 goto out
      call f
      exit
      r2 = 5
      w2 ^= 3
out: exit
f: r1 = 16 ll
      exit
`;
    expect(assembled(mixed)).toBe(assembled(plain));
  });

  test('calls of all kinds are what they say', () => {
    const text = 'f: call local f; call local +1; call helper 6; call runtime 12, 3; call 6; exit';
    expect(assembled(text).match(/.{16}/g)).toEqual([
      '85100000ffffffff',
      '8510000001000000',
      '8500000006000000',
      '852003000c000000',
      '8500000006000000',
      '9500000000000000',
    ]);
    expect(assembled('local: call local')).toBe('85100000ffffffff');
  });

  test('big endian', () => {
    const { object } = assemble('ldxh r1, [r2-2]; lddw r3, 1; call runtime 5', { endian: 'big' });
    expect(toHex(rawCode(object!))).toBe('6912fffe00000000183000000000000100000000000000008502000000000005');
  });

  test('a macro goes before a mnemonic of its name', () => {
    const text = '.macro mov to, what\n r\\to = \\what + 1\n.endm\n mov 0, 5\n mov32 r0, 5\n';
    expect(assembled(text)).toBe('b700000006000000b400000005000000');
  });

  test('all that is wrong is told at once, with its place', () => {
    const text =
      'add r1\nr2 = 1; movv r1, 5 ; exit 5\nldxw r1, [r2+70000]; ja lost\nlost2: jeq r1, lost3, lost2\n';
    const { object, diagnostics } = assemble({ name: 'prog.s', text });
    expect(object).toBeUndefined();
    expect(renderDiagnostics(diagnostics)).toMatchInlineSnapshot(`
      "error[operand-count]: 'add' takes 2 operands, not 1
       --> prog.s:1:1
        |
      1 | add r1
        | ^^^^^^
        |
        = help: write it like 'add r1, 5'

      error[unknown-instruction]: there is no instruction 'movv'
       --> prog.s:2:9
        |
      2 | r2 = 1; movv r1, 5 ; exit 5
        |         ^^^^
        |
        = help: did you mean 'mov'?

      error[syntax]: expected the end of the line after 'exit', found '5'
       --> prog.s:2:27
        |
      2 | r2 = 1; movv r1, 5 ; exit 5
        |                           ^

      error[out-of-range]: the offset 70000 does not fit 16 bits: it must be from -32768 to 32767
       --> prog.s:3:13
        |
      3 | ldxw r1, [r2+70000]; ja lost
        |             ^^^^^^
        |
        = help: add the rest to a copy of the register first

      error[undefined-name]: there is no label 'lost'
       --> prog.s:3:25
        |
      3 | ldxw r1, [r2+70000]; ja lost
        |                         ^^^^ not defined
        |
        = help: did you mean 'lost2'?

      error[undefined-name]: there is no name 'lost3'
       --> prog.s:4:16
        |
      4 | lost2: jeq r1, lost3, lost2
        |                ^^^^^ not defined
        |
        = help: did you mean 'lost2'?"
    `);
  });

  test('names in a broken line are no second problem', () => {
    const { diagnostics } = assemble('mov r1 start\nstart2: ja start\n');
    expect(diagnostics.map(({ code }) => code)).toEqual(['syntax']);
  });
});

test('every instruction that the table of docs/language.md shows is one', () => {
  const page = readFileSync(new URL('../../docs/language.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('## The mnemonic dialect'), page.indexOf('## Reading dumps'));
  const cells = section
    .match(/^\| .*/gm)!
    .flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, text]) => text!));
  const lines = cells.filter(
    (text) => /[ ,](?:%?r\d|\[|\d|\+|out|f$|far_|bpf_)/.test(text) && !text.includes('…'),
  );
  expect(lines.length).toBeGreaterThan(25);
  const names = '\nout: far_away: f: exit\n.extern counter';
  for (const text of lines.map((line) => line.replace(/^ldabsb ldabsh /, ''))) {
    const { diagnostics } = assemble({ name: text, text: `${text}${names}` });
    expect(renderDiagnostics(diagnostics.filter(({ severity }) => severity === 'error'))).toBe('');
  }
});
