import { findInsn, type InsnDef } from '../../isa/insn-table.ts';
import { ALU, JUMP, LOAD, STORE_K, STORE_X } from '../syntax/insn-rows.ts';
import { isNameStart, type Scanner } from '../syntax/scanner.ts';

/** Who puts an instruction's fields where they belong. */
export interface InsnWriter {
  /** Writes an instruction; false where it cannot stand here. `place` is its place in the text. */
  write(opcode: number, dst: number, src: number, off: number, imm: number, place: number): boolean;
  /** An `lddw` of a number that a double holds. */
  writeWide(dst: number, value: number, place: number): boolean;
  /** A label on a line of its own. */
  writeLabel(label: string, place: number): boolean;
  /** As {@link write}, for a jump to a label; false where its distance has to be looked at. */
  writeJump(opcode: number, dst: number, src: number, imm: number, label: string, place: number): boolean;
}

const opcodes = (rows: readonly (InsnDef | undefined)[]): Uint8Array =>
  Uint8Array.from(rows, (row) => row?.opcode ?? 0);
/** The offsets that tell `s/` from `/`. */
const offsets = (rows: readonly (InsnDef | undefined)[]): Uint8Array =>
  Uint8Array.from(rows, (row) => (typeof row?.off === 'number' ? row.off : 0));

const ALU_OPCODE = opcodes(ALU);
const ALU_OFFSET = offsets(ALU);
const JUMP_OPCODE = opcodes(JUMP);
const LOAD_OPCODE = opcodes(LOAD);
const STORE_K_OPCODE = opcodes(STORE_K);
const STORE_X_OPCODE = opcodes(STORE_X);
const GOTO = findInsn('ja')!.opcode;
const CALL = findInsn('call')!.opcode;
const EXIT = findInsn('exit')!.opcode;

const HALF = 16;
const NONE = -1;
const MAX_S32 = 0x7fff_ffff;
const MAX_S16 = 0x7fff;
const U32 = 2;
const U64 = 3;
const S64 = 7;

/** With more digits a number may not fit a double. */
const MAX_DECIMAL_LENGTH = 15;
const MAX_HEX_LENGTH = '0x'.length + 13;

const SPACE = 0x20;
const TAB = 0x09;
const MINUS = 0x2d;
const PLUS = 0x2b;
const EQUALS = 0x3d;
const STAR = 0x2a;
const LESS = 0x3c;
const GREATER = 0x3e;
const S = 0x73;

/** Operations that are one sign, by its character: the numbers of `ALU_OPS`. */
const ONE_SIGN = new Uint8Array(128);
for (const [op, sign] of [...' +-*/%&|^'].entries()) if (op > 0) ONE_SIGN[sign.charCodeAt(0)] = op;
/** What `s/` and `s%` are more than `/` and `%`. */
const SIGNED_STEP = 8;
const SHIFT_LEFT = 9;
const SHIFT_RIGHT = 10;
const SHIFT_RIGHT_SIGNED = 11;

/**
 * Writes the lines that make up nearly all of long files, with numbers and labels for operands,
 * straight from their characters: no statement, no object at all is made for them. Whatever else a line
 * is, this answers false and has done nothing; the readers of `syntax/` then read it. A property test
 * holds both ways together.
 *
 * This is for files of compilers' and generators' length: 100,000 lines take 100 ms over an empty Node
 * where they took 178 as statements, most of it before V8 has optimised anything; so few functions, so
 * few calls.
 */
export class HotLines {
  readonly #writer: InsnWriter;
  #codes: Uint8Array = new Uint8Array();
  #at = 0;
  #end = 0;
  /** The number that was read last. */
  #value = 0;

  constructor(writer: InsnWriter) {
    this.#writer = writer;
  }

