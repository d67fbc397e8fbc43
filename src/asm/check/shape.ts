import { insnAt, nextSlot } from '../../flow/code.ts';
import type { FlowGraph, FlowProblem } from '../../flow/graph.ts';
import { type CheckContext, functionName } from './context.ts';
import { type Finding, refusal } from './finding.ts';

/** Jumps and ends of functions, code that nothing leads to. */
export function checkShape(context: CheckContext): Finding[] {
  return [
    ...context.graph.problems.flatMap((problem) => problemFinding(context, problem) ?? []),
    ...unreachable(context),
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
