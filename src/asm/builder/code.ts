import type { InsnOperands } from '../../isa/codec.ts';
import type { ContextAccess } from './context.ts';
import type { DataType, Field } from './data-types.ts';
import type { ExternHandle, FunctionHandle, KfuncHandle, MapHandle, VariableHandle } from './handles.ts';
import type { ConditionOperator, HelperName, InsnName, Instructions } from './instructions.generated.ts';
import type { Immediate, Label, Offset } from './methods.ts';
import type { Register, Register64 } from './registers.ts';

/** The integers that memory holds. */
export type MemoryType = 'u8' | 'u16' | 'u32' | 'u64' | 's8' | 's16' | 's32' | 's64';
type Loaded = MemoryType | DataType<never> | DataType<unknown>;
type AnyField = Field<DataType<never> | DataType<unknown>>;

/** `[r1, '>', 5]`; with `w` registers on 32 bits. */
export type Condition =
  | readonly [left: Register64, op: ConditionOperator, right: Register64 | Immediate]
  | readonly [
      left: Exclude<Register, Register64>,
      op: ConditionOperator,
      right: Exclude<Register, Register64> | Immediate,
    ];

/** Where a loop goes on and where it ends, for jumps in its body. */
export interface LoopLabels {
  readonly next: Label;
  readonly end: Label;
}

/**
 * Builds one function, instruction by instruction: a method for each mnemonic of the instruction
 * table ({@link Instructions}), and what makes names of addresses. Every method that adds
 * instructions answers the builder itself, so calls can be chained.
 *
 * What is wrong with an operand is gathered and thrown when the object is finished.
 */
export interface Code<C = undefined> extends Instructions {
  /** The context's fields by name. */
  readonly ctx: ContextAccess<C, this>;

  /** Calls a helper by its name or number, a function of the object or one of the kernel. */
  call(target: HelperName | FunctionHandle | KfuncHandle | number): this;

  /** `dst = *(type *)(base + offset)` with zeros above, or the sign for `s8` to `s32`. */
  load(type: Loaded, dst: Register, base: Register64, offset?: Offset): this;
  /** Loads a member of a struct that `base` points to. */
  load(dst: Register, base: Register64, field: AnyField): this;
  /** `*(type *)(base + offset) = value` */
  store(type: Loaded, base: Register64, offset: Offset, value: Register | Immediate): this;
  /** Stores into a member of a struct that `base` points to. */
  store(base: Register64, field: AnyField, value: Register | Immediate): this;
  /** `dst = base + offset` */
  address(dst: Register64, base: Register64, offset: Offset): this;

  /** `dst = map ll`: what helpers take for a map. */
  loadMap(dst: Register64, map: MapHandle<never, never>): this;
  /** The address of a global variable, or of a place in the only value of an array. */
  loadMapValue(dst: Register64, of: VariableHandle | MapHandle<never, never>, offset?: number): this;
  /** The value of a global variable of 1, 2, 4 or 8 bytes. */
  loadVariable(dst: Register64, variable: VariableHandle): this;
  /** Writes a global variable of 1, 2, 4 or 8 bytes; `via` is overwritten with its address. */
  storeVariable(variable: VariableHandle, value: Register | Immediate, via: Register64): this;
  /** The address of a function, for helpers that call back. */
  loadFunction(dst: Register64, fn: FunctionHandle): this;
  /** The address of a variable of the kernel, or of a value of its configuration. */
  loadExtern(dst: Register64, extern: ExternHandle): this;

  /**
   * Goes on with the program in a slot of a `prog_array`, and behind this call if there is none.
   * Overwrites `r1` to `r5` and `r0` then.
   *
   * @param ctx where the context is; `r1` by default
   */
  tailCall(programs: MapHandle<never, never>, index: Register64 | Immediate, ctx?: Register64): this;

  /** A label that nothing is at yet: `p.bind(label)` puts it somewhere. */
  label(name?: string): Label;
  /** Puts a label before the next instruction. */
  bind(label: Label): this;
  /** A label before the next instruction, for jumps back. */
  here(name?: string): Label;

  /** `if (condition) { then } else { otherwise }` */
  if(condition: Condition, then: () => void, otherwise?: () => void): this;
  /** `while (condition) { body }` */
  while(condition: Condition, body: (loop: LoopLabels) => void): this;
  /** `for (;;) { body }`: left by a jump to `loop.end`. */
  loop(body: (loop: LoopLabels) => void): this;

  /** Any row of the instruction table with its raw fields, unresolved ones among them. */
  insn(name: InsnName, operands?: InsnOperands): this;
}
