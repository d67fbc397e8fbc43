import { arch } from 'node:process';
import type { UsdtArgument, UsdtProbe } from '../../elf/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { Program } from '../load/program.ts';
import type { BpfMap } from '../maps/map.ts';

// Programs in C read the arguments of a USDT probe with `usdt.bpf.h` of libbpf: bpf_usdt_arg() looks up, by
// the attach cookie, where an argument lies. The loader writes that into a map of the header's.

const SPECS_MAP = '__bpf_usdt_specs';
/** `struct __bpf_usdt_spec`: 12 arguments of 16 bytes, the cookie, how many there are. */
const MAX_ARGUMENTS = 12;
const ARGUMENT_SIZE = 16;
const COOKIE_OFFSET = MAX_ARGUMENTS * ARGUMENT_SIZE;
const COUNT_OFFSET = COOKIE_OFFSET + 8;
const SPEC_SIZE = COUNT_OFFSET + 8;

/** `enum __bpf_usdt_arg_type`. */
const ArgumentKind = { CONST: 0, REG: 1, REG_DEREF: 2 } as const;

/** Where an argument lies when its probe is hit. */
export interface ArgumentPlace {
  readonly kind: (typeof ArgumentKind)[keyof typeof ArgumentKind];
  /** The constant, or what is added to the register. */
  readonly value: bigint;
  /** Byte offset of the register in `struct pt_regs`; 0 for constants. */
  readonly register: number;
}

/** Places in `struct pt_regs` (Linux, `arch/x86/include/asm/ptrace.h`), by the names without size. */
const X64_PLACES: Readonly<Record<string, number>> = {
  r15: 0,
  r14: 8,
  r13: 16,
  r12: 24,
  bp: 32,
  bx: 40,
  r11: 48,
  r10: 56,
  r9: 64,
  r8: 72,
  ax: 80,
  cx: 88,
  dx: 96,
  si: 104,
  di: 112,
  ip: 128,
  sp: 152,
};

/** `rax`, `eax`, `ax`, `al`, `sil`, `r8d`, `r8w`, `r8b`. */
function x64Register(name: string): number | undefined {
  const match = /^(?:[re]?(ax|bx|cx|dx|si|di|bp|sp|ip)|([abcd])l|(si|di|bp|sp)l|(r\d+)[dwb]?)$/.exec(name);
  if (!match) return undefined;
  const [, whole, letter, low, numbered] = match;
  return X64_PLACES[whole ?? (letter ? `${letter}x` : undefined) ?? low ?? numbered ?? ''];
}

/** `x0` to `x30`, their halves `w0` …, and `sp` of `struct user_pt_regs` (Linux, `arch/arm64/include/uapi/asm/ptrace.h`). */
function arm64Register(name: string): number | undefined {
  if (name === 'sp') return 31 * 8;
  const number = /^[xw](\d+)$/.exec(name)?.[1];
  return number !== undefined && Number(number) <= 30 ? Number(number) * 8 : undefined;
}

interface Dialect {
  readonly constant: RegExp;
  /** The added number, if any, as `add`, the register as `reg`. */
  readonly memory: RegExp;
  readonly plain: RegExp;
  readonly register: (name: string) => number | undefined;
}

const NUMBER = '-?(?:0x[0-9a-fA-F]+|\\d+)';
const DIALECTS: Readonly<Record<string, Dialect>> = {
  x64: {
    constant: new RegExp(`^\\$(${NUMBER})$`),
    memory: new RegExp(`^(?<add>${NUMBER})?\\(%(?<reg>\\w+)\\)$`),
    plain: /^%(\w+)$/,
    register: x64Register,
  },
  arm64: {
    constant: new RegExp(`^(${NUMBER})$`),
    memory: new RegExp(`^\\[(?<reg>\\w+)(?:,\\s*(?<add>${NUMBER}))?\\]$`),
    plain: /^(\w+)$/,
    register: arm64Register,
  },
};

