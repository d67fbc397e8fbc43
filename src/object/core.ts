import { needsTarget } from '../btf/core/kinds.ts';
import { CoreRelocator, type CoreResult } from '../btf/core/relocate.ts';
import { CoreTarget } from '../btf/core/target.ts';
import { SLOT_SIZE } from '../isa/codec.ts';
import { viewOf } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import { setSrc, setWide } from './insn-fields.ts';
import type { CoreRelocation, KernelFacts, ObjectSpec, PoisonedInsn } from './spec.ts';

/** A call of a helper that no kernel has; the number is the one that other loaders use, so that logs are recognised. */
export const POISON_HELPER = 0xbad2310;

const CALL = 0x85;
const LDDW = 0x18;
/** Instruction classes, the lower 3 bits of an opcode (RFC 9669, section 3.2). */
const InsnClass = { LDX: 1, ST: 2, STX: 3, ALU: 4, ALU64: 7 } as const;
/** Bit 3 of an ALU opcode: the operand is a register. */
const SOURCE_REGISTER = 0x08;
/** Bits 3 and 4 of a load or store: its size. */
const SIZE_MASK = 0x18;
const sizeCodes: ReadonlyMap<number, number> = new Map([
  [1, 0x10],
  [2, 0x08],
  [4, 0x00],
  [8, 0x18],
]);
const MAX_OFF = 0x7fff;

/** Code whose CO-RE relocations are being applied. */
interface Site {
  readonly program: string;
  readonly view: DataView;
  readonly little: boolean;
  readonly endian: ObjectSpec['endian'];
}

/**
 * Fills the instructions of a program with what its CO-RE relocations come to in the kernel that
 * the facts tell of, and those that cannot run there with a call that the verifier refuses if it
 * gets there.
 *
 * @returns the instructions that were made unusable
 * @throws {TsbpfError} `CORE_NEEDS_BTF`, `CORE_AMBIGUOUS`, `CORE_BAD_RELOCATION`, `CORE_INSN_MISMATCH`
 */
export function applyCoreRelocations(
  { btf, endian, functions }: ObjectSpec,
  program: string,
  code: Uint8Array,
  relocations: readonly CoreRelocation[],
  facts: KernelFacts,
): PoisonedInsn[] {
  if (relocations.length === 0 || !btf) return [];
  const target = facts.btf && new CoreTarget(facts.btf, () => facts.moduleBtf);
  const relocator = new CoreRelocator(btf, target);
  relocator.prepare(allRelocations(functions));
  const site: Site = { program, view: viewOf(code), little: endian === 'little', endian };
  const poisoned: PoisonedInsn[] = [];
  for (const relocation of relocations) {
    const reason = applyOne(site, relocation.slot, relocator.resolve(relocation));
    if (reason === undefined) continue;
    poisoned.push(poison(site, relocation.slot, reason));
  }
  return poisoned;
}

/** Those of the programs that are linked next as well: looking for all types at once takes one pass instead of one a program. */
function allRelocations(functions: ObjectSpec['functions']): readonly CoreRelocation[] {
  let all = relocationsOf.get(functions);
  if (!all) {
    const byType = new Map<number, CoreRelocation>();
    for (const { coreRelocations } of functions.values())
      for (const relocation of coreRelocations)
        if (needsTarget(relocation.kind)) byType.set(relocation.type, relocation);
    all = [...byType.values()];
    relocationsOf.set(functions, all);
  }
  return all;
}

/** One relocation for each type. */
const relocationsOf: WeakMap<ObjectSpec['functions'], readonly CoreRelocation[]> = new WeakMap();

/** @returns why the instruction cannot be used, if so */
function applyOne(site: Site, slot: number, result: CoreResult): (() => string) | undefined {
  const { view } = site;
  if ((slot + 1) * SLOT_SIZE > view.byteLength) throw mismatch(site, slot, 'there is no such instruction');
  if (result.outcome === 'poison') return result.reason;
  const opcode = view.getUint8(slot * SLOT_SIZE);
  switch (opcode & 7) {
    case InsnClass.ALU:
    case InsnClass.ALU64:
      patchImm(site, slot, opcode, result);
      return undefined;
    case InsnClass.LDX:
    case InsnClass.ST:
    case InsnClass.STX:
      return patchOff(site, slot, opcode, result);
    default:
      patchWide(site, slot, opcode, result);
      return undefined;
  }
}

type Answer = Extract<CoreResult, { outcome: 'value' }>;

