import { type FlowConstants, flowConstants } from '../../flow/constants.ts';
import { type FlowGraph, type FunctionRange, flowGraph } from '../../flow/graph.ts';
import { type RegisterFlow, registerFlow } from '../../flow/register-flow.ts';
import type { CheckedFunction, CheckInput } from './finding.ts';

/** What all checks share. */
export interface CheckContext {
  readonly input: CheckInput;
  readonly graph: FlowGraph;
  readonly constants: FlowConstants;
  readonly registers: RegisterFlow;
  /** Per function of the graph; undefined for one that only a `call` makes one. */
  readonly functions: readonly (CheckedFunction | undefined)[];
  /** By the slot of a call: the function of the graph that it calls. */
  readonly callees: ReadonlyMap<number, number>;
}

/** All registers but r1 and r10, which a program begins with; a function has r1 to r5. */
const UNSET_IN_PROGRAM = 0b011_1111_1101;
const UNSET_IN_FUNCTION = 0b011_1100_0001;

export function checkContext(input: CheckInput): CheckContext {
  const graph = graphOf(input);
  const constants = flowConstants(graph);
  const bySlot = new Map(input.functions.map((fn) => [fn.slot, fn]));
  const functions = graph.functions.map(({ slot }) => bySlot.get(slot));
  const unsetAtEntry = (index: number): number =>
    functions[index]?.isProgram ? UNSET_IN_PROGRAM : UNSET_IN_FUNCTION;
  const registers = registerFlow(graph, { unsetAtEntry, taken: constants.taken });
  const callees = new Map(graph.functionUses.map(({ slot, callee }) => [slot, callee]));
  return { input, graph, constants, registers, functions, callees };
}

/** A function begins at every target of a call too, as the kernel has it. */
function graphOf({ code, endian, functions, references }: CheckInput): FlowGraph {
  const options = { endian, ...(references && { references }) };
  const first = flowGraph(code, { ...options, functions });
  const called = first.problems.flatMap(({ kind, target = -1 }) =>
    kind === 'call-out-of-range' && target >= 0 && first.code.second[target] === 0 ? [target] : [],
  );
  if (called.length === 0) return first;
  const starts = new Set([...functions.map(({ slot }) => slot), ...called]);
  const ranges: FunctionRange[] = [...starts].map((slot) => {
    const around = first.functions[first.functionOf[first.blockOf[slot]!]!];
    return { slot, slots: around ? around.slot + around.slots - slot : first.code.slots - slot };
  });
  return flowGraph(code, { ...options, functions: ranges });
}

/** How messages call the function that a slot is in. */
export function functionName({ graph, functions }: CheckContext, slot: number): string {
  const fn = functions[graph.functionOf[graph.blockOf[slot]!]!];
  return fn ? `'${fn.name}'` : 'the function';
}
