import { readFileSync } from 'node:fs';
import {
  type Executable,
  type ExecutableSymbol,
  readExecutable,
  type UsdtProbe,
  usdtProbes,
} from '../../elf/index.ts';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { Errno } from '../../syscall/errno.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Program } from '../load/program.ts';
import { attachToEvent, EVERY_PROCESS, type PerfAttachOptions, probePmu } from './attach-perf.ts';
import { requireType } from './attach-type.ts';
import { findBinary } from './find-binary.ts';
import { type Attached, createLink, type Link, LinkGroup } from './link.ts';
import { usdtCookie } from './usdt-spec.ts';

export interface ProbedFile {
  /** A path, a program in PATH (`bash`) or a library as the loader knows it (`libc.so.6`, `libc`). */
  readonly path: string;
  /** Only hits of this process. Left out, every process, also those that start later. */
  readonly pid?: number;
}

export interface UprobeOptions extends ProbedFile, PerfAttachOptions {
  /** A function, with an offset behind it or not: `readline`, `main+0x4`, `write@GLIBC_2.2.5`. */
  readonly symbol?: string;
  /** Added to the symbol; without one, the offset in the file. */
  readonly offset?: number;
  /** In place of both: an address as `nm` and `objdump` show it. */
  readonly address?: number;
  /** True: when the function returns. */
  readonly ret?: boolean;
  /** Where in the file a counter lies that the kernel raises while the probe is there. */
  readonly refCtrOffset?: number;
}

function openExecutable(path: string): Executable {
  return readExecutable(readFileSync(path), path);
}

function findSymbol(executable: Executable, name: string): ExecutableSymbol {
  const found = executable.symbol(name);
  if (found) return found;
  const names = executable.symbols().map((symbol) => symbol.name);
  throw new TsbpfError('SYMBOL_NOT_FOUND', `${executable.path} has no function '${name}'`, {
    hint:
      names.length === 0
        ? 'it is stripped of all symbols; give an offset in the file'
        : (didYouMean(name, names)[0] ??
          `it has ${names.length} functions: nm -D ${executable.path} lists them`),
  });
}

/** `main+0x4` as its two parts. */
function splitSymbol(text: string): { readonly name: string; readonly added: number } {
  const match = /^(.+?)\+(0x[0-9a-fA-F]+|\d+)$/.exec(text);
  return match ? { name: match[1]!, added: Number(match[2]) } : { name: text, added: 0 };
}

/**
 * Where in a file a probe goes.
 *
 * @throws {TsbpfError} `SYMBOL_NOT_FOUND`, `PROBE_PLACE_MISSING` @throws {FormatError} where it is no ELF file
 */
export function probeOffset(
  path: string,
  place: Pick<UprobeOptions, 'symbol' | 'offset' | 'address'>,
): number {
  const { symbol, offset, address } = place;
  if (address !== undefined) return openExecutable(path).fileOffset(address);
  if (symbol !== undefined) {
    const { name, added } = splitSymbol(symbol);
    return findSymbol(openExecutable(path), name).fileOffset + added + (offset ?? 0);
  }
  if (offset !== undefined) return offset;
  throw new TsbpfError('PROBE_PLACE_MISSING', `a probe in ${path} needs a symbol, an offset or an address`);
}

function placeText(path: string, options: UprobeOptions, offset: number): string {
  const kind = options.ret ? 'uretprobe' : 'uprobe';
  return `${kind} ${path}:${options.symbol ?? `0x${offset.toString(16)}`}`;
}

/**
 * Attaches a program to a place in a program or library: it runs in whichever process comes there.
 *
 * @example `using link = attachUprobe(program, { path: 'bash', symbol: 'readline', ret: true });`
 * @throws {TsbpfError} `BINARY_NOT_FOUND`, `SYMBOL_NOT_FOUND`, `PROG_TYPE_WRONG`, `UPROBE_UNAVAILABLE`
 * @throws {SyscallError} EACCES without CAP_SYS_ADMIN, EINVAL where no instruction begins, ESRCH
 */