  /** The line from the scanner's place on, which is no space. */
  write(scanner: Scanner): boolean {
    this.#codes = scanner.codes;
    this.#at = scanner.at;
    this.#end = scanner.end;
    const place = scanner.base + scanner.at;
    const code = this.#codes[this.#at]!;
    switch (code) {
      case 0x72: // r
      case 0x77: // w
        return this.#assignment(place);
      case STAR:
        return this.#store(place);
      case 0x69: // i
        return this.#word('if') && this.#if(scanner, place);
      case 0x67: // g
        return this.#word('goto') && this.#jump(scanner, GOTO, 0, 0, 0, place);
      case 0x65: // e
        return this.#word('exit') && this.#done() && this.#writer.write(EXIT, 0, 0, 0, 0, place);
      case 0x63: // c
        return (
          this.#word('call') &&
          this.#number(MAX_S32) &&
          this.#done() &&
          this.#writer.write(CALL, 0, 0, 0, this.#value, place)
        );
      default:
        return isNameStart(code) && this.#label(scanner, place);
    }
  }

  /** `LBB0_1:` and nothing else. */
  #label(scanner: Scanner, place: number): boolean {
    const start = this.#at;
    const end = scanner.wordEnd();
    if (end >= this.#end || this.#codes[end] !== 0x3a) return false;
    this.#at = end + 1;
    return this.#done() && this.#writer.writeLabel(scanner.text.slice(start, end), place);
  }

