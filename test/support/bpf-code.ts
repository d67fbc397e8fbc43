import { AttachType, MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import type {
  FunctionSpec,
  MapEntry,
  MapSpec,
  ObjectSpec,
  ProgramKind,
  Relocation,
} from '../../src/object/spec.ts';
import { concatBytes } from '../../src/util/bytes.ts';

/** One slot of code, little-endian (RFC 9669, section 3.1). */
export function slot(opcode: number, dst: number, src: number, off: number, imm: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  bytes[0] = opcode;
  bytes[1] = dst | (src << 4);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return bytes;
}

export const movImm = (dst: number, imm: number): Uint8Array => slot(0xb7, dst, 0, 0, imm);
export const movReg = (dst: number, src: number): Uint8Array => slot(0xbf, dst, src, 0, 0);
const addImm = (dst: number, imm: number): Uint8Array => slot(0x07, dst, 0, 0, imm);
export const call = (helper: number): Uint8Array => slot(0x85, 0, 0, 0, helper);
export const exit: Uint8Array = slot(0x95, 0, 0, 0, 0);

/** An lddw of a map; give its descriptor, or leave it to a relocation. */
export function loadMap(dst: number, fd = 0): Uint8Array {
  return concatBytes([slot(0x18, dst, 1, 0, fd), slot(0, 0, 0, 0, 0)]);
}

/** `return value`. */
export function returns(value: number): Uint8Array {
  return concatBytes([movImm(0, value), exit]);
}

/** `bpf_tail_call(ctx, map, index); return otherwise`. The lddw is at slot 0. */
export function tailCalls(index: number, otherwise: number, fd = 0): Uint8Array {
  return concatBytes([loadMap(2, fd), movImm(3, index), call(12), movImm(0, otherwise), exit]);
}

/**
 * `counter[0]++; bpf_tail_call(ctx, jump, 0); return 1`. The counter's lddw is at slot 4, the jump
 * table's at {@link COUNTING_JUMP_SLOT}.
 */
export const countingTailCall: Uint8Array = concatBytes([
  movReg(6, 1),
  slot(0x62, 10, 0, -4, 0),
  movReg(2, 10),
  addImm(2, -4),
  loadMap(1),
  call(1),
  slot(0x15, 0, 0, 2, 0),
  movImm(1, 1),
  slot(0xdb, 0, 1, 0, 0),
  movReg(1, 6),
  loadMap(2),
  movImm(3, 0),
  call(12),
  movImm(0, 1),
  exit,
]);
export const COUNTING_COUNTER_SLOT = 4;
export const COUNTING_JUMP_SLOT = 11;

export const XDP: ProgramKind = {
  progType: ProgType.XDP,
  expectedAttachType: AttachType.XDP,
  flags: 0,
  attachTo: undefined,
  autoload: true,
};
export const SCHED_CLS: ProgramKind = { ...XDP, progType: ProgType.SCHED_CLS, expectedAttachType: 0 };

export function functionSpec(
  name: string,
  section: string,
  code: Uint8Array,
  kind: ProgramKind | undefined = XDP,
  relocations: readonly Relocation[] = [],
): FunctionSpec {
  return {
    name,
    section,
    sectionOffset: 0,
    linkage: 'global',
    code,
    relocations,
    coreRelocations: [],
    lines: [],
    type: undefined,
    program: kind,
  };
}

export function mapSpec(name: string, type: MapType, parts: Partial<MapSpec> = {}): MapSpec {
  return {
    name,
    type,
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    flags: 0,
    extra: 0n,
    numaNode: undefined,
    pinning: 'none',
    key: undefined,
    value: undefined,
    inner: undefined,
    contents: [],
    freeze: false,
    origin: 'builder',
    ...parts,
  };
}

export function progArray(name: string, maxEntries: number, ...programs: (string | undefined)[]): MapSpec {
  const contents = programs.flatMap((program, key): MapEntry[] =>
    program === undefined ? [] : [{ kind: 'program', key, program }],
  );
  return mapSpec(name, MapType.PROG_ARRAY, { maxEntries, contents });
}

export function objectSpec(parts: {
  readonly functions: readonly FunctionSpec[];
  readonly maps?: readonly MapSpec[];
  readonly license?: string;
  readonly variables?: ObjectSpec['variables'];
  readonly endian?: 'little' | 'big';
}): ObjectSpec {
  return {
    endian: parts.endian ?? 'little',
    license: parts.license ?? '',
    functions: new Map(parts.functions.map((fn) => [fn.name, fn])),
    maps: new Map((parts.maps ?? []).map((map) => [map.name, map])),
    variables: parts.variables ?? new Map(),
    externs: new Map(),
    btf: undefined,
  };
}

/** An Ethernet frame of 64 bytes with an IPv4 header of the given protocol. */
export function frameOf(protocol: number): Uint8Array {
  const frame = new Uint8Array(64);
  frame.set([0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45]);
  frame[23] = protocol;
  return frame;
}