function patchImm({ view, little, ...site }: Site, slot: number, opcode: number, answer: Answer): void {
  const at = slot * SLOT_SIZE + 4;
  if ((opcode & SOURCE_REGISTER) !== 0)
    throw mismatch(site, slot, 'its instruction takes a register, not a number');
  expectLocal(site, slot, BigInt(view.getInt32(at, little)), BigInt.asIntN(32, answer.local), answer.checked);
  view.setInt32(at, Number(BigInt.asIntN(32, answer.value)), little);
}

function patchOff(site: Site, slot: number, opcode: number, answer: Answer): (() => string) | undefined {
  const { view, little } = site;
  const at = slot * SLOT_SIZE;
  const { value, local, checked, resize } = answer;
  expectLocal(site, slot, BigInt(view.getInt16(at + 2, little)), local, checked);
  if (value > MAX_OFF || value < 0)
    throw new TsbpfError(
      'CORE_OUT_OF_RANGE',
      `${site.program}, slot ${slot}: the field is at byte ${value} in the kernel, an instruction reaches ${MAX_OFF}`,
      { hint: 'take its address with bpf_core_field_offset() and add it' },
    );
  if (resize?.unsafe) return resize.unsafe;
  view.setInt16(at + 2, Number(value), little);
  if (!resize) return undefined;
  const [from, to] = [sizeCodes.get(resize.from), sizeCodes.get(resize.to)];
  if (from === undefined || to === undefined || (opcode & SIZE_MASK) !== from)
    throw mismatch(
      site,
      slot,
      `its instruction does not load or store the ${resize.from} bytes of the field`,
    );
  view.setUint8(at, (opcode & ~SIZE_MASK) | to);
  return undefined;
}

function patchWide(site: Site, slot: number, opcode: number, answer: Answer): void {
  const { view, little, endian } = site;
  const at = slot * SLOT_SIZE;
  if (opcode !== LDDW || at + 2 * SLOT_SIZE > view.byteLength)
    throw mismatch(site, slot, `opcode 0x${opcode.toString(16)} has no place for it`);
  const low = BigInt(view.getUint32(at + 4, little));
  const high = BigInt(view.getInt32(at + 12, little));
  expectLocal(site, slot, (high << 32n) | low, BigInt.asIntN(64, answer.local), answer.checked);
  const { value } = answer;
  setWide(view, slot, endian, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}

/** The compiler put the object's own value there; another one says that relocation and code do not belong together. */
function expectLocal(
  site: Pick<Site, 'program'>,
  slot: number,
  has: bigint,
  local: bigint,
  checked: boolean,
): void {
  if (checked && has !== local)
    throw mismatch(
      site,
      slot,
      `its instruction holds ${has}, but by the object's own types it should be ${local}`,
    );
}

function mismatch({ program }: Pick<Site, 'program'>, slot: number, message: string): TsbpfError {
  return new TsbpfError(
    'CORE_INSN_MISMATCH',
    `${program}, slot ${slot}: a CO-RE relocation does not fit its code: ${message}`,
    { hint: 'the object was changed after it was compiled; compile it again' },
  );
}

function poison(site: Site, slot: number, reason: () => string): PoisonedInsn {
  const wide = site.view.getUint8(slot * SLOT_SIZE) === LDDW;
  poisonSlot(site.view, slot, site.endian, POISON_HELPER);
  // Its second half alone would be an unknown opcode, which would hide the reason.
  if (wide && (slot + 2) * SLOT_SIZE <= site.view.byteLength)
    poisonSlot(site.view, slot + 1, site.endian, POISON_HELPER);
  return poisonedInsn(slot, wide ? 2 : 1, POISON_HELPER, reason);
}

/** Overwrites a slot with a call of a helper that does not exist. */
export function poisonSlot(view: DataView, slot: number, endian: ObjectSpec['endian'], helper: number): void {
  const at = slot * SLOT_SIZE;
  view.setUint8(at, CALL);
  view.setUint8(at + 1, 0);
  setSrc(view, slot, endian, 0);
  view.setInt16(at + 2, 0);
  view.setInt32(at + 4, helper, endian === 'little');
}

/** The reason is made when it is asked for: most of what cannot run here is guarded and never reached. */
export function poisonedInsn(
  slot: number,
  slots: number,
  helper: number,
  reason: () => string,
): PoisonedInsn {
  return Object.freeze({
    slot,
    slots,
    helper,
    get reason() {
      return reason();
    },
  });
}
