import { Errno, errnoName, errnoText } from '../../syscall/errno.ts';
import { type Capability, missingCapabilities, readPrivileges } from '../../syscall/privileges.ts';

/** `unknown` is neither: something stood between the question and the kernel's answer. */
export type FeatureState = 'yes' | 'no' | 'unknown';

/** What the kernel answers to the question whether it has something. */
export interface FeatureAnswer {
  readonly state: FeatureState;
  /** What tells so, in words. */
  readonly why: string;
  /** What the kernel answered, where it refused. */
  readonly errno?: number;
}

export const yes = (why: string): FeatureAnswer => ({ state: 'yes', why });

export const no = (why: string, errno?: number): FeatureAnswer => ({
  state: 'no',
  why,
  ...(errno !== undefined && { errno }),
});

export const unknown = (why: string, errno?: number): FeatureAnswer => ({
  state: 'unknown',
  why,
  ...(errno !== undefined && { errno }),
});

/** An errno that says nothing about the feature: a missing privilege, no memory, no descriptors. */
export function refusal(errno: number, capabilities: readonly Capability[] = ['CAP_BPF']): FeatureAnswer {
  if (errno === Errno.ENOSYS) return no('this kernel was built without bpf(2)', errno);
  if (errno !== Errno.EPERM) return unknown(`${errnoText(errno)} (${errnoName(errno)})`, errno);
  const missing = missingCapabilities(readPrivileges(), capabilities);
  const why =
    missing.length > 0
      ? `this process lacks ${missing.join(' and ')} (EPERM)`
      : 'refused before the verifier, although no capability is missing (EPERM)';
  return unknown(why, errno);
}

/** The first that is yes; else the first that is unknown; else no. */
export function anyOf(answers: Iterable<FeatureAnswer>, none: FeatureAnswer): FeatureAnswer {
  let rest: FeatureAnswer | undefined;
  for (const answer of answers) {
    if (answer.state === 'yes') return answer;
    if (rest === undefined || (rest.state === 'no' && answer.state === 'unknown')) rest = answer;
  }
  return rest ?? none;
}

/** Yes where all are; else the first that is no; else the first that is unknown. */
export function allOf(answers: readonly FeatureAnswer[], all: FeatureAnswer): FeatureAnswer {
  const wanting = answers.filter(({ state }) => state !== 'yes');
  return wanting.find(({ state }) => state === 'no') ?? wanting[0] ?? all;
}
