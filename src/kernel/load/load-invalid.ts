import { enumName } from '../../isa/enum-name.ts';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { attachTypesOf } from '../../object/section-names.ts';
import type { ProgLoadParams } from '../../syscall/bpf-prog.ts';
import { progTypeName } from '../names.ts';

// Why BPF_PROG_LOAD answers EINVAL without a word, before the verifier: `bpf_prog_load()` and
// `bpf_prog_load_check_attach()` (Linux 6.18, `kernel/bpf/syscall.c`).

/** Types whose expected_attach_type is looked at; of others the kernel does not ask for it here. */
const CHECKED: readonly number[] = [
  ProgType.CGROUP_SOCK,
  ProgType.CGROUP_SOCK_ADDR,
  ProgType.CGROUP_SKB,
  ProgType.CGROUP_SOCKOPT,
  ProgType.SK_LOOKUP,
  ProgType.SK_REUSEPORT,
  ProgType.NETFILTER,
];
/** Types that have none. */
const WITHOUT: readonly number[] = [ProgType.SYSCALL, ProgType.EXT];

/** BPF_F_STRICT_ALIGNMENT to BPF_F_TEST_REG_INVARIANTS, and BPF_F_TOKEN_FD. */
const KNOWN_FLAGS = 0xff | (1 << 16);

/** More are not listed one by one. */
const MAX_SHOWN = 6;

type Rule = (params: ProgLoadParams) => string | undefined;

const RULES: readonly Rule[] = [
  ({ type }) =>
    Object.values<number>(ProgType).includes(type) && type !== ProgType.UNSPEC
      ? undefined
      : `there is no program type ${type}`,
  ({ flags = 0 }) => {
    const unknown = (flags & ~KNOWN_FLAGS) >>> 0;
    return unknown === 0 ? undefined : `flags has 0x${unknown.toString(16)}, which is no flag of programs`;
  },
  ({ type, expectedAttachType = 0 }) => {
    const given = expectedAttachType === 0 ? 'not given' : enumName(AttachType, expectedAttachType);
    if (WITHOUT.includes(type) && expectedAttachType !== 0)
      return `programs of type ${progTypeName(type)} have no expected_attach_type, but ${given} was given`;
    const known = attachTypesOf(type);
    if (!CHECKED.includes(type) || known.length === 0 || known.includes(expectedAttachType)) return undefined;
    const shown = known.slice(0, MAX_SHOWN).map((attachType) => enumName(AttachType, attachType));
    const more = known.length > MAX_SHOWN ? ` and ${known.length - MAX_SHOWN} more` : '';
    const names = shown.join(', ') + more;
    return `expected_attach_type is ${given}, but programs of type ${progTypeName(type)} are for one of ${names}`;
  },
];

/** The first rule that the parameters break; undefined where none of them tells. */
export function whyRefused(params: ProgLoadParams): string | undefined {
  for (const rule of RULES) {
    const why = rule(params);
    if (why !== undefined) return why;
  }
  return undefined;
}
