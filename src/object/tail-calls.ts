import { insnAt } from '../flow/code.ts';
import { type FlowConstants, flowConstants } from '../flow/constants.ts';
import { type FlowReference, flowGraph } from '../flow/graph.ts';
import { registerEffect } from '../flow/registers.ts';
import type { FlowValue } from '../flow/values.ts';
import type { Endian } from '../util/bytes.ts';
import type { FunctionSpec } from './spec.ts';

/** One way to take a call of bpf_tail_call; a call that several paths lead to can have several. */
export interface TailCallEdge {
  /** Of the call instruction. */
  readonly slot: number;
  /** The prog array; undefined where it is not a constant on this path. */
  readonly map: string | undefined;
  /** The slot of the prog array, as the kernel takes it (u32); undefined where it is decided at run time. */
  readonly index: number | undefined;
}

/** `bpf_tail_call`'s number, and the registers of its second and third argument. */
const TAIL_CALL = 12;
const MAP_REGISTER = 2;
const INDEX_REGISTER = 3;

/** Slots gone back from all calls together; code that takes more is not what anybody laid out as a dispatcher. */
const MAX_STEPS = 100_000;

/**
 * The tail calls of a function with their arguments as far as constants tell. Where several ways
 * bring different values to a call, it is walked back to the blocks that set them: one edge for each
 * pair of arguments. A call that constants rule out has none.
 */
export function tailCallEdges(fn: FunctionSpec, endian: Endian): TailCallEdge[] {
  const graph = flowGraph(fn.code, { endian, references: flowReferences(fn) });
  const { code, references, blockOf } = graph;
  const calls: number[] = [];
  for (let slot = 0; slot < code.slots; slot++) {
    if (insnAt(code, slot).name === 'call' && code.imm[slot] === TAIL_CALL && !references.has(slot))
      calls.push(slot);
  }
  if (calls.length === 0) return [];
  const constants = flowConstants(graph);
  const maps = new Map(
    fn.relocations.flatMap((entry) => (entry.kind === 'map' ? [[entry.slot, entry.map]] : [])),
  );
  const walk = new WalkBack(constants);
  return calls.flatMap((slot) => {
    if (!constants.isExecuted(blockOf[slot]!)) return [];
    const found = new Map<string, TailCallEdge>();
    for (const { map, index } of walk.from(slot)) {
      const edge = {
        slot,
        map: map.kind === 'address' && map.offset === 0 ? maps.get(map.slot) : undefined,
        index: index.kind === 'constant' ? Number(BigInt.asUintN(32, index.value)) : undefined,
      };
      found.set(`${edge.map} ${edge.index}`, edge);
    }
    return [...found.values()].sort((a, b) => (a.index ?? -1) - (b.index ?? -1));
  });
}

/** What the bytes of a function do not say, for `flowGraph`. */
export function flowReferences(fn: FunctionSpec): ReadonlyMap<number, FlowReference> {
  const references = new Map<number, FlowReference>();
  for (const { kind, slot } of fn.relocations) {
    const call = kind === 'call' || (kind === 'extern' && fn.code[slot * 8] === CALL_OPCODE);
    references.set(slot, { kind: call ? 'extern' : 'address' });
  }
  for (const { slot } of fn.coreRelocations) references.set(slot, { kind: 'patched' });
  return references;
}
const CALL_OPCODE = 0x85;

/** An argument on the way back from a call: the register that it is in, or what it is. */
type Argument = FlowValue | { readonly kind: 'in'; readonly register: number };

interface Place<T> {
  readonly map: T;
  readonly index: T;
}

interface State extends Place<Argument> {
  readonly block: number;
  /** The slot before which this holds. */
  readonly at: number;
}

/** Goes back from calls, through copies of registers and block by block. */
class WalkBack {
  readonly #constants: FlowConstants;
  #steps = MAX_STEPS;

  constructor(constants: FlowConstants) {
    this.#constants = constants;
  }

  /** What both arguments are on each way to a call. */
  from(call: number): Place<FlowValue>[] {
    const { blockOf, start, last, predecessorStart, predecessors } = this.#constants.graph;
    const done: Place<FlowValue>[] = [];
    const seen = new Set<string>();
    const map = { kind: 'in', register: MAP_REGISTER } as const;
    const index = { kind: 'in', register: INDEX_REGISTER } as const;
    const waiting: State[] = [{ block: blockOf[call]!, at: call, map, index }];
    for (let state = waiting.pop(); state; state = waiting.pop()) {
      const { block } = state;
      const map = this.#before(state, state.map);
      const index = this.#before(state, state.index);
      const [from, to] = [predecessorStart[block]!, predecessorStart[block + 1]!];
      const open = map.kind === 'in' || index.kind === 'in';
      if (!open || from === to || this.#steps <= 0) {
        done.push({ map: settled(map), index: settled(index) });
        continue;
      }
      for (let edge = from; edge < to; edge++) {
        const previous = predecessors[edge]!;
        const key = `${previous} ${keyOf(map)} ${keyOf(index)}`;
        if (seen.has(key) || !this.#constants.isExecuted(previous)) continue;
        seen.add(key);
        const behind = Math.max(last[previous]! + 1, start[previous]!);
        waiting.push({ block: previous, at: behind, map, index });
      }
    }
    return done;
  }

  /** What an argument was where the block begins. */
  #before({ block, at }: State, argument: Argument): Argument {
    if (argument.kind !== 'in') return argument;
    const { code, references, start } = this.#constants.graph;
    let { register } = argument;
    for (let slot = at - 1; slot >= start[block]! && this.#steps-- > 0; slot--) {
      if (code.second[slot] === 1) continue;
      const { defines, clobbers } = registerEffect(code, slot, references);
      if ((clobbers >> register) & 1) return { kind: 'unknown' };
      if (((defines >> register) & 1) === 0) continue;
      if (insnAt(code, slot).name !== 'mov_x') return this.#constants.written(slot);
      register = code.src[slot]!;
    }
    const value = this.#constants.atStart(block, register);
    return value.kind === 'unknown' ? { kind: 'in', register } : value;
  }
}

function settled(argument: Argument): FlowValue {
  return argument.kind === 'in' ? { kind: 'unknown' } : argument;
}

function keyOf(argument: Argument): string {
  if (argument.kind === 'in') return `r${argument.register}`;
  return argument.kind === 'address'
    ? `${argument.slot}+${argument.offset}`
    : argument.kind === 'constant'
      ? `${argument.value}`
      : argument.kind;
}