export function attachUprobe(program: Program, options: UprobeOptions): Attached {
  requireType(program, [ProgType.KPROBE], 'a uprobe');
  const path = findBinary(options.path);
  const offset = probeOffset(path, options);
  return attachAt(program, path, offset, options);
}

/** {@link attachUprobe} at the return of a function. */
export function attachUretprobe(program: Program, options: Omit<UprobeOptions, 'ret'>): Attached {
  return attachUprobe(program, { ...options, ret: true });
}

function attachAt(program: Program, path: string, offset: number, options: UprobeOptions): Attached {
  const pmu = probePmu('uprobe');
  const { refCtrOffset = 0 } = options;
  if (refCtrOffset > 0 && pmu.refCtrShift === undefined) {
    throw new TsbpfError(
      'UPROBE_SEMAPHORE_UNAVAILABLE',
      'this kernel raises no counters for probes (Linux 4.20)',
    );
  }
  const config =
    (options.ret ? 1n << pmu.retprobeBit : 0n) | (BigInt(refCtrOffset) << (pmu.refCtrShift ?? 32n));
  const where = options.pid === undefined ? EVERY_PROCESS : { pid: options.pid, cpu: -1 };
  const target = placeText(path, options, offset);
  return attachToEvent(
    program,
    { type: pmu.type, config, text: path, config2: BigInt(offset), ...where },
    target,
    options,
    {
      needs: ['CAP_SYS_ADMIN'],
      explain: (errno) => {
        if (errno === Errno.EINVAL)
          return {
            explanation: `no instruction that can be probed begins at 0x${offset.toString(16)} of ${path}`,
          };
        if (errno === Errno.ESRCH) return { explanation: `there is no process ${options.pid}` };
        return undefined;
      },
    },
  );
}

export interface UprobeMultiOptions extends ProbedFile {
  /** Functions by name, or by a predicate. */
  readonly symbols?: readonly string[] | ((name: string) => boolean);
  /** In place of `symbols`: offsets in the file. */
  readonly offsets?: readonly number[];
  /** One for each place, in their order. */
  readonly cookies?: readonly bigint[];
  /** In place of `cookies`: the same for all. */
  readonly cookie?: bigint;
  /** One for each place; 0 for none. */
  readonly refCtrOffsets?: readonly number[];
  /** True: when the functions return. */
  readonly ret?: boolean;
}

/** BPF_F_UPROBE_MULTI_RETURN (Linux, `include/uapi/linux/bpf.h`). */
const UPROBE_MULTI_RETURN = 1;

/**
 * Attaches a program of a `uprobe.multi` or `uprobe.session` section to many places by one link
 * (Linux 6.6, sessions 6.13).
 *
 * @throws {TsbpfError} `SYMBOL_NOT_FOUND`, `BINARY_NOT_FOUND`, `PROBE_PLACE_MISSING`, `PROBE_COUNT`
 * @throws {SyscallError} EINVAL, ESRCH
 */
export function attachUprobeMulti(program: Program, options: UprobeMultiOptions): Link {
  requireType(program, [ProgType.KPROBE], 'uprobe.multi');
  const path = findBinary(options.path);
  const { symbols, refCtrOffsets, ret, pid = 0 } = options;
  const offsets = options.offsets ?? (symbols && offsetsOf(path, symbols)) ?? [];
  if (offsets.length === 0)
    throw new TsbpfError('PROBE_PLACE_MISSING', `probes in ${path} need symbols or offsets`);
  const cookies = cookiesOf(options, offsets.length);
  expectOneEach('refCtrOffsets', refCtrOffsets, offsets.length);
  return createLink(
    program,
    {
      attachType: sessionOr(program, AttachType.TRACE_UPROBE_SESSION, AttachType.TRACE_UPROBE_MULTI),
      arm: {
        kind: 'uprobe-multi',
        path,
        offsets: offsets.map(BigInt),
        ...(cookies && { cookies }),
        ...(refCtrOffsets && { refCtrOffsets: refCtrOffsets.map(BigInt) }),
        flags: ret ? UPROBE_MULTI_RETURN : 0,
        pid,
      },
    },
    `${offsets.length} places in ${path} (uprobe.multi)`,
  );
}

