import { insnAt } from '../../flow/code.ts';
import { registerEffect } from '../../flow/registers.ts';
import { HELPERS, type Helper } from '../../isa/helpers.generated.ts';
import type { CheckContext } from './context.ts';
import { type Finding, refusal } from './finding.ts';

const FRAME_POINTER = 1 << 10;
const helperById: ReadonlyMap<number, Helper> = new Map(HELPERS.map((helper) => [helper.id, helper]));

/** The helper that the call at a slot names, if it is one of a known helper. */
export function calledHelper({ graph }: CheckContext, slot: number): Helper | undefined {
  if (insnAt(graph.code, slot).name !== 'call' || graph.references.has(slot)) return undefined;
  return helperById.get(graph.code.imm[slot]!);
}

/** What a single instruction shows, wherever control can come. */
export function checkOperands(context: CheckContext): Finding[] {
  const { graph } = context;
  const findings: Finding[] = [];
  for (let slot = 0; slot < graph.code.slots; slot++) {
    const block = graph.blockOf[slot]!;
    if (block < 0 || graph.code.second[slot] === 1 || !context.constants.isExecuted(block)) continue;
    const found =
      writesFramePointer(context, slot) ?? constantOperand(context, slot) ?? gplOnly(context, slot);
    if (found) findings.push(found);
  }
  return findings;
}

function writesFramePointer({ graph }: CheckContext, slot: number): Finding | undefined {
  if ((registerEffect(graph.code, slot).defines & FRAME_POINTER) === 0) return undefined;
  return {
    slot,
    severity: 'warning',
    code: 'frame-pointer-written',
    message: 'r10 cannot be written: it points to the stack frame',
    help: ["copy it first: 'r2 = r10', then 'r2 += -8'", refusal('frame pointer is read only')],
  };
}

const DIVISIONS: ReadonlySet<string> = new Set(['/', '%', 's/', 's%']);
const SHIFTS: ReadonlySet<string> = new Set(['<<', '>>', 's>>']);

/** Only what stands in the instruction itself: of a register's value the machine takes what it can. */
function constantOperand({ graph }: CheckContext, slot: number): Finding | undefined {
  const { kind, x, op, width } = insnAt(graph.code, slot);
  if (kind !== 'alu' || x || graph.references.has(slot)) return undefined;
  const imm = graph.code.imm[slot]!;
  if (imm === 0 && DIVISIONS.has(op)) {
    return {
      slot,
      severity: 'warning',
      code: 'division-by-zero',
      message: op.endsWith('/') ? 'division by zero' : 'remainder of a division by zero',
      help: [refusal('div by zero')],
    };
  }
  if (!SHIFTS.has(op) || (imm >= 0 && imm < width)) return undefined;
  return {
    slot,
    severity: 'warning',
    code: 'shift-too-far',
    message: `a shift of ${width} bits goes from 0 to ${width - 1}, not ${imm}`,
    help: [refusal(`invalid shift ${imm}`)],
  };
}

function gplOnly(context: CheckContext, slot: number): Finding | undefined {
  if (context.input.gplCompatible !== false) return undefined;
  const helper = calledHelper(context, slot);
  if (!helper?.gplOnly) return undefined;
  return {
    slot,
    severity: 'warning',
    code: 'gpl-only-helper',
    message: `'${helper.name}' is only for programs with a GPL-compatible licence`,
    help: [
      `if the program is under one, say so, as in '.license "Dual MIT/GPL"'`,
      refusal('cannot call GPL-restricted function from non-GPL compatible program'),
    ],
  };
}
