import type { InsnDef } from '../../isa/insn-table.ts';
import type { RawText } from './raw-directives.ts';

/** A range of UTF-16 code units in the space of all texts of a run (`Sources`), `end` exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export type UnaryOperator = '-' | '+' | '~' | '!';
export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '&' | '|' | '^';

/** An integer expression; its value may depend on where symbols end up. */
export type Expr =
  /** What a double holds exactly is a `number`: that takes a tenth of a bigint's time. */
  | ({ readonly kind: 'number'; readonly value: number | bigint } & Range)
  /** `sizeof(event)`, `be16(0x0800)`, `core.offset(task_struct.pid)`. */
  | ({ readonly kind: 'call'; readonly name: string; readonly args: RawText } & Range)
  /** A text, which stands for its address in `.rodata`. */
  | ({ readonly kind: 'string'; readonly bytes: Uint8Array } & Range)
  /** A constant, a label, a section's symbol or one of another file. */
  | ({ readonly kind: 'name'; readonly name: string } & Range)
  /** `.`: where the statement begins. */
  | ({ readonly kind: 'here' } & Range)
  | ({ readonly kind: 'unary'; readonly op: UnaryOperator; readonly operand: Expr } & Range)
  | ({
      readonly kind: 'binary';
      readonly op: BinaryOperator;
      readonly left: Expr;
      readonly right: Expr;
    } & Range);

/** A register as it is written: `r` is all 64 bits, `w` the lower 32. */
export interface Reg extends Range {
  readonly number: number;
  readonly width: 32 | 64;
}

/** One operand of a directive. */
export type Argument =
  | ({ readonly kind: 'string'; readonly bytes: Uint8Array } & Range)
  /** `@progbits`, `@function`, `@object` … without the `@`. */
  | ({ readonly kind: 'type'; readonly name: string } & Range)
  | ({ readonly kind: 'expr'; readonly value: Expr } & Range)
  /** `entries=3`. */
  | ({
      readonly kind: 'option';
      readonly name: string;
      readonly nameRange: Range;
      readonly value: Expr;
    } & Range)
  /** `value=struct event`: what is no expression. */
  | ({
      readonly kind: 'typed';
      readonly name: string;
      readonly nameRange: Range;
      readonly text: RawText;
    } & Range);

export type Statement =
  | ({ readonly kind: 'label'; readonly name: string } & Range)
  | ({ readonly kind: 'assign'; readonly name: string; readonly value: Expr } & Range)
  | ({
      readonly kind: 'directive';
      readonly name: string;
      readonly nameRange: Range;
      readonly args: readonly Argument[];
      /** Of directives that read their operands themselves: what stands behind the name. */
      readonly raw?: RawText;
    } & Range)
  | InsnStatement;

/**
 * One instruction: its row of the table and its operands as far as the text gives them. What the
 * row fixes is left out.
 */
export interface InsnStatement extends Range {
  readonly kind: 'insn';
  readonly def: InsnDef;
  readonly dst: number;
  readonly src: number;
  readonly off: Expr | undefined;
  readonly imm: Expr | undefined;
  /** Of jumps and calls: a distance (`+3`, `pc+3`) or a label. */
  readonly target: Expr | undefined;
}
