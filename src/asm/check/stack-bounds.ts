import { insnAt } from '../../flow/code.ts';
import { type StackAccess, stackAccesses } from '../../flow/stack.ts';
import type { CheckContext } from './context.ts';
import { type Finding, refusal } from './finding.ts';

/** Linux, `include/linux/filter.h`: MAX_BPF_STACK. */
const STACK_SIZE = 512;

/** Accesses that miss the 512 bytes below r10, or are not aligned in them. */
export function checkStack(context: CheckContext): Finding[] {
  return stackAccesses(context.constants).flatMap((access) => stackFinding(context, access) ?? []);
}

function stackFinding({ graph }: CheckContext, access: StackAccess): Finding | undefined {
  const { slot, offset, size } = access;
  const { kind } = insnAt(graph.code, slot);
  const plainWrite = kind === 'st' || kind === 'stx' || kind === 'storeRelease';
  const register = access.write ? graph.code.dst[slot]! : graph.code.src[slot]!;
  // An atomic operation is looked at as a read first.
  const words = `invalid ${plainWrite ? 'write to' : 'read from'} stack R${register} off=${offset} size=${size}`;
  const base = { slot, severity: 'warning' } as const;
  if (offset < -STACK_SIZE) {
    return {
      ...base,
      code: 'stack-too-deep',
      message: `the stack has ${STACK_SIZE} bytes, and this is ${-offset} below its top`,
      label: frameText(offset),
      help: [`r10 - ${STACK_SIZE} is the lowest address`, refusal(words)],
    };
  }
  if (offset >= 0) {
    return {
      ...base,
      code: 'stack-above-frame',
      message: 'the stack lies below r10, this is above it',
      label: frameText(offset),
      help: [`the highest place for ${bytes(size)} is r10 - ${size}`, refusal(words)],
    };
  }
  if (offset % size === 0) return undefined;
  return {
    ...base,
    code: 'stack-not-aligned',
    message: `${bytes(size)} on the stack need an offset that is a multiple of ${size}`,
    label: frameText(offset),
    help: [
      `r10 - ${-Math.floor(offset / size) * size} is one`,
      refusal(
        `misaligned stack access off ${misalignment(offset, register, graph.code.off[slot]!)} size ${size}`,
      ),
    ],
  };
}

/** As the verifier writes it: the variable part, the register's constant and the instruction's. */
function misalignment(offset: number, register: number, off: number): string {
  return register === 10 ? `0+0+${off}` : `0+${offset - off}+${off}`;
}

function frameText(offset: number): string {
  return offset < 0 ? `r10 - ${-offset}` : `r10 + ${offset}`;
}

function bytes(size: number): string {
  return size === 1 ? '1 byte' : `${size} bytes`;
}