  #skip(): number {
    let code = this.#codes[this.#at]!;
    while (code === SPACE || code === TAB) code = this.#codes[++this.#at]!;
    return this.#at < this.#end ? code : 0;
  }

  /** Whether the rest of the line is a comment or nothing. */
  #done(): boolean {
    const code = this.#skip();
    return (
      code === 0 || code === 0x23 || code === 0x0d || (code === 0x2f && this.#codes[this.#at + 1] === 0x2f)
    );
  }

  /** Passes over a word with a space behind it, or at the end of the line. */
  #word(word: string): boolean {
    const codes = this.#codes;
    let at = this.#at;
    for (let index = 0; index < word.length; index++)
      if (codes[at++] !== word.charCodeAt(index)) return false;
    const behind = codes[at];
    if (at < this.#end && behind !== SPACE && behind !== TAB) return false;
    this.#at = at;
    this.#skip();
    return true;
  }

  /** 0 to 10, 16 more for `w`, or -1; the sign behind it comes next. */
  #register(): number {
    const codes = this.#codes;
    const at = this.#at;
    const letter = codes[at];
    if (letter !== 0x72 && letter !== 0x77) return NONE;
    let number = codes[at + 1]! - 0x30;
    if (!(number >= 0 && number <= 9)) return NONE;
    let length = 2;
    if (number === 1 && codes[at + 2] === 0x30) {
      number = 10;
      length = 3;
    }
    const behind = codes[at + length]!;
    // A longer word is a name.
    if (behind >= 0x30 && behind !== EQUALS && behind !== LESS && behind !== GREATER && behind !== 0x5e)
      return NONE;
    if (behind === 0x24 || behind === 0x2e) return NONE;
    this.#at = at + length;
    return letter === 0x77 ? number + HALF : number;
  }

  /** A number with or without a sign, from -max - 1 to max, that nothing goes on behind. */
  #number(max: number): boolean {
    if (!this.#digits() || this.#value > max || this.#value < -max - 1) return false;
    const next = this.#skip();
    // `)`, `#`, a comment or the end: an operator would go on with it, and so would a letter without space.
    if (next === 0 || next === 0x29 || next === 0x23 || next === 0x0d) return true;
    if (next === 0x2f) return this.#codes[this.#at + 1] === 0x2f;
    return next === 0x67 && this.#isBehindSpace();
  }

  #isBehindSpace(): boolean {
    const before = this.#codes[this.#at - 1];
    return before === SPACE || before === TAB;
  }

  /** Reads a number that a double holds into `#value`; what stands behind it comes next. */
  #digits(): boolean {
    const codes = this.#codes;
    let at = this.#at;
    let code = codes[at]!;
    const sign = code;
    if (code === MINUS || code === PLUS) {
      do code = codes[++at]!;
      while (code === SPACE || code === TAB);
    }
    let value = code - 0x30;
    if (!(value >= 0 && value <= 9)) return false;
    const from = at;
    code = codes[++at]!;
    if (value === 0 && code === 0x78) {
      for (code = codes[++at]!; ; code = codes[++at]!) {
        const digit = code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
        if (!(digit >= 0 && digit <= 15) || (code > 0x39 && digit < 10)) break;
        value = value * 16 + digit;
      }
      if (at === from + 2 || at > from + MAX_HEX_LENGTH) return false;
    } else {
      // A leading 0 means an octal number.
      if (value === 0 && code >= 0x30 && code <= 0x39) return false;
      for (; code >= 0x30 && code <= 0x39; code = codes[++at]!) value = value * 10 + code - 0x30;
      if (at > from + MAX_DECIMAL_LENGTH) return false;
    }
    if (at > this.#end) return false;
    this.#value = sign === MINUS ? 0 - value : value;
    this.#at = at;
    return true;
  }

  /** `r1 = …`, `r1 += …` */
  #assignment(place: number): boolean {
    const dst = this.#register();
    if (dst === NONE) return false;
    const op = this.#operation();
    if (op < 0) return false;
    this.#skip();
    const narrow = dst >= HALF ? 2 : 0;
    const src = this.#register();
    if (src !== NONE) {
      if (src >= HALF !== dst >= HALF || !this.#done()) return false;
      const row = op * 4 + narrow + 1;
      return this.#writer.write(ALU_OPCODE[row]!, dst & 15, src & 15, ALU_OFFSET[row]!, 0, place);
    }
    if (op === 0 && this.#codes[this.#at] === STAR) return this.#load(dst, place);
    if (op === 0 && narrow === 0) return this.#constant(dst, place);
    if (!this.#number(MAX_S32) || !this.#done()) return false;
    const row = op * 4 + narrow;
    return this.#writer.write(ALU_OPCODE[row]!, dst & 15, 0, ALU_OFFSET[row]!, this.#value, place);
  }

  /** `5`, `0x1122334455667788 ll` */
  #constant(dst: number, place: number): boolean {
    const at = this.#at;
    if (!this.#digits()) return false;
    if (this.#skip() === 0x6c && this.#isBehindSpace())
      return this.#word('ll') && this.#done() && this.#writer.writeWide(dst, this.#value, place);
    this.#at = at;
    return (
      this.#number(MAX_S32) &&
      this.#done() &&
      this.#writer.write(ALU_OPCODE[0]!, dst, 0, 0, this.#value, place)
    );
  }

  /** The number of `=`, `+=`, `s>>=` … in `ALU_OPS`, or -1. */
  #operation(): number {
    const codes = this.#codes;
    let code = this.#skip();
    if (code === EQUALS) {
      if (codes[this.#at + 1] === EQUALS) return NONE;
      this.#at++;
      return 0;
    }
    const signed = code === S;
    if (signed) code = codes[++this.#at]!;
    let op: number;
    if (code === LESS || code === GREATER) {
      if (codes[this.#at + 1] !== code) return NONE;
      this.#at++;
      if (signed && code === LESS) return NONE;
      op = code === LESS ? SHIFT_LEFT : signed ? SHIFT_RIGHT_SIGNED : SHIFT_RIGHT;
    } else {
      op = code < 128 ? ONE_SIGN[code]! : 0;
      if (op === 0 || (signed && op !== 4 && op !== 5)) return NONE;
      if (signed) op += SIGNED_STEP;
    }
    if (codes[this.#at + 1] !== EQUALS) return NONE;
    this.#at += 2;
    return op;
  }

  /** `*(u32 *)(r1` as the size's number and, in `#value`, the register; the offset comes next. */
  #address(): number {
    const codes = this.#codes;
    let at = this.#at;
    if (codes[at] !== STAR || codes[at + 1] !== 0x28) return NONE;
    const sign = codes[at + 2];
    if (sign !== 0x75 && sign !== S) return NONE;
    const first = codes[at + 3];
    const size = first === 0x38 ? 0 : first === 0x31 ? 1 : first === 0x33 ? U32 : first === 0x36 ? U64 : NONE;
    if (size < 0) return NONE;
    at += 4;
    if (size > 0 && codes[at++] !== SIZE_SECOND[size]) return NONE;
    if (codes[at] === SPACE) at++;
    if (codes[at] !== STAR || codes[at + 1] !== 0x29 || codes[at + 2] !== 0x28) return NONE;
    this.#at = at + 3;
    const base = this.#register();
    if (base === NONE || base >= HALF) return NONE;
    return this.#offset(base) ? (sign === S ? size + 4 : size) | (base << 4) : NONE;
  }

  /** ` + 4)` or `)` behind the base register. */
  #offset(base: number): boolean {
    const code = this.#skip();
    this.#value = 0;
    if (code !== 0x29 && ((code !== PLUS && code !== MINUS) || !this.#number(MAX_S16))) return false;
    if (this.#codes[this.#at] !== 0x29 || this.#at >= this.#end) return false;
    this.#at++;
    return base >= 0;
  }

  #load(dst: number, place: number): boolean {
    const address = this.#address();
    if (address < 0 || !this.#done()) return false;
    const size = address & 7;
    if (size === S64 || (dst >= HALF && size >= U64)) return false;
    return this.#writer.write(LOAD_OPCODE[size]!, dst & 15, address >> 4, this.#value, 0, place);
  }

  #store(place: number): boolean {
    const address = this.#address();
    if (address < 0) return false;
    const size = address & 7;
    const off = this.#value;
    if (size > U64 || this.#skip() !== EQUALS) return false;
    this.#at++;
    this.#skip();
    const src = this.#register();
    if (src !== NONE) {
      if ((src >= HALF && size === U64) || !this.#done()) return false;
      return this.#writer.write(STORE_X_OPCODE[size]!, address >> 4, src & 15, off, 0, place);
    }
    // A narrow store that loses bits deserves a warning.
    const max = size === 0 ? 0x7f : size === 1 ? MAX_S16 : MAX_S32;
    if (!this.#number(max) || !this.#done()) return false;
    return this.#writer.write(STORE_K_OPCODE[size]!, address >> 4, 0, off, this.#value, place);
  }

  #if(scanner: Scanner, place: number): boolean {
    const dst = this.#register();
    if (dst === NONE) return false;
    const op = this.#comparison();
    if (op < 0) return false;
    this.#skip();
    const src = this.#register();
    const row = op * 4 + (dst >= HALF ? 2 : 0);
    if (src !== NONE) {
      this.#skip();
      if (src >= HALF !== dst >= HALF || !this.#word('goto')) return false;
      return this.#jump(scanner, JUMP_OPCODE[row + 1]!, dst & 15, src & 15, 0, place);
    }
    if (!this.#number(MAX_S32)) return false;
    const imm = this.#value;
    return this.#word('goto') && this.#jump(scanner, JUMP_OPCODE[row]!, dst & 15, 0, imm, place);
  }

  /** The number of `==`, `s>` … in `JUMP_OPS`, or -1. */
  #comparison(): number {
    const codes = this.#codes;
    let code = this.#skip();
    const signed = code === S;
    if (signed) code = codes[++this.#at]!;
    const equals = codes[this.#at + 1] === EQUALS;
    let op: number;
    if (code === GREATER) op = (signed ? 6 : 2) + (equals ? 1 : 0);
    else if (code === LESS) op = (signed ? 8 : 4) + (equals ? 1 : 0);
    else if (signed) return NONE;
    else if (code === 0x26 && !equals) op = 10;
    else if (equals && code === EQUALS) op = 0;
    else if (equals && code === 0x21) op = 1;
    else return NONE;
    this.#at += equals ? 2 : 1;
    return op;
  }

  /** A label or a distance. */
  #jump(scanner: Scanner, opcode: number, dst: number, src: number, imm: number, place: number): boolean {
    const codes = this.#codes;
    const start = this.#at;
    const code = codes[start]!;
    if (code === PLUS || code === MINUS)
      return (
        this.#number(MAX_S16) && this.#done() && this.#writer.write(opcode, dst, src, this.#value, imm, place)
      );
    if (!isNameStart(code)) return false;
    scanner.at = start;
    const end = scanner.wordEnd();
    scanner.at = place - scanner.base;
    this.#at = end;
    if (!this.#done()) return false;
    return this.#writer.writeJump(opcode, dst, src, imm, scanner.text.slice(start, end), place);
  }
}

/** The second digit of `16`, `32` and `64`. */
const SIZE_SECOND = Uint8Array.of(0, 0x36, 0x32, 0x34);
