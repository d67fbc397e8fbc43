import { insnAt } from '../../flow/code.ts';
import type { FlowValue } from '../../flow/values.ts';
import { decodeCString } from '../../util/bytes.ts';
import type { CheckContext } from './context.ts';
import type { Finding } from './finding.ts';
import { calledHelper } from './operands.ts';

const PRINTK = 'bpf_trace_printk';
/** Linux, `kernel/trace/bpf_trace.c`: MAX_TRACE_PRINTK_VARARGS. */
const MAX_ARGUMENTS = 3;
/** Blocks gone back to find what was stored on the stack: formats are written just before the call. */
const MAX_BLOCKS_BACK = 16;

/** Slots gone through for all formats on the stack of one check, so that time stays linear. */
const MAX_SLOTS_BACK = 1_000_000;

/** Formats of bpf_trace_printk that ask for more arguments than it takes. */
export function checkPrintk(context: CheckContext): Finding[] {
  const { graph, constants } = context;
  const findings: Finding[] = [];
  const budget = { slots: MAX_SLOTS_BACK };
  for (let slot = 0; slot < graph.code.slots; slot++) {
    const block = graph.blockOf[slot]!;
    if (block < 0 || graph.code.second[slot] === 1 || !constants.isExecuted(block)) continue;
    if (calledHelper(context, slot)?.name !== PRINTK) continue;
    const format = formatAt(context, slot, budget);
    const count = format === undefined ? 0 : conversions(format);
    if (format === undefined || count <= MAX_ARGUMENTS) continue;
    findings.push({
      slot,
      severity: 'warning',
      code: 'printk-arguments',
      message: `'${PRINTK}' takes up to ${MAX_ARGUMENTS} arguments, and its format asks for ${count}`,
      label: JSON.stringify(format),
      help: [
        "it prints nothing then and returns -22 (EINVAL); 'bpf_trace_vprintk' takes more (Linux 5.16)",
        "or split it into two calls; '%%' is a percent sign",
      ],
    });
  }
  return findings;
}

interface Budget {
  slots: number;
}

/** `%%` is none. */
function conversions(format: string): number {
  return format.replaceAll('%%', '').split('%').length - 1;
}

function formatAt(context: CheckContext, slot: number, budget: Budget): string | undefined {
  const { constants, input } = context;
  const address = constants.before(slot, 1);
  const size = constants.before(slot, 2);
  if (size.kind !== 'constant' || size.value > 0xffffn) return undefined;
  const length = Number(size.value);
  if (address.kind === 'stack') return fromStack(context, slot, address.offset, length, budget);
  if (address.kind !== 'address' || address.offset < 0) return undefined;
  const data = input.readData?.(address.slot);
  return data && decodeCString(data.subarray(address.offset, address.offset + length));
}

/** What constant stores on the way to a call left on the stack, or undefined where a byte is not known. */
function fromStack(
  context: CheckContext,
  call: number,
  offset: number,
  length: number,
  budget: Budget,
): string | undefined {
  const stack = new Map<number, number>();
  const { graph } = context;
  for (const block of blocksBack(context, call)) {
    budget.slots -= graph.end[block]! - graph.start[block]!;
    if (budget.slots < 0) return undefined;
    context.constants.walk(block, (slot, holds) => {
      if (block === graph.blockOf[call] && slot >= call) return;
      store(context, slot, holds, stack);
    });
  }
  const bytes: number[] = [];
  for (let at = offset; at < offset + length; at++) {
    const byte = stack.get(at);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return decodeCString(Uint8Array.from(bytes));
}

/** The blocks that control goes through for sure before a slot, without another way in between. */
function blocksBack({ graph }: CheckContext, slot: number): number[] {
  const { predecessorStart, predecessors, blockOf } = graph;
  const blocks = [blockOf[slot]!];
  for (let block = blocks[0]!; blocks.length < MAX_BLOCKS_BACK; blocks.unshift(block)) {
    const first = predecessorStart[block]!;
    if (predecessorStart[block + 1] !== first + 1) break;
    block = predecessors[first]!;
    if (blocks.includes(block)) break;
  }
  return blocks;
}

type Holds = (register: number) => FlowValue;

function store({ graph }: CheckContext, slot: number, holds: Holds, stack: Map<number, number>): void {
  const { code } = graph;
  const { kind, size } = insnAt(code, slot);
  if (kind === 'call' || kind === 'callx') stack.clear();
  if (kind === 'ldx' || kind === 'ldsx' || kind === 'loadAcquire' || size === 0) return;
  const base = holds(code.dst[slot]!);
  // Through a pointer that is not known the stack may be written too.
  if (base.kind !== 'stack') {
    if (base.kind === 'unknown') stack.clear();
    return;
  }
  const value: FlowValue =
    kind === 'st'
      ? { kind: 'constant', value: BigInt.asUintN(64, BigInt(code.imm[slot]!)) }
      : kind === 'stx'
        ? holds(code.src[slot]!)
        : { kind: 'unknown' };
  for (let at = 0; at < size; at++) {
    const place = base.offset + code.off[slot]! + at;
    const shift = BigInt(8 * (code.endian === 'little' ? at : size - 1 - at));
    if (value.kind === 'constant') stack.set(place, Number((value.value >> shift) & 0xffn));
    else stack.delete(place);
  }
}
