import { insnAt, nextSlot } from '../../flow/code.ts';
import type { FlowGraph, FlowProblem } from '../../flow/graph.ts';
import { loopForest } from '../../flow/loops.ts';
import { type CheckContext, functionName } from './context.ts';
import { type Finding, refusal } from './finding.ts';

/** Jumps and ends of functions, code that nothing leads to, loops without end. */
export function checkShape(context: CheckContext): Finding[] {
  return [
    ...context.graph.problems.flatMap((problem) => problemFinding(context, problem) ?? []),
    ...unreachable(context),
    ...endless(context),
  ];
}

function problemFinding(context: CheckContext, { slot, kind, target = 0 }: FlowProblem): Finding | undefined {
  const base = { slot, severity: 'warning' } as const;
  switch (kind) {
    case 'jump-out-of-range':
      return {
        ...base,
        code: 'jump-out-of-function',
        message: `the jump leads out of ${functionName(context, slot)}`,
        label: describeTarget(context.graph, target),
        help: [refusal('jump out of range')],
      };
    case 'jump-into-lddw':
      return {
        ...base,
        code: 'jump-into-lddw',
        message: 'the jump leads into the middle of an instruction of two slots',
        notes: [{ slot: target - 1, message: 'this one takes two slots' }],
        help: [
          'count two for a 64-bit constant or an address, or jump to a label',
          refusal('jump into the middle of ldimm64 insn'),
        ],
      };
    case 'falls-off':
      return fallsOff(context, slot);
    case 'call-out-of-range':
      return {
        ...base,
        code: 'call-out-of-code',
        message: 'the call leads to where no instruction is',
        help: [refusal('call to invalid destination')],
      };
    case 'cut-off-lddw':
    case 'function-in-lddw':
      return {
        ...base,
        code: 'cut-off-lddw',
        message: 'an instruction of two slots has only its first half here',
        help: [refusal('invalid bpf_ld_imm64 insn')],
      };
    case 'unknown-instruction':
    case 'bad-register':
      return { ...base, code: 'unknown-instruction', message: 'these bytes are no instruction' };
    case 'cut-off-slot':
      return {
        ...base,
        code: 'unknown-instruction',
        message: 'the code ends in the middle of an instruction',
      };
  }
}

function describeTarget({ code, blockOf }: FlowGraph, target: number): string {
  if (target < 0) return 'to before the start of the code';
  if (target >= code.slots) return 'to behind the end of the code';
  return blockOf[target]! < 0 ? 'to where no function is' : 'into another function';
}

/** An `.extern` may be one that never returns; the kernel knows. */
function fallsOff(context: CheckContext, slot: number): Finding | undefined {
  const { code, references } = context.graph;
  if (references.get(slot)?.kind === 'extern' || insnAt(code, slot).name === 'call_kfunc') return undefined;
  return {
    slot,
    severity: 'warning',
    code: 'falls-off-end',
    message: `${functionName(context, slot)} runs on past its end`,
    label: 'the last instruction',
    help: ["end it with 'exit' or 'goto'", refusal('last insn is not an exit or jmp')],
  };
}

/** One finding for each stretch of code in a function whose jumps are as they should be. */
function unreachable(context: CheckContext): Finding[] {
  const { graph } = context;
  const astray = new Set(
    graph.problems
      .filter(({ kind }) => kind === 'jump-out-of-range' || kind === 'jump-into-lddw')
      .map(({ slot }) => graph.functionOf[graph.blockOf[slot]!]),
  );
  const findings: Finding[] = [];
  for (let block = 0; block < graph.blockCount; block++) {
    if (graph.reachable[block] === 1) continue;
    const first = block;
    while (block + 1 < graph.blockCount && isSameStretch(graph, block, block + 1)) block++;
    if (astray.has(graph.functionOf[first]!)) continue;
    const count = instructions(graph, graph.start[first]!, graph.end[block]!);
    findings.push({
      slot: graph.start[first]!,
      severity: 'warning',
      code: 'unreachable-code',
      message: 'no way leads to this code',
      label: count === 1 ? '1 instruction' : `${count} instructions from here on`,
      help: [refusal('unreachable insn')],
    });
  }
  return findings;
}

function isSameStretch(
  { reachable, functionOf, start, end }: FlowGraph,
  block: number,
  next: number,
): boolean {
  return reachable[next] === 0 && functionOf[next] === functionOf[block] && start[next] === end[block];
}

function instructions({ code }: FlowGraph, from: number, to: number): number {
  let count = 0;
  for (let slot = from; slot < to; slot = nextSlot(code, slot)) count++;
  return count;
}

/** The outermost loops from which no way leads to an end of the function. */
function endless({ graph, constants }: CheckContext): Finding[] {
  const ends = endReaching(graph, constants.taken);
  const { loops } = loopForest(graph);
  const isEndless = (header: number): boolean => constants.isExecuted(header) && ends[header] === 0;
  return loops.flatMap(({ header, parent, latches }): Finding[] => {
    if (!isEndless(header) || (parent >= 0 && isEndless(loops[parent]!.header))) return [];
    const slot = graph.last[latches[0]!]!;
    const start = graph.start[header]!;
    return [
      {
        slot,
        severity: 'warning',
        code: 'endless-loop',
        message: 'the loop has no way out',
        label: 'goes back for ever',
        ...(start !== slot && { notes: [{ slot: start, message: 'the loop begins here' }] }),
        help: [
          "leave it with a conditional jump, or with 'may_goto' (Linux 6.9)",
          "the kernel refuses this with 'infinite loop detected', or gives up after 1,000,000 instructions",
        ],
      },
    ];
  });
}

/** Per block: 1 where a way that constants allow leads to one that ends. */
function endReaching(graph: FlowGraph, taken: Uint8Array): Uint8Array {
  const { successors, predecessorStart, predecessors, blockCount } = graph;
  const ends = new Uint8Array(blockCount);
  const open: number[] = [];
  const end = (block: number): void => {
    if (ends[block] === 1) return;
    ends[block] = 1;
    open.push(block);
  };
  for (let block = 0; block < blockCount; block++)
    if (taken[2 * block] === 0 && taken[2 * block + 1] === 0) end(block);
  // Where control goes astray it leaves the loop too.
  for (const { slot } of graph.problems) if ((graph.blockOf[slot] ?? -1) >= 0) end(graph.blockOf[slot]!);
  for (let block = open.pop(); block !== undefined; block = open.pop()) {
    for (let edge = predecessorStart[block]!; edge < predecessorStart[block + 1]!; edge++) {
      const from = predecessors[edge]!;
      const goes =
        (successors[2 * from] === block && taken[2 * from] === 1) ||
        (successors[2 * from + 1] === block && taken[2 * from + 1] === 1);
      if (goes) end(from);
    }
  }
  return ends;
}
