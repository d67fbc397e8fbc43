import { assembleOrThrow, rawCode } from '../../src/asm/index.ts';
import { type FlowGraph, type FlowOptions, flowGraph } from '../../src/flow/index.ts';
import { encodeInsns, type Instruction } from '../../src/isa/index.ts';

/** The bytes of an assembly text's only section, little-endian. */
export function codeOf(text: string): Uint8Array {
  return rawCode(assembleOrThrow(text).object);
}

export function graphOf(text: string, options: Partial<FlowOptions> = {}): FlowGraph {
  return flowGraph(codeOf(text), { endian: 'little', ...options });
}

export function graphOfInsns(insns: readonly Instruction[]): FlowGraph {
  return flowGraph(encodeInsns(insns), { endian: 'little' });
}

/** The successors of a block, each once, in their order. */
export function successorsOf(graph: FlowGraph, block: number): number[] {
  return [...new Set(graph.successors.subarray(2 * block, 2 * block + 2))].filter((to) => to >= 0);
}

/** A graph as text: `slots from-to → blocks`, one line a block. */
export function printGraph(graph: FlowGraph): string {
  const lines = Array.from({ length: graph.blockCount }, (_, block) => {
    const slots = `${graph.start[block]}-${graph.end[block]! - 1}`;
    const dead = graph.reachable[block] === 1 ? '' : ' unreachable';
    return `${block}: ${slots} → ${successorsOf(graph, block).join(' ') || 'end'}${dead}`;
  });
  return lines.join('\n');
}
