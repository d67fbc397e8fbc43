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
export { enumName } from './enum-name.ts';
export { HELPERS, type Helper } from './helpers.generated.ts';
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
export {
  AttachType,
  BpfCmd,
  LinkType,
  MapFlag,
  MapType,
  ProgType,
  SkAction,
  UpdateFlag,
  XdpAction,
} from './kernel-tables.generated.ts';
export { HelperFlag, TcAction } from './named-constants.ts';
