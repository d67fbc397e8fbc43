import { expect, test } from 'vitest';
import { encodeInsns, type Instruction, makeInsn } from '../../src/isa/codec.ts';
import { insnDoc } from '../../src/isa/insn-docs.ts';
import { INSN_TABLE, type InsnDef } from '../../src/isa/insn-table.ts';
import { Program } from '../../src/kernel/index.ts';
import { frameOf } from '../support/bpf-code.ts';
import { describeKernel } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

/** A number and how many bits of it count; 0 for a constant, which is as wide as what it meets. */
interface Value {
  readonly bits: bigint;
  readonly width: 0 | 32 | 64;
}

const swapped = (value: bigint, bytes: number): bigint => {
  let out = 0n;
  for (let at = 0; at < bytes; at++) out = (out << 8n) | ((value >> BigInt(8 * at)) & 255n);
  return out;
};

const FUNCTIONS: Readonly<Record<string, (value: bigint, width: number) => bigint>> = {
  htole: (value, width) => BigInt.asUintN(width, value),
  htobe: (value, width) => swapped(value, width / 8),
  bswap: (value, width) => swapped(value, width / 8),
};

const OPERATORS: Readonly<Record<string, (a: bigint, b: bigint) => bigint | boolean>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '|': (a, b) => a | b,
  '&': (a, b) => a & b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
};

/** Reckons an expression of the pseudocode, whose binary operations stand one to a pair of parentheses. */
function evaluate(text: string, names: Readonly<Record<string, Value>>): Value {
  const tokens = text.match(/s?(?:<<|>>|[<>]=?|\/|%)(?=\s)|==|!=|[+\-*/%|&^?:()]|\w+/g)!;
  const take = (): string => tokens.shift()!;

  function conditional(): Value {
    const condition = binary();
    if (tokens[0] !== '?') return condition;
    take();
    const yes = tokens.indexOf(':');
    const rest = tokens.splice(yes);
    // What is not chosen is not reckoned: it may divide by 0.
    const chosen = condition.bits !== 0n;
    if (!chosen) tokens.length = 0;
    const value = chosen ? binary() : undefined;
    tokens.push(...rest.slice(1));
    if (value === undefined) return binary();
    tokens.splice(0, tokens.includes(')') ? tokens.lastIndexOf(')') : tokens.length);
    return value;
  }

  function binary(): Value {
    const left = unary();
    const operator = tokens[0];
    if (operator === undefined || operator === ')' || operator === '?' || operator === ':') return left;
    take();
    const right = unary();
    const signed = operator.startsWith('s');
    const width = left.width === 32 || right.width === 32 ? 32 : 64;
    const as = (value: Value): bigint => (signed ? BigInt.asIntN : BigInt.asUintN)(width, value.bits);
    const amount = operator.endsWith('>>') || operator === '<<' ? right.bits : as(right);
    const result = OPERATORS[signed ? operator.slice(1) : operator]!(as(left), amount);
    return { bits: BigInt.asUintN(width, typeof result === 'boolean' ? (result ? 1n : 0n) : result), width };
  }

  function unary(): Value {
    const token = take();
    if (token === '-') return { bits: BigInt.asUintN(64, -unary().bits), width: 64 };
    if (token === '(') {
      const [, sign, width] = /^([us])(8|16|32|64)$/.exec(tokens[0]!) ?? [];
      const inside = sign ? take() && undefined : conditional();
      take();
      if (inside) return inside;
      const { bits } = unary();
      const cut = sign === 'u' ? BigInt.asUintN(Number(width), bits) : BigInt.asIntN(Number(width), bits);
      return { bits: BigInt.asUintN(64, cut), width: sign === 'u' && width === '32' ? 32 : 64 };
    }
    const [, called, width] = /^([a-z]+)(16|32|64)$/.exec(token) ?? [];
    if (called && FUNCTIONS[called])
      return { bits: FUNCTIONS[called](unary().bits, Number(width)), width: 64 };
    return names[token] ?? { bits: BigInt(token), width: 0 };
  }

  return conditional();
}