/** The cookies of several places. @throws {TsbpfError} `PROBE_COUNT` */
export function cookiesOf(
  { cookie, cookies }: Pick<UprobeMultiOptions, 'cookie' | 'cookies'>,
  places: number,
): readonly bigint[] | undefined {
  expectOneEach('cookies', cookies, places);
  return cookies ?? (cookie === undefined ? undefined : new Array<bigint>(places).fill(cookie));
}

/** The kernel reads one for each place, whatever lies behind the last. */
function expectOneEach(what: string, given: readonly unknown[] | undefined, places: number): void {
  if (given === undefined || given.length === places) return;
  throw new TsbpfError(
    'PROBE_COUNT',
    `there are ${given.length} ${what} for ${places} place${places === 1 ? '' : 's'}: give one for each`,
  );
}

/** A session's program says so since its load; others are taken for plain ones. */
export function sessionOr(program: Program, session: number, plain: number): number {
  return program.traits.expectedAttachType === session ? session : plain;
}

function offsetsOf(path: string, symbols: NonNullable<UprobeMultiOptions['symbols']>): number[] {
  const executable = openExecutable(path);
  const found =
    typeof symbols === 'function'
      ? executable.symbols(symbols)
      : symbols.map((name) => findSymbol(executable, name));
  if (found.length > 0) return found.map(({ fileOffset }) => fileOffset);
  throw new TsbpfError('SYMBOL_NOT_FOUND', `no function of ${path} is wanted`);
}

export interface UsdtOptions extends ProbedFile, PerfAttachOptions {
  readonly provider: string;
  readonly name: string;
}

/** The USDT probes that a program or library has. @throws {TsbpfError} `BINARY_NOT_FOUND` */
export function listUsdt(path: string): UsdtProbe[] {
  return usdtProbes(openExecutable(findBinary(path)));
}

/**
 * Attaches a program to every place where a USDT probe stands, and tells the traced program through
 * its semaphore that somebody listens. A program in C that reads arguments with `usdt.bpf.h` is told
 * where they lie; `bpf_usdt_cookie()` answers the cookie.
 *
 * @throws {TsbpfError} `USDT_NOT_FOUND`, `BINARY_NOT_FOUND` @throws {SyscallError} as {@link attachUprobe}
 */
export function attachUsdt(program: Program, options: UsdtOptions): LinkGroup {
  requireType(program, [ProgType.KPROBE], 'a USDT probe');
  const path = findBinary(options.path);
  const { provider, name } = options;
  const all = usdtProbes(openExecutable(path));
  const places = all.filter((probe) => probe.provider === provider && probe.name === name);
  const target = `usdt ${path}:${provider}:${name}`;
  if (places.length === 0) {
    const names = [...new Set(all.map((probe) => `${probe.provider}:${probe.name}`))];
    throw new TsbpfError('USDT_NOT_FOUND', `${path} has no probe ${provider}:${name}`, {
      hint:
        didYouMean(`${provider}:${name}`, names)[0] ??
        (names.length > 0 ? `it has ${names.join(', ')}` : 'it has none at all'),
    });
  }
  return LinkGroup.make(places, target, (probe) => {
    const cookie = usdtCookie(program, probe, options.cookie);
    return attachAt(program, path, probe.fileOffset, {
      ...options,
      refCtrOffset: probe.semaphoreOffset,
      ...(cookie !== undefined && { cookie }),
    });
  });
}
