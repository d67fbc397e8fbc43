import type { CstNode, IToken } from 'chevrotain';
import { findInsn, type InsnDef } from '../../isa/insn-table.ts';
import type { Expr, InsnStatement, Range, Reg } from './ast.ts';
import { childOf, childrenOf, rangeOf, rangeOfToken, tokenOf, tokensOf } from './cst.ts';
import { expressionOf } from './cst-expression.ts';
import { rowOf } from './insn-forms.ts';
import { stringBytes } from './literals.ts';
import { addressSpaces } from './operators.ts';
import { unknownEscape } from './plain-string.ts';
import type { Problems } from './problems.ts';

/** The bits and the signedness of `u32`, `s8` …. */
interface MemorySize extends Range {
  readonly bits: number;
  readonly signed: boolean;
  readonly text: string;
}

/** A memory operand: base register and offset. */
interface Address {
  readonly base: Reg;
  readonly off: Expr | undefined;
}

type Operand = { readonly reg: Reg } | { readonly value: Expr };
type Operands = Partial<Pick<InsnStatement, 'dst' | 'src' | 'off' | 'imm' | 'target'>>;

/** Turns the nodes of instructions into {@link InsnStatement}s; undefined where a problem was reported. */
export class InsnVisitor {
  readonly #problems: Problems;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  /** The instruction of a `statement` node. */
  visit(node: CstNode): InsnStatement | undefined {
    const exit = tokenOf(node, 'Exit');
    if (exit) return insn(findInsn('exit')!, rangeOfToken(exit), {});
    for (const [rule, visitor] of Object.entries(this.#rules)) {
      const child = childOf(node, rule);
      if (child) return visitor(child, rangeOf(child));
    }
    return undefined;
  }

  readonly #rules: Readonly<Record<string, (child: CstNode, range: Range) => InsnStatement | undefined>> = {
    registerStatement: (node, range) => this.#register(node, range),
    storeStatement: (node, range) => this.#store(node, range),
    lockStatement: (node, range) => this.#lock(node, range),
    releaseStatement: (node, range) => this.#release(node, range),
    ifStatement: (node, range) => this.#if(node, range),
    gotoStatement: (node, range) => this.#goto(node, range),
    callStatement: (node, range) => this.#call(node, range),
  };

