/** A whole register, 64 bits: `r0` to `r10`. */
export interface Register64 {
  readonly kind: 'register';
  readonly index: number;
  readonly bits: 64;
  /** As it is written: `r1`. */
  readonly name: string;
}

/** The lower half of a register: an operation on it clears the upper half. */
export interface Register32 {
  readonly kind: 'register';
  readonly index: number;
  readonly bits: 32;
  readonly name: string;
}

export type Register = Register64 | Register32;

function whole(index: number): Register64 {
  return Object.freeze({ kind: 'register', index, bits: 64, name: `r${index}` });
}

function half(index: number): Register32 {
  return Object.freeze({ kind: 'register', index, bits: 32, name: `w${index}` });
}

/** What a call returns, and what `exit` gives back. */
export const r0: Register64 = whole(0);
/** The first argument of a call; the context where a program begins. Calls leave `r1` to `r5` unreadable. */
export const r1: Register64 = whole(1);
export const r2: Register64 = whole(2);
export const r3: Register64 = whole(3);
export const r4: Register64 = whole(4);
export const r5: Register64 = whole(5);
/** `r6` to `r9` keep their values over calls. */
export const r6: Register64 = whole(6);
export const r7: Register64 = whole(7);
export const r8: Register64 = whole(8);
export const r9: Register64 = whole(9);
/** The end of the stack frame, read only: `r10 - 8` is its last 8 bytes. */
export const r10: Register64 = whole(10);

export const w0: Register32 = half(0);
export const w1: Register32 = half(1);
export const w2: Register32 = half(2);
export const w3: Register32 = half(3);
export const w4: Register32 = half(4);
export const w5: Register32 = half(5);
export const w6: Register32 = half(6);
export const w7: Register32 = half(7);
export const w8: Register32 = half(8);
export const w9: Register32 = half(9);
export const w10: Register32 = half(10);

export function isRegister(value: unknown): value is Register {
  return typeof value === 'object' && value !== null && (value as Register).kind === 'register';
}
