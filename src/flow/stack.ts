import { insnAt } from './code.ts';
import type { FlowConstants } from './constants.ts';

/** One instruction that reads or writes the stack at a known place. */
export interface StackAccess {
  readonly slot: number;
  /** From r10: the first byte's. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly write: boolean;
}

/** The loads, stores and atomics of the code whose address is r10 and a constant, in slot order. */
export function stackAccesses(constants: FlowConstants): StackAccess[] {
  const { graph } = constants;
  const { code } = graph;
  const out: StackAccess[] = [];
  for (let block = 0; block < graph.blockCount; block++) {
    if (!constants.isExecuted(block)) continue;
    constants.walk(block, (slot, holds) => {
      const { size, kind } = insnAt(code, slot);
      if (size === 0 || kind === 'ldabs' || kind === 'ldind') return;
      if (graph.references.get(slot)?.kind === 'patched') return;
      const write = kind !== 'ldx' && kind !== 'ldsx' && kind !== 'loadAcquire';
      const base = holds(write ? code.dst[slot]! : code.src[slot]!);
      if (base.kind === 'stack') out.push({ slot, offset: base.offset + code.off[slot]!, size, write });
    });
  }
  return out;
}

/** Per function of the graph: how many bytes below r10 its deepest access reaches, 0 where there is none. */
export function stackDepths(constants: FlowConstants): Int32Array {
  const { functions, functionOf, blockOf } = constants.graph;
  const depths = new Int32Array(functions.length);
  for (const { slot, offset } of stackAccesses(constants)) {
    const fn = functionOf[blockOf[slot]!]!;
    depths[fn] = Math.max(depths[fn]!, -offset);
  }
  return depths;
}