/** What the kernel leaves of a program's r0, which a test run tells 32 bits of. */
function run(insns: readonly Instruction[]): bigint {
  using program = Program.load({ name: 'insn', type: 'xdp', code: encodeInsns(insns) });
  return BigInt(program.testRun({ data: frameOf(17) }).retval);
}

const OPERANDS: readonly (readonly [dst: bigint, src: bigint, imm: number])[] = [
  [0x8899_aabb_ccdd_eeffn, 0xffff_ffff_8000_0003n, -7],
  [0x0000_0001_8000_0000n, 0n, 3],
  [41n, 0xffff_ffff_ffff_fffdn, 5],
];

/** Shifts by a constant that is out of range, and 0 as a constant divisor, are refused. */
const constantFor = (def: InsnDef, imm: number): number =>
  /sh(32)?$/.test(def.mnemonic) ? Math.abs(imm) : imm;

function withOperands(def: InsnDef, imm: number): Instruction {
  return makeInsn(def, {
    dst: 1,
    ...(def.src === 'reg' && { src: 2 }),
    ...(def.off === 'branch' && { off: 1 }),
    ...(def.imm === 's32' && { imm }),
  });
}

describeKernel('the pseudocode of instructions', () => {
  const known = INSN_TABLE.filter(({ isa }) => isa !== 'v4' || !lacks('isa v4'));
  const arithmetic = known.filter(({ kind }) => ['alu', 'neg', 'movsx', 'end'].includes(kind));
  const jumps = known.filter(({ kind }) => kind === 'jcond');
  const load = (dst: number, imm64: bigint): Instruction => makeInsn('lddw', { dst, imm64 });
  const setTo = (dst: number, imm: number): Instruction => makeInsn('mov_k', { dst, imm });

  test.each(arithmetic)('$name computes what the kernel computes', (def) => {
    const { pseudocode } = insnDoc(def);
    for (const [dst, src, given] of OPERANDS) {
      const imm = constantFor(def, given);
      const names = {
        dst: { bits: dst, width: 64 },
        src: { bits: src, width: 64 },
        imm: { bits: BigInt(imm), width: 0 },
      } as const;
      const told = evaluate(pseudocode.replace(/^dst = /, ''), names).bits;
      const body = [
        load(1, dst),
        load(2, src),
        withOperands(def, imm),
        makeInsn('mov_x', { dst: 0, src: 1 }),
      ];
      const low = run([...body, makeInsn('exit')]);
      const high = run([...body, makeInsn('rsh_k', { dst: 0, imm: 32 }), makeInsn('exit')]);
      expect(`0x${told.toString(16)}`, `${pseudocode} of ${dst}, ${src}, ${imm}`).toBe(
        `0x${((high << 32n) | low).toString(16)}`,
      );
    }
  });

  test.each(jumps)('$name jumps when the kernel jumps', (def) => {
    const condition = /^if \((.*)\) pc \+= off$/.exec(insnDoc(def).pseudocode)![1]!;
    for (const [dst, src, imm] of [
      ...OPERANDS,
      [5n, 5n, 5] as const,
      [2n ** 32n - 7n, 2n ** 64n - 7n, -7] as const,
    ]) {
      const names = {
        dst: { bits: dst, width: 64 },
        src: { bits: src, width: 64 },
        imm: { bits: BigInt(imm), width: 0 },
      } as const;
      const told = evaluate(condition, names).bits === 0n ? 0n : 1n;
      const body = [
        load(1, dst),
        load(2, src),
        setTo(0, 1),
        withOperands(def, imm),
        setTo(0, 0),
        makeInsn('exit'),
      ];
      expect(run(body), `${condition} of ${dst}, ${src}, ${imm}`).toBe(told);
    }
  });
});
