import type { Field } from './data-types.ts';
import type { Register, Register32, Register64 } from './registers.ts';

/** A place in a function that jumps lead to. */
export interface Label {
  readonly kind: 'label';
  readonly name: string;
}

/** A number that an instruction holds; its range is checked. */
export type Immediate = number | bigint;
/** Where a jump leads: a label, or a distance in slots from the next instruction. */
export type Target = Label | number;
/** Bytes from a base register: a number of 16 bits with sign, or a member of a struct. */
export type Offset = number | Pick<Field<unknown>, 'offset' | 'path'>;

/** `dst op= operand`; `w` registers make it the 32-bit operation. */
export interface Binary<T> {
  (dst: Register64, operand: Register64 | Immediate): T;
  (dst: Register32, operand: Register32 | Immediate): T;
}
/** `dst op= operand` on lower halves; `r` registers are taken as their halves. */
export type Binary32<T> = (dst: Register, operand: Register | Immediate) => T;

/** `w` registers make it the 32-bit operation. */
export type Unary<T> = (dst: Register) => T;
export type Unary32<T> = (dst: Register) => T;
export type Whole<T> = (register: Register64) => T;

/** `w` registers make it the 32-bit operation. */
export interface SignExtend<T> {
  (dst: Register64, src: Register64): T;
  (dst: Register32, src: Register32): T;
}
/** For the extension to 64 bits that has no 32-bit form. */
export type SignExtend64<T> = (dst: Register64, src: Register64) => T;
export type SignExtend32<T> = (dst: Register, src: Register) => T;

/** `dst = addr_space_cast(src, to, from)` */
export type Cast<T> = (dst: Register64, src: Register64, to: number, from: number) => T;

/** `r0 = *(size *)skb[offset]`: of the packet, in network byte order; ends the program beyond its end. */
export type PacketLoad<T> = (offset: Immediate) => T;
export type PacketLoadIndirect<T> = (index: Register64, offset?: Immediate) => T;

/** `dst = *(size *)(base + offset)` */
export type Load<T> = (dst: Register, base: Register64, offset?: Offset) => T;
/** `*(size *)(base + offset) = value` */
export type StoreImmediate<T> = (base: Register64, offset: Offset, value: Immediate) => T;
export type StoreRegister<T> = (base: Register64, offset: Offset, src: Register) => T;

/** On 64 bits, or 32 where `src` is a `w` register. What fetches leaves the old value in `src`. */
export type Atomic<T> = (base: Register64, offset: Offset, src: Register) => T;
export type Atomic32<T> = (base: Register64, offset: Offset, src: Register) => T;

/** `goto` reaches 32767 slots; a label that is farther away is reached by `gotol`. */
export type Jump<T> = (target: Target) => T;
/** `if left op right goto target`; `w` registers make it the 32-bit comparison. */
export interface ConditionalJump<T> {
  (left: Register64, right: Register64 | Immediate, target: Target): T;
  (left: Register32, right: Register32 | Immediate, target: Target): T;
}
export type ConditionalJump32<T> = (left: Register, right: Register | Immediate, target: Target) => T;

/** `dst = value ll`: 64 bits, signed or unsigned. */
export type LoadWide<T> = (dst: Register64, value: Immediate) => T;
export type Exit<T> = () => T;
