import { MapFlag, MapType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { Errno } from '../../syscall/errno.ts';
import { Fd } from '../../syscall/fd.ts';
import { concatBytes } from '../../util/bytes.ts';
import { allOf, type FeatureAnswer, no, refusal, yes } from './features-answer.ts';
import { exit, insn, movImm, openMap, probeProgram, returns } from './features-probe.ts';

// Opcodes of RFC 9669, section 4 and 5; `may_goto`, `load_acquire` and the rest are Linux's.
const lddw = (dst: number, src: number, imm: number): Uint8Array =>
  concatBytes([insn(0x18, dst, src, 0, imm), insn(0, 0, 0, 0, 0)]);
const code = (...parts: Uint8Array[]): Uint8Array => concatBytes(parts);
/** `*(u64 *)(r10 - 8) = 0` */
const clearStack = insn(0x7a, 10, 0, -8, 0);

/** More than the 4096 that Linux allowed before 5.2. */
const LARGE_SLOTS = 4096;

type Part =
  | 'v1'
  | 'unsigned-less'
  | 'jmp32'
  | 'large-programs'
  | 'bounded-loops'
  | 'atomics'
  | 'signed-division'
  | 'sign-extending-moves'
  | 'sign-extending-loads'
  | 'bswap'
  | 'gotol'
  | 'may-goto'
  | 'load-acquire';

/** One program for each thing that an instruction set may have; each ends in `exit`. */
const PROGRAMS: Readonly<Record<Part, () => Uint8Array>> = {
  v1: () => returns(0),
  /** `if r0 < 0 goto +0`: 4.14. */
  'unsigned-less': () => code(movImm(0, 0), insn(0xa5, 0, 0, 0, 0), exit),
  /** `if w0 == 1 goto +0`: 5.1. */
  jmp32: () => code(movImm(0, 0), insn(0x16, 0, 0, 0, 1), exit),
  /** 5.2. */
  'large-programs': () => code(...Array.from({ length: LARGE_SLOTS }, () => movImm(0, 0)), exit),
  /** Back to where r0 is counted, four times: 5.3. */
  'bounded-loops': () => code(movImm(0, 0), insn(0x07, 0, 0, 0, 1), insn(0xa5, 0, 0, -2, 4), exit),
  /** `r0 = atomic_fetch_add((u64 *)(r10 - 8), r0)`: 5.12. */
  atomics: () => code(clearStack, movImm(0, 0), insn(0xdb, 10, 0, -8, 0x01), exit),
  /** `r0 s/= 1`: 6.6, as all of v4. */
  'signed-division': () => code(movImm(0, 0), insn(0x37, 0, 0, 1, 1), exit),
  /** `r0 = (s8)r0` */
  'sign-extending-moves': () => code(movImm(0, 0), insn(0xbf, 0, 0, 8, 0), exit),
  /** `r0 = *(s8 *)(r10 - 8)` */
  'sign-extending-loads': () => code(clearStack, insn(0x91, 0, 10, -8, 0), exit),
  /** `r0 = bswap16 r0` */
  bswap: () => code(movImm(0, 0), insn(0xd7, 0, 0, 0, 16), movImm(0, 0), exit),
  /** `gotol +0` */
  gotol: () => code(movImm(0, 0), insn(0x06, 0, 0, 0, 0), exit),
  /** `may_goto +1`: 6.9, and some of those refuse +0. */
  'may-goto': () => code(movImm(0, 0), insn(0xe5, 0, 0, 1, 0), movImm(0, 0), exit),
  /** `r0 = load_acquire((u64 *)(r10 - 8))`: 6.15. */
  'load-acquire': () => code(clearStack, insn(0xdb, 0, 10, -8, 0x100), movImm(0, 0), exit),
};

type Level = 'v2' | 'v3' | 'v4';

/** What a level has beyond v1, as compilers name them with `-mcpu`. */
const LEVELS: Readonly<Record<Level, readonly Part[]>> = {
  v2: ['unsigned-less'],
  v3: ['unsigned-less', 'jmp32'],
  v4: [
    'unsigned-less',
    'jmp32',
    'signed-division',
    'sign-extending-moves',
    'sign-extending-loads',
    'bswap',
    'gotol',
  ],
};

export type IsaName = Part | Level | 'addr-space-cast';

export const ISA_NAMES: readonly IsaName[] = [
  'v1',
  'v2',
  'v3',
  'v4',
  ...(Object.keys(PROGRAMS).filter((name) => name !== 'v1') as Part[]),
  'addr-space-cast',
];

/** @param ask answers for the parts of a level */
export function probeIsa(
  name: IsaName,
  version: number,
  ask: (part: IsaName) => FeatureAnswer,
): FeatureAnswer {
  if (name in LEVELS) {
    const parts = LEVELS[name as Level];
    return allOf(parts.map(ask), yes(`${parts.join(', ')} are taken`));
  }
  const plain = name === 'v1' ? undefined : ask('v1');
  if (plain && plain.state !== 'yes') return plain;
  if (name === 'addr-space-cast') return probeArenaCast(version);
  return answer(probeProgram({ type: ProgType.SOCKET_FILTER, code: PROGRAMS[name as Part]() }, version));
}

/** The same program without the instruction loads: what is refused is the instruction. */
function answer(result: number): FeatureAnswer {
  if (result >= 0) return yes('a program with it loads');
  const errno = -result;
  const about: readonly number[] = [
    Errno.EINVAL,
    Errno.EACCES,
    Errno.E2BIG,
    Errno.EOPNOTSUPP,
    Errno.ENOTSUPP,
  ];
  if (about.includes(errno)) return no('a program with it does not load, and without it does', errno);
  return refusal(errno);
}

/** `r1 = arena ll; r1 = addr_space_cast(r1, 0, 1)`: only programs that use an arena may. */
function probeArenaCast(version: number): FeatureAnswer {
  // Where user space would see it; programs are refused until that is known.
  const address = { map_extra: 1n << 44n };
  const arena = openMap({ map_type: MapType.ARENA, max_entries: 1, map_flags: MapFlag.MMAPABLE, ...address });
  if (!(arena instanceof Fd)) {
    return arena === -Errno.EINVAL ? no('the kernel has no arenas', Errno.EINVAL) : refusal(-arena);
  }
  using held = arena;
  const PSEUDO_MAP_FD = 1;
  const cast = code(lddw(1, PSEUDO_MAP_FD, held.number), insn(0xbf, 1, 1, 1, 1), returns(0));
  return answer(probeProgram({ type: ProgType.SYSCALL, code: cast, flags: 1 << 4 }, version));
}
