import { HELPERS_BY_PROG_TYPE } from '../../isa/helper-protos.generated.ts';
import { HELPERS } from '../../isa/helpers.generated.ts';
import { ProgType } from '../../isa/kernel-tables.generated.ts';
import { Errno } from '../../syscall/errno.ts';
import { requiredCapabilities } from '../../syscall/explain.ts';
import { concatBytes } from '../../util/bytes.ts';
import { anyOf, type FeatureAnswer, no, refusal, unknown, yes } from './features-answer.ts';
import { callHelper, probeProgram, probeWithLog, returns } from './features-probe.ts';
import { isAnswer, type ProgTypeName, programOf, type Variant, variantsOf } from './features-programs.ts';
import type { KernelTypes } from './features-types.ts';

const IDS: ReadonlyMap<string, number> = new Map(HELPERS.map(({ name, id }) => [name, id]));

/** The number of a helper by its name. */
export function helperId(name: string): number | undefined {
  return IDS.get(name);
}

/** HELPERS_BY_PROG_TYPE is of 6.18. */
const TABLE_UP_TO = (6 << 16) | (19 << 8);

/** A refusal that names the helper as one that is not for this program (Linux, `check_helper_call()`). */
const NOT_FOR_IT = /unknown func|invalid func|cannot use helper|not allowed in probe/;

/**
 * Asks with a call of the helper whose arguments are wrong, after a program of the type without the
 * call has loaded. That is refused with EACCES where the verifier comes as far as the arguments, and
 * with EINVAL where the helper is not for such programs; only then, and to tell that from other
 * EINVALs, is the log looked at.
 */
export function probeHelper(
  type: ProgTypeName,
  helper: string,
  types: KernelTypes,
  version: number,
  programType: FeatureAnswer,
): FeatureAnswer {
  if (types.enumHas('bpf_func_id', helper.replace(/^bpf_/, 'BPF_FUNC_')) === false)
    return no('the types of this kernel do not name it');
  if (programType.state === 'no') return no('the kernel has no such programs');
  if (type === 'EXT' || type === 'STRUCT_OPS')
    return unknown('that depends on what such a program stands in for');
  const id = helperId(helper)!;
  const answer =
    programType.state === 'unknown' ? programType : anyOf(ask(type, id, types, version), programType);
  // What cannot be tried here is no where no kernel that is known allows it.
  const settled = answer.errno === Errno.EPERM && version !== 0 && version < TABLE_UP_TO;
  return settled && HELPERS_BY_PROG_TYPE[type]?.includes(id) === false
    ? no('Linux up to 6.18 lets no program of this type call it')
    : answer;
}

function* ask(type: ProgTypeName, id: number, types: KernelTypes, version: number): Generator<FeatureAnswer> {
  for (const variant of variantsOf(type)) {
    const answer = askVariant(type, variant, id, types, version);
    // A variant that this kernel does not have says nothing about those that it has.
    if (answer) yield answer;
  }
}

function askVariant(
  type: ProgTypeName,
  variant: Variant,
  id: number,
  types: KernelTypes,
  version: number,
): FeatureAnswer | undefined {
  if (variant.attachType && types.enumHas('bpf_attach_type', `BPF_${variant.attachType}`) === false)
    return undefined;
  const plain = programOf(type, variant, types);
  if (isAnswer(plain)) return undefined;
  const probe = { ...plain, code: concatBytes([callHelper(id), returns(variant.returns ?? 0)]) };
  const { result, log } = probeWithLog(probe, version);
  if (result >= 0) return yes('a call of it loads');
  if (result === -Errno.EACCES) return yes('the verifier looks at its arguments');
  if (result === -Errno.ENOTSUPP)
    return no('programs of this type cannot call it (ENOTSUPP)', Errno.ENOTSUPP);
  if (result !== -Errno.EINVAL)
    return refusal(-result, requiredCapabilities('PROG_LOAD', { progType: ProgType[type] }));
  // Nothing was verified: the variant itself is not taken.
  if (log === '') return probeProgram(plain, version) < 0 ? undefined : unknown('EINVAL', Errno.EINVAL);
  if (NOT_FOR_IT.test(log) && log.includes(`#${id}`))
    return no('programs of this type cannot call it (EINVAL)', Errno.EINVAL);
  return /might sleep|sleepable/.test(log)
    ? yes('sleepable programs may call it')
    : unknown(log.trim().split('\n').at(-1) ?? 'EINVAL', Errno.EINVAL);
}
