import { isQuietLog } from '../../object/verifier-log.ts';
import { bpfError } from '../../syscall/bpf.ts';
import type { ProgLoadParams } from '../../syscall/bpf-prog.ts';
import { tryProgLoad } from '../../syscall/bpf-prog.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { allowMemory } from '../features/features-fallback.ts';
import type { BpfMap } from '../maps/map.ts';
import type { TailCallTraits } from '../maps/map-errors.ts';
import { ownerProgType } from '../maps/map-errors.ts';
import { whyRefused } from './load-invalid.ts';
import { type LoadLog, type LogOptions, loadWithLog, refusalLog } from './load-log.ts';
import { VerifierError } from './verifier-error.ts';

/** Errnos that come before the verifier and that a log would tell nothing about. */
const LOGLESS: readonly number[] = [Errno.EPERM, Errno.ENOSYS, Errno.EBADF, Errno.ENOMEM];

/**
 * BPF_PROG_LOAD without a log, which is fast; only where the kernel refuses, again with one. Who asks for
 * the whole log has it from the first try.
 *
 * @throws {VerifierError} @throws {SyscallError}
 */
export function loadProgramFd(
  params: ProgLoadParams,
  traits: TailCallTraits,
  progArrays: readonly BpfMap[],
  options: LogOptions = {},
): Fd {
  const what = `program '${traits.name}'`;
  allowMemory();
  const whole = options.verifierLog === 'whole' ? loadWithLog(params, options) : undefined;
  if (whole && whole.result >= 0) return new Fd(whole.result, what);
  // A log that does not fit refuses good programs too, and kernels before 5.2 take none of that size.
  const told = whole && !whole.truncated && !(whole.result === -Errno.EINVAL && whole.log === '');
  const first = told ? whole.result : tryProgLoad(params).result;
  if (first >= 0) return new Fd(first, what);
  const errno = -first;
  const context = {
    progType: params.type,
    logEmpty: true,
    withToken: params.tokenFd !== undefined,
    insnCount: params.code.length / 8,
  };
  if (LOGLESS.includes(errno)) throw bpfError('PROG_LOAD', errno, `load ${what}`, context);

  const found = told ? whole : refusalLog(params, errno, options, whole);
  if (found.result >= 0) return new Fd(found.result, what);
  throw refusal(found, { errno, what, params, traits, progArrays, context });
}

interface Refused {
  /** The first answer: where a log is cut the kernel says later that it did not fit. */
  readonly errno: number;
  readonly what: string;
  readonly params: ProgLoadParams;
  readonly traits: TailCallTraits;
  readonly progArrays: readonly BpfMap[];
  readonly context: Parameters<typeof bpfError>[3];
}

function refusal({ result, log, truncated, logSize }: LoadLog, refused: Refused): Error {
  const { errno, what, params, traits, progArrays, context } = refused;
  const { progType } = traits;
  if (!isQuietLog(log)) {
    const why = truncated ? errno : -result;
    return new VerifierError(traits.name, why, log, truncated, { progType, logSize });
  }
  const explanation = errno === Errno.EINVAL ? whyInvalid(params, traits, progArrays, log !== '') : undefined;
  if (explanation === undefined) return bpfError('PROG_LOAD', -result, `load ${what}`, context);
  return new SyscallError({
    syscall: 'bpf',
    command: 'PROG_LOAD',
    errno: -result,
    doing: `load ${what}`,
    explanation,
  });
}

/** EINVAL without a word in the log: the tail-call check comes after the verifier, all else before it. */
function whyInvalid(
  params: ProgLoadParams,
  traits: TailCallTraits,
  progArrays: readonly BpfMap[],
  verified: boolean,
): string {
  const foreign = progArrays.find((map) => {
    const owner = ownerProgType(map.fd.number);
    return owner !== undefined && (verified || owner !== traits.progType);
  });
  if (foreign) return `it calls through a prog array of others: ${foreign.explainIncompatible(traits)}`;
  const why = verified ? undefined : whyRefused(params);
  if (why !== undefined) return why;
  return 'the kernel does not take this program type, attach type, flag or licence, and wrote no log';
}
