import { isQuietLog } from '../../object/verifier-log.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { logText, type ProgLoadParams, tryProgLoad } from '../../syscall/bpf-prog.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { allowMemory } from '../features/features-fallback.ts';
import type { BpfMap } from '../maps/map.ts';
import type { TailCallTraits } from '../maps/map-errors.ts';
import { ownerProgType } from '../maps/map-errors.ts';
import { VerifierError } from './verifier-error.ts';

/** Holds the log of most programs, so that one retry serves. */
const FIRST_LOG_SIZE = 64 * 1024;
/** Verifier logs of real programs reach tens of megabytes; past this only the end is kept. */
const MAX_LOG_SIZE = 64 * 1024 * 1024;
/** BPF_LOG_LEVEL1: what was walked, up to the failure. */
const LOG_LEVEL = 1;

/** Errnos that come before the verifier and that a log would tell nothing about. */
const LOGLESS: readonly number[] = [Errno.EPERM, Errno.ENOSYS, Errno.EBADF, Errno.ENOMEM];

interface Loaded {
  readonly result: number;
  readonly log: string;
  readonly truncated: boolean;
}

/** Loads again with a log whose buffer grows until the whole of it fits. */
function loadWithLog(params: ProgLoadParams): Loaded {
  let size = FIRST_LOG_SIZE;
  for (;;) {
    const buffer = new Uint8Array(size);
    const { result, logTrueSize } = tryProgLoad({ ...params, log: { level: LOG_LEVEL, buffer } });
    // ENOSPC before Linux 6.4 is all that tells; later kernels say how much is needed.
    const tooSmall = result === -Errno.ENOSPC || logTrueSize > size;
    if (!tooSmall || result >= 0 || size >= MAX_LOG_SIZE) {
      return { result, log: logText(buffer), truncated: tooSmall };
    }
    size = Math.min(Math.max(logTrueSize, size * 4), MAX_LOG_SIZE);
  }
}

/**
 * BPF_PROG_LOAD without a log, which is fast; only where the kernel refuses, again with one.
 *
 * @throws {VerifierError} @throws {SyscallError}
 */
export function loadProgramFd(
  params: ProgLoadParams,
  traits: TailCallTraits,
  progArrays: readonly BpfMap[],
): Fd {
  const what = `program '${traits.name}'`;
  allowMemory();
  const first = tryProgLoad(params);
  if (first.result >= 0) return new Fd(first.result, what);
  const errno = -first.result;
  const context = { progType: params.type, logEmpty: true, withToken: params.tokenFd !== undefined };
  if (LOGLESS.includes(errno)) throw bpfError('PROG_LOAD', errno, `load ${what}`, context);

  const { result, log, truncated } = loadWithLog(params);
  if (result >= 0) return new Fd(result, what);
  const verified = isQuietLog(log);
  if (!verified) {
    // Of a log that is cut the kernel says that it did not fit; why it was written is the first answer.
    const why = truncated ? errno : -result;
    throw new VerifierError(traits.name, why, log, truncated, { progType: params.type });
  }
  const explanation = errno === Errno.EINVAL ? whyInvalid(traits, progArrays, log !== '') : undefined;
  if (explanation === undefined) throw bpfError('PROG_LOAD', -result, `load ${what}`, context);
  throw new SyscallError({
    syscall: 'bpf',
    command: 'PROG_LOAD',
    errno: -result,
    doing: `load ${what}`,
    explanation,
  });
}

/** EINVAL without a word in the log: the tail-call check comes after the verifier, all else before it. */
function whyInvalid(traits: TailCallTraits, progArrays: readonly BpfMap[], verified: boolean): string {
  const foreign = progArrays.find((map) => {
    const owner = ownerProgType(map.fd.number);
    return owner !== undefined && (verified || owner !== traits.progType);
  });
  if (foreign) return `it calls through a prog array of others: ${foreign.explainIncompatible(traits)}`;
  return 'the kernel does not take this program type, attach type, flag or licence, and wrote no log';
}