  #error(range: Range, code: string, message: string, help: readonly string[] = []): undefined {
    this.#problems.error(range, code, message, { help });
    return undefined;
  }

  #reg(token: IToken): Reg | undefined {
    const number = Number(token.image.slice(1));
    const range = rangeOfToken(token);
    if (number > 10 || token.image.length > 3)
      return this.#error(range, 'unknown-register', `there is no register '${token.image}'`, [
        'the registers are r0 to r10, or w0 to w10 for their lower 32 bits',
      ]);
    return { number, width: /w/i.test(token.image[0]!) ? 32 : 64, ...range };
  }

  #regs(tokens: readonly IToken[]): readonly Reg[] | undefined {
    const regs = tokens.map((token) => this.#reg(token));
    return regs.includes(undefined) ? undefined : (regs as Reg[]);
  }

  #operand(node: CstNode): Operand | undefined {
    const token = tokenOf(node, 'Register');
    if (!token) return { value: expressionOf(childOf(node, 'expression')!, this.#problems) };
    const reg = this.#reg(token);
    return reg && { reg };
  }

  #address(node: CstNode): Address | undefined {
    const parts = childOf(node, 'baseAndOffset') ?? node;
    const base = this.#reg(tokenOf(parts, 'Register')!);
    if (!base) return undefined;
    if (base.width === 32)
      return this.#error(base, 'address-register', `an address needs all 64 bits of its register`, [
        `write 'r${base.number}'`,
      ]);
    const offset = childOf(parts, 'expression');
    return { base, off: offset && expressionOf(offset, this.#problems) };
  }

  #size(node: CstNode): MemorySize {
    const token = tokenOf(childOf(node, 'pointerCast') ?? node, 'MemSize')!;
    const text = token.image;
    return { bits: Number(text.slice(1)), signed: text[0] === 's', text, ...rangeOfToken(token) };
  }

  /** Both operands of an operation are of one width. */
  #sameWidth(a: Reg, b: Reg): boolean {
    if (a.width === b.width) return true;
    const letter = a.width === 32 ? 'w' : 'r';
    this.#error(b, 'mixed-widths', `'${letter}${a.number}' needs an operand of ${a.width} bits`, [
      `write '${letter}${b.number}'`,
    ]);
    return false;
  }

  #sameRegister(dst: Reg, src: Reg, what: string): boolean {
    if (dst.number === src.number && dst.width === src.width) return true;
    const name = (reg: Reg): string => `${reg.width === 32 ? 'w' : 'r'}${reg.number}`;
    this.#error(
      src,
      'other-register',
      `${what} works on one register: '${name(dst)}' and '${name(src)}' differ`,
      [`copy first: '${name(dst)} = ${name(dst)[0]}${src.number}', then use '${name(dst)}' on both sides`],
    );
    return false;
  }

  #register(node: CstNode, range: Range): InsnStatement | undefined {
    const dst = this.#reg(tokenOf(node, 'Register')!);
    const compound = tokenOf(node, 'CompoundAssign');
    if (!compound) {
      const value = childOf(node, 'value')!;
      return dst && this.#value(dst, value, range);
    }
    const operand = this.#operand(childOf(node, 'operand')!);
    if (!dst || !operand) return undefined;
    return this.#alu(dst, compound.image.slice(0, -1), operand, range);
  }

  #alu(dst: Reg, op: string, operand: Operand, range: Range): InsnStatement | undefined {
    if ('value' in operand) {
      const def = rowOf({ kind: 'alu', op, width: dst.width })!;
      return insn(def, range, { dst: dst.number, imm: operand.value });
    }
    // clang prints `r2 = w9` for a zero-extending move: that is what a 32-bit move does.
    const zeroExtends = op === '' && dst.width === 64 && operand.reg.width === 32;
    if (!zeroExtends && !this.#sameWidth(dst, operand.reg)) return undefined;
    const def = rowOf({ kind: 'alu', op, width: operand.reg.width, x: true })!;
    return insn(def, range, { dst: dst.number, src: operand.reg.number });
  }

  #value(dst: Reg, node: CstNode, range: Range): InsnStatement | undefined {
    const register = tokenOf(node, 'Register');
    if (register) {
      const reg = this.#reg(register);
      return reg && this.#alu(dst, '', { reg }, range);
    }
    const forms = {
      negation: this.#negation,
      signExtension: this.#signExtension,
      load: this.#load,
      swap: this.#swap,
      addressCast: this.#addressCast,
      atomicCall: this.#atomicCall,
      exchange: this.#exchange,
    } as const;
    for (const [rule, visitor] of Object.entries(forms)) {
      const child = childOf(node, rule);
      if (child) return visitor.call(this, dst, child, range);
    }
    const value = this.#constant(node);
    if (!value) return undefined;
    if (!tokenOf(node, 'Wide')) return this.#alu(dst, '', { value }, range);
    if (dst.width === 32)
      return this.#error(dst, 'wide-register', `a 64-bit number does not fit 'w${dst.number}'`, [
        `write 'r${dst.number}'`,
      ]);
    return insn(findInsn('lddw')!, range, { dst: dst.number, imm: value });
  }

  /** A number, a name or a string, which stands for its address. */
  #constant(node: CstNode): Expr | undefined {
    const string = tokenOf(node, 'String');
    if (!string) return expressionOf(childOf(node, 'expression')!, this.#problems);
    const bytes = stringBytes(string.image);
    if (bytes instanceof Uint8Array) return { kind: 'string', bytes, ...rangeOfToken(string) };
    unknownEscape(this.#problems, string, bytes.unknownEscape);
    return undefined;
  }

  #negation(dst: Reg, node: CstNode, range: Range): InsnStatement | undefined {
    const src = this.#reg(tokenOf(node, 'Register')!);
    if (!src || !this.#sameRegister(dst, src, 'negation')) return undefined;
    return insn(rowOf({ kind: 'neg', op: '-', width: dst.width })!, range, { dst: dst.number });
  }

  #signExtension(dst: Reg, node: CstNode, range: Range): InsnStatement | undefined {
    const src = this.#reg(tokenOf(node, 'Register')!);
    const size = this.#size(node);
    if (!src || !this.#sameWidth(dst, src)) return undefined;
    const def = findInsn(`movsx${size.bits}${dst.width === 32 ? '_32' : ''}`);
    if (!size.signed || !def)
      return this.#error(
        size,
        'no-such-cast',
        `there is no cast to '${size.text}' in a ${dst.width}-bit register`,
        [dst.width === 32 ? "the casts are 's8' and 's16'" : "the casts are 's8', 's16' and 's32'"],
      );
    return insn(def, range, { dst: dst.number, src: src.number });
  }

  #load(dst: Reg, node: CstNode, range: Range): InsnStatement | undefined {
    const size = this.#size(node);
    if (tokenOf(node, 'Skb')) return this.#packetLoad(dst, size, node, range);
    const address = this.#address(childOf(node, 'address')!);
    if (!address) return undefined;
    const def = rowOf({ kind: size.signed ? 'ldsx' : 'ldx', size: size.bits / 8, x: true });
    if (!def || (dst.width === 32 && (size.signed || size.bits === 64)))
      return this.#error(
        size,
        'no-such-load',
        `there is no load of '${size.text}' into '${dst.width === 32 ? 'w' : 'r'}${dst.number}'`,
        [
          def
            ? `write 'r${dst.number}'`
            : "the sizes are u8, u16, u32, u64, s8, s16 and s32; a 64-bit load needs no sign, write 'u64'",
        ],
      );
    return insn(def, range, { dst: dst.number, src: address.base.number, off: address.off });
  }

  /** LD_ABS and LD_IND put what they load into r0 (RFC 9669, section 5.6). */
  #packetLoad(dst: Reg, size: MemorySize, node: CstNode, range: Range): InsnStatement | undefined {
    const index = childOf(node, 'packetIndex')!;
    const register = childOf(index, 'baseAndOffset');
    const kind = register ? 'ldind' : 'ldabs';
    if (dst.number !== 0) return this.#error(dst, 'packet-load-register', "a packet load always fills 'r0'");
    const def = size.signed ? undefined : rowOf({ kind, size: size.bits / 8, x: register !== undefined });
    if (!def)
      return this.#error(size, 'no-such-load', `there is no packet load of '${size.text}'`, [
        'the sizes are u8, u16 and u32',
      ]);
    const value = childOf(register ?? index, 'expression');
    const imm = value && expressionOf(value, this.#problems);
    if (!register) return insn(def, range, { imm });
    const src = this.#reg(tokenOf(register, 'Register')!);
    return src && insn(def, range, { src: src.number, imm });
  }

  #swap(dst: Reg, node: CstNode, range: Range): InsnStatement | undefined {
    const src = this.#reg(tokenOf(node, 'Register')!);
    const name = tokenOf(node, 'Swap')!;
    if (!src || !this.#sameRegister(dst, src, `'${name.image}'`)) return undefined;
    if (dst.width === 32)
      return this.#error(dst, 'wide-register', `'${name.image}' works on a whole register`, [
        `write 'r${dst.number} = ${name.image} r${dst.number}'`,
      ]);
    return insn(findInsn(name.image)!, range, { dst: dst.number });
  }

  #addressCast(dst: Reg, node: CstNode, range: Range): InsnStatement | undefined {
    const src = this.#reg(tokenOf(node, 'Register')!);
    const [to, from] = childrenOf(node, 'expression').map((child) => expressionOf(child, this.#problems));
    if (!src || !to || !from || !this.#sameWidth(dst, src)) return undefined;
    const imm = addressSpaces(to, from);
    return insn(findInsn('addr_space_cast')!, range, { dst: dst.number, src: src.number, imm });
  }

  #atomicCall(dst: Reg, node: CstNode, range: Range): InsnStatement | undefined {
    const name = tokenOf(node, 'AtomicCall')!;
    const size = this.#size(node);
    const address = this.#address(childOf(node, 'address')!);
    const regs = this.#regs(tokensOf(node, 'Register'));
    if (!address || !regs) return undefined;
    if (name.image === 'load_acquire') return this.#loadAcquire(dst, size, address, node, range);
    const operation = /(?:fetch_)?([a-z]+)$/.exec(name.image)![1]!;
    return this.#fetch(dst, operation, size, address, regs, range);
  }

  #loadAcquire(
    dst: Reg,
    size: MemorySize,
    address: Address,
    node: CstNode,
    range: Range,
  ): InsnStatement | undefined {
    if (tokensOf(node, 'Register').length > 0)
      return this.#error(
        rangeOfToken(tokensOf(node, 'Register')[0]!),
        'operand-count',
        "'load_acquire' takes an address alone",
      );
    const def = size.signed
      ? undefined
      : rowOf({ kind: 'loadAcquire', op: 'load_acquire', size: size.bits / 8, x: true, fetch: true });
    if (!def) return this.#unsignedOnly(size);
    return insn(def, range, { dst: dst.number, src: address.base.number, off: address.off });
  }

  #unsignedOnly(size: MemorySize): undefined {
    return this.#error(size, 'no-such-size', `an atomic operation has no size '${size.text}'`, [
      `write 'u${size.bits}'`,
    ]);
  }

  #exchange(dst: Reg, node: CstNode, range: Range): InsnStatement | undefined {
    const token = tokenOf(node, 'Exchange')!;
    const address = this.#address(node);
    const regs = this.#regs(tokensOf(node, 'Register'));
    if (!address || !regs) return undefined;
    const bits = token.image.endsWith('_64') ? 64 : 32;
    const size = { bits, signed: false, text: `u${bits}`, ...rangeOfToken(token) };
    const operation = token.image.startsWith('cmp') ? 'cmpxchg' : 'xchg';
    return this.#fetch(dst, operation, size, address, regs, range);
  }

  /** Atomic operations that answer the old value: in the register of their operand, `cmpxchg` in r0. */
  #fetch(
    dst: Reg,
    operation: string,
    size: MemorySize,
    address: Address,
    regs: readonly Reg[],
    range: Range,
  ): InsnStatement | undefined {
    const compares = operation === 'cmpxchg';
    const wanted = compares ? 2 : 1;
    if (regs.length !== wanted)
      return this.#error(
        range,
        'operand-count',
        compares
          ? `'cmpxchg' takes r0, which holds the expected value, and a register with the new value`
          : `'${operation}' takes one register behind the address`,
      );
    const def = findInsn(atomicName(operation, size.bits));
    if (size.signed || !def || size.bits < 32)
      return this.#error(size, 'no-such-size', `an atomic operation has no size '${size.text}'`, [
        "the sizes are 'u32' and 'u64'",
      ]);
    const result = compares ? regs[0]! : regs[regs.length - 1]!;
    if (compares && result.number !== 0)
      return this.#error(result, 'other-register', "'cmpxchg' compares with r0 and nothing else");
    if (result.number !== dst.number)
      return this.#error(
        dst,
        'other-register',
        compares
          ? "'cmpxchg' puts the old value into r0"
          : `'${def.op === operation ? operation : `atomic_fetch_${operation}`}' puts the old value into the register of its operand, r${result.number}`,
      );
    return insn(def, range, {
      dst: address.base.number,
      src: regs[regs.length - 1]!.number,
      off: address.off,
    });
  }

  #store(node: CstNode, range: Range): InsnStatement | undefined {
    const size = this.#size(node);
    const address = this.#address(childOf(node, 'address')!);
    const operand = this.#operand(childOf(node, 'operand')!);
    if (!address || !operand) return undefined;
    if (size.signed)
      return this.#error(size, 'no-such-store', 'a store has no sign', [`write 'u${size.bits}'`]);
    const at = { dst: address.base.number, off: address.off };
    if ('value' in operand)
      return insn(rowOf({ kind: 'st', size: size.bits / 8 })!, range, { ...at, imm: operand.value });
    if (operand.reg.width === 32 && size.bits === 64)
      return this.#error(operand.reg, 'mixed-widths', 'a 64-bit store needs a 64-bit register', [
        `write 'r${operand.reg.number}'`,
      ]);
    const def = rowOf({ kind: 'stx', size: size.bits / 8, x: true })!;
    return insn(def, range, { ...at, src: operand.reg.number });
  }

  #lock(node: CstNode, range: Range): InsnStatement | undefined {
    const size = this.#size(node);
    const address = this.#address(childOf(node, 'address')!);
    const src = this.#reg(tokenOf(node, 'Register')!);
    const token = tokenOf(node, 'CompoundAssign')!;
    if (!address || !src) return undefined;
    const op = token.image.slice(0, -1);
    const def = rowOf({ kind: 'atomic', op, width: size.bits, size: size.bits / 8, x: true });
    if (size.signed || size.bits < 32)
      return this.#error(size, 'no-such-size', `an atomic operation has no size '${size.text}'`, [
        "the sizes are 'u32' and 'u64'",
      ]);
    if (!def)
      return this.#error(rangeOfToken(token), 'no-such-atomic', `there is no atomic '${token.image}'`, [
        "the atomic assignments are '+=', '|=', '&=' and '^='",
      ]);
    return insn(def, range, { dst: address.base.number, src: src.number, off: address.off });
  }

  #release(node: CstNode, range: Range): InsnStatement | undefined {
    const size = this.#size(node);
    const address = this.#address(childOf(node, 'address')!);
    const src = this.#reg(tokenOf(node, 'Register')!);
    if (!address || !src) return undefined;
    const def = size.signed
      ? undefined
      : rowOf({ kind: 'storeRelease', op: 'store_release', size: size.bits / 8, x: true });
    if (!def) return this.#unsignedOnly(size);
    return insn(def, range, { dst: address.base.number, src: src.number, off: address.off });
  }

  #if(node: CstNode, range: Range): InsnStatement | undefined {
    const dst = this.#reg(tokenOf(node, 'Register')!);
    const operand = this.#operand(childOf(node, 'operand')!);
    const goto = tokenOf(node, 'Goto')!;
    const op = (tokenOf(node, 'Compare') ?? tokenOf(node, 'Ampersand')!).image;
    const target = expressionOf(childOf(node, 'expression')!, this.#problems);
    if (!dst || !operand) return undefined;
    if (goto.image !== 'goto')
      return this.#error(
        rangeOfToken(goto),
        'long-branch',
        "a conditional jump has 16 bits: there is no 'gotol' in it",
        ["write 'goto', and put a 'gotol' where it leads if the target is farther than 32767 instructions"],
      );
    if ('value' in operand)
      return insn(rowOf({ kind: 'jcond', op, width: dst.width })!, range, {
        dst: dst.number,
        imm: operand.value,
        target,
      });
    if (!this.#sameWidth(dst, operand.reg)) return undefined;
    const def = rowOf({ kind: 'jcond', op, width: dst.width, x: true })!;
    return insn(def, range, { dst: dst.number, src: operand.reg.number, target });
  }

  #goto(node: CstNode, range: Range): InsnStatement | undefined {
    const target = expressionOf(childOf(node, 'expression')!, this.#problems);
    const goto = tokenOf(node, 'Goto');
    const name = goto === undefined ? 'may_goto' : goto.image === 'goto' ? 'ja' : 'ja32';
    return insn(findInsn(name)!, range, { target });
  }

  #call(node: CstNode, range: Range): InsnStatement | undefined {
    const register = tokenOf(node, 'Register');
    if (!register) {
      const name = tokenOf(node, 'Name');
      const target: Expr = name
        ? { kind: 'name', name: name.image, ...rangeOfToken(name) }
        : expressionOf(childOf(node, 'expression')!, this.#problems);
      return insn(findInsn('call')!, range, { target });
    }
    const dst = this.#reg(register);
    return dst && insn(findInsn('callx')!, range, { dst: dst.number });
  }
}

function atomicName(operation: string, bits: number): string {
  const base = operation.endsWith('xchg') ? operation : `atomic_fetch_${operation}`;
  return bits === 32 ? `${base}32` : base;
}

function insn(def: InsnDef, range: Range, operands: Operands): InsnStatement {
  const { dst = 0, src = 0, off, imm, target } = operands;
  return { kind: 'insn', def, dst, src, off, imm, target, start: range.start, end: range.end };
}
