export {
  decodeInsnAt,
  decodeInsns,
  encodeInsns,
  type InsnOperands,
  type Instruction,
  makeInsn,
  type ReservedField,
  reservedFields,
  SLOT_SIZE,
  slotCount,
  wideImmediate,
} from './codec.ts';
export {
  findInsn,
  INSN_TABLE,
  InsnClass,
  type InsnDef,
  type InsnKind,
  type IsaLevel,
  LddwSource,
  UNKNOWN_INSN,
} from './insn-table.ts';