function parseNumber(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

/**
 * Where the assembler put an argument; undefined for what cannot be told so, such as a sum of registers.
 *
 * @param machine as `process.arch` has it
 *
 * @example `argumentPlace('-20(%rbp)', 'x64')` is `{ kind: 2, value: -20n, register: 32 }`
 */
export function argumentPlace(operand: string, machine: string = arch): ArgumentPlace | undefined {
  const dialect = DIALECTS[machine];
  if (!dialect) return undefined;
  const constant = dialect.constant.exec(operand)?.[1];
  if (constant !== undefined) return { kind: ArgumentKind.CONST, value: parseNumber(constant), register: 0 };
  const { add, reg } = dialect.memory.exec(operand)?.groups ?? {};
  const plain = reg === undefined ? dialect.plain.exec(operand)?.[1] : undefined;
  const register = dialect.register(reg ?? plain ?? '');
  if (register === undefined) return undefined;
  return plain === undefined
    ? { kind: ArgumentKind.REG_DEREF, value: parseNumber(add ?? '0'), register }
    : { kind: ArgumentKind.REG, value: 0n, register };
}

/**
 * A `struct __bpf_usdt_spec`.
 *
 * @throws {TsbpfError} `USDT_ARGUMENT_UNSUPPORTED`
 */
export function encodeSpec(probe: UsdtProbe, cookie: bigint, machine: string = arch): Uint8Array {
  const bytes = new Uint8Array(SPEC_SIZE);
  const view = new DataView(bytes.buffer);
  const { arguments: args, provider, name } = probe;
  if (args.length > MAX_ARGUMENTS)
    throw unsupported(provider, name, `has ${args.length} arguments, of which ${MAX_ARGUMENTS} can be told`);
  for (const [index, argument] of args.entries()) {
    const { size, signed, operand }: UsdtArgument = argument;
    const place = argumentPlace(operand, machine);
    if (!place || ![1, 2, 4, 8].includes(size))
      throw unsupported(
        provider,
        name,
        `has its argument ${index} of ${size} bytes at '${operand}', which cannot be told`,
      );
    const at = index * ARGUMENT_SIZE;
    view.setBigInt64(at, place.value, true);
    view.setUint32(at + 8, place.kind, true);
    view.setInt16(at + 12, place.register, true);
    bytes[at + 14] = signed ? 1 : 0;
    bytes[at + 15] = 64 - 8 * size;
  }
  view.setBigUint64(COOKIE_OFFSET, cookie, true);
  view.setInt16(COUNT_OFFSET, args.length, true);
  return bytes;
}

function unsupported(provider: string, name: string, problem: string): TsbpfError {
  return new TsbpfError('USDT_ARGUMENT_UNSUPPORTED', `probe ${provider}:${name} ${problem}`, {
    hint: 'a program without usdt.bpf.h can be attached to it, and read registers itself',
  });
}

/**
 * Tells a program that uses `usdt.bpf.h` where a probe's arguments lie.
 *
 * @returns the cookie to attach it with; the given one for programs that do without
 * @throws {TsbpfError} `USDT_ARGUMENT_UNSUPPORTED`, `USDT_SPECS_FULL`, `VALUE_SIZE`
 */
export function usdtCookie(
  program: Program,
  probe: UsdtProbe,
  cookie: bigint | undefined,
): bigint | undefined {
  const map = program.maps.find(({ name }) => name === SPECS_MAP);
  if (!map) return cookie;
  if (map.valueSize !== SPEC_SIZE)
    throw new TsbpfError(
      'VALUE_SIZE',
      `values of ${SPECS_MAP} have ${map.valueSize} bytes, not ${SPEC_SIZE}`,
    );
  return BigInt(place(map, encodeSpec(probe, cookie ?? 0n)));
}

/** The index of an equal entry, or of one that was free; entries stay, as probes of other handles may use them. */
function place(map: BpfMap, spec: Uint8Array): number {
  const last = map.maxEntries - 1;
  // Looks as a free one does, so it has a place of its own.
  if (spec.every((byte) => byte === 0)) return last;
  for (let index = 0; index < last; index++) {
    const there = map.getBytes(index)!;
    if (there.every((byte, at) => byte === spec[at])) return index;
    if (there.some((byte) => byte !== 0)) continue;
    map.set(index, spec);
    return index;
  }
  throw new TsbpfError(
    'USDT_SPECS_FULL',
    `${SPECS_MAP} holds no more than ${map.maxEntries} kinds of probes`,
    {
      hint: 'in C: #define BPF_USDT_MAX_SPEC_CNT, before usdt.bpf.h is included',
    },
  );
}
