import { insnAt, nextSlot } from '../../flow/code.ts';
import type { RegisterSet } from '../../flow/registers.ts';
import { ProgType } from '../../isa/kernel-tables.generated.ts';
import type { CheckContext } from './context.ts';
import { type Finding, refusal } from './finding.ts';
import { calledHelper } from './operands.ts';
import type { Way, WayFinder } from './way.ts';

/** Registers that are read on a way on which nothing has set them; one finding for each that left them so. */
export function checkUnset(context: CheckContext, ways: WayFinder): Finding[] {
  const { graph, registers, constants } = context;
  const findings: Finding[] = [];
  const told = new Set<string>();
  for (let block = 0; block < graph.blockCount; block++) {
    if (!constants.isExecuted(block)) continue;
    let unset = registers.unsetIn[block]!;
    const first = graph.start[block]! + graph.code.second[graph.start[block]!]!;
    for (let slot = first; slot < graph.end[block]!; slot = nextSlot(graph.code, slot)) {
      const bad = readsOf(context, slot) & unset;
      for (let register = 0; bad >> register !== 0; register++) {
        if (((bad >> register) & 1) === 0) continue;
        const way = ways.find(slot, register);
        const key = `${graph.functionOf[block]} ${register} ${way?.origin}`;
        if (!way || told.has(key)) continue;
        told.add(key);
        findings.push(unsetFinding(context, slot, register, way));
      }
      // What was read is told once, as if it had a value from then on.
      unset = (unset & ~bad & ~registers.defines[slot]!) | registers.clobbers[slot]!;
    }
  }
  return findings;
}

/**
 * A function that programs call need not set r0; who reads it then, is told. Neither need a function
 * of a struct that returns nothing, which does not show here.
 */
function readsOf({ graph, registers, functions }: CheckContext, slot: number): RegisterSet {
  const uses = registers.uses[slot]!;
  if (insnAt(graph.code, slot).kind !== 'exit') return uses;
  const fn = functions[graph.functionOf[graph.blockOf[slot]!]!];
  return fn?.isProgram && fn.progType !== ProgType.STRUCT_OPS ? uses : 0;
}

function unsetFinding(context: CheckContext, slot: number, register: number, way: Way): Finding {
  const exits = insnAt(context.graph.code, slot).kind === 'exit';
  return {
    slot,
    severity: 'warning',
    code: exits ? 'return-value-not-set' : 'register-not-set',
    message: messageOf(context, slot, `r${register}`, way),
    notes: notesOf(context, register, way),
    help: [mending(context, slot, register, way), refusal(`R${register} !read_ok`)],
  };
}

function messageOf(context: CheckContext, slot: number, name: string, { origin, branch }: Way): string {
  if (insnAt(context.graph.code, slot).kind === 'exit') {
    return branch
      ? `there is a way to this exit on which ${name}, the return value, is not set`
      : `${name}, the return value, is not set before the program exits`;
  }
  const reader = readerOf(context, slot);
  const where = reader ? 'the call' : 'here';
  const how = branch
    ? `there is a way ${reader ? 'to the call' : 'here'} on which it is not set`
    : origin !== undefined && name !== 'r0'
      ? `nothing has set it between an earlier call and ${where}`
      : `nothing has set it before`;
  return `${reader ? `${reader} reads ${name}` : `${name} is read`}, but ${how}`;
}

type Note = NonNullable<Finding['notes']>[number];

/** Who reads the arguments of a call. */
function readerOf(context: CheckContext, slot: number): string | undefined {
  const { graph, functions, callees } = context;
  if (insnAt(graph.code, slot).kind !== 'call') return undefined;
  const helper = calledHelper(context, slot);
  if (helper) return `'${helper.name}'`;
  const callee = callees.get(slot);
  const name = callee === undefined ? undefined : functions[callee]?.name;
  return name === undefined ? 'the called function' : `'${name}'`;
}

function notesOf({ graph }: CheckContext, register: number, { origin, branch }: Way): Note[] {
  const notes: Note[] = [];
  if (origin !== undefined) {
    const { kind } = insnAt(graph.code, origin);
    const taker = kind === 'call' || kind === 'callx' ? 'this call' : 'a load from the packet';
    const message =
      register === 0
        ? 'the function that is called here can return without setting r0'
        : `${taker} leaves no value in r1 to r5`;
    notes.push({ slot: origin, message });
  }
  if (branch) {
    const message = `r${register} is not set if this jump is ${branch.taken ? 'taken' : 'not taken'}`;
    notes.push({ slot: branch.slot, message });
  }
  return notes;
}

function mending(
  { graph, functions }: CheckContext,
  slot: number,
  register: number,
  { origin }: Way,
): string {
  if (insnAt(graph.code, slot).kind === 'exit') return "set it to what the program returns: 'r0 = 0'";
  if (origin !== undefined && register > 0)
    return `calls keep r6 to r9 only: copy r${register} to one of them before the call, or set it again`;
  if (origin !== undefined) return 'set r0 in the function on every way';
  return functions[graph.functionOf[graph.blockOf[slot]!]!]?.isProgram
    ? 'a program begins with its context in r1 and its stack at r10; nothing else is set'
    : 'a function begins with its arguments in r1 to r5 and its stack at r10; nothing else is set';
}
