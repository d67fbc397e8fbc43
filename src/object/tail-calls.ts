import { decodeInsns, type Instruction } from '../isa/codec.ts';
import type { InsnKind } from '../isa/insn-table.ts';
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

/** Steps back from all calls together; code that takes more is not what anybody laid out as a dispatcher. */
const MAX_STEPS = 100_000;

/** What is known of a register on the way back from a call: it has yet to be found, or it was. */
type Known = { readonly in: number } | { readonly at: number } | 'unknown';

interface State {
  /** Index of the instruction before which this holds. */
  readonly at: number;
  readonly map: Known;
  readonly index: Known;
}

/**
 * The tail calls of a function with their constant arguments, found by walking back from each call
 * along every path: what comes out of a move or a wide load, through copies of registers.
 */
export function tailCallEdges(fn: FunctionSpec, endian: Endian): TailCallEdge[] {
  const insns = decodeInsns(fn.code, endian);
  const calls = insns.flatMap(({ def, imm }, at) => (def.name === 'call' && imm === TAIL_CALL ? [at] : []));
  if (calls.length === 0) return [];
  const slots = slotsOf(insns);
  const before = predecessors(insns, slots);
  const maps = new Map(
    fn.relocations.flatMap((entry) => (entry.kind === 'map' ? [[entry.slot, entry.map]] : [])),
  );
  const budget = { steps: MAX_STEPS };
  return calls.flatMap((call) => {
    const found = new Map<string, TailCallEdge>();
    for (const { map, index } of pathsBack(insns, before, call, budget)) {
      const edge = {
        slot: slots[call]!,
        map: typeof map === 'object' && 'at' in map ? maps.get(slots[map.at]!) : undefined,
        index: typeof index === 'object' && 'at' in index ? constantOf(insns[index.at]!) : undefined,
      };
      found.set(`${edge.map} ${edge.index}`, edge);
    }
    return [...found.values()].sort((a, b) => (a.index ?? -1) - (b.index ?? -1));
  });
}

function slotsOf(insns: readonly Instruction[]): number[] {
  let slot = 0;
  return insns.map((insn) => {
    const here = slot;
    slot += insn.def.slots;
    return here;
  });
}

/** For each instruction those that can run just before it. */
function predecessors(
  insns: readonly Instruction[],
  slots: readonly number[],
): readonly (readonly number[])[] {
  const indexAt = new Map(slots.map((slot, at) => [slot, at]));
  const out: number[][] = insns.map(() => []);
  for (const [at, { def, off, imm }] of insns.entries()) {
    if (def.kind !== 'ja' && def.kind !== 'exit') out[at + 1]?.push(at);
    const distance = def.off === 'branch' ? off : def.imm === 'branch' ? imm : undefined;
    const target = distance === undefined ? undefined : indexAt.get(slots[at]! + 1 + distance);
    if (target !== undefined) out[target]!.push(at);
  }
  return out;
}

/** What both arguments are on each path to a call. */
function pathsBack(
  insns: readonly Instruction[],
  before: readonly (readonly number[])[],
  call: number,
  budget: { steps: number },
): State[] {
  const done: State[] = [];
  const seen = new Set<string>();
  const waiting: State[] = [{ at: call, map: { in: MAP_REGISTER }, index: { in: INDEX_REGISTER } }];
  for (let state = waiting.pop(); state; state = waiting.pop()) {
    const { at, map, index } = state;
    const open = isOpen(map) || isOpen(index);
    if (!open || before[at]!.length === 0 || budget.steps-- <= 0) {
      done.push(state);
      continue;
    }
    for (const previous of before[at]!) {
      const insn = insns[previous]!;
      const next = {
        at: previous,
        map: stepBack(map, insn, previous),
        index: stepBack(index, insn, previous),
      };
      const key = `${previous} ${JSON.stringify(next.map)} ${JSON.stringify(next.index)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      waiting.push(next);
    }
  }
  return done;
}

function isOpen(known: Known): boolean {
  return typeof known === 'object' && 'in' in known;
}

const WRITES_DST: ReadonlySet<InsnKind> = new Set([
  'alu',
  'neg',
  'end',
  'movsx',
  'addrSpaceCast',
  'lddw',
  'ldx',
  'ldsx',
  'loadAcquire',
]);
/** A call leaves nothing in r0 to r5 that was there before it. */
const LAST_CLOBBERED = 5;

/** What a register was before an instruction. */
function stepBack(known: Known, { def, dst, src }: Instruction, at: number): Known {
  if (typeof known !== 'object' || !('in' in known)) return known;
  const { in: register } = known;
  if ((def.kind === 'call' || def.kind === 'callx') && register <= LAST_CLOBBERED) return 'unknown';
  const writes = WRITES_DST.has(def.kind) ? dst : def.kind === 'cmpxchg' ? 0 : def.fetch ? src : undefined;
  if (writes !== register) return known;
  return def.name === 'mov_x' ? { in: src } : { at };
}

/** The number that a move or a wide load of a constant sets, as a u32. */
function constantOf({ def, imm }: Instruction): number | undefined {
  return def.name === 'mov_k' || def.name === 'mov32_k' || def.name === 'lddw' ? imm >>> 0 : undefined;
}
