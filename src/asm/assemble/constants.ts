import { HELPERS } from '../../isa/helpers.generated.ts';
import {
  AttachType,
  MapFlag,
  MapType,
  ProgType,
  SkAction,
  UpdateFlag,
  XdpAction,
} from '../../isa/kernel-tables.generated.ts';
import { HelperFlag, ReturnValue, TcAction } from '../../isa/named-constants.ts';

function* prefixed(prefix: string, table: Readonly<Record<string, number>>): Generator<[string, bigint]> {
  for (const [name, value] of Object.entries(table)) yield [prefix + name, BigInt(value)];
}

let constants: ReadonlyMap<string, bigint> | undefined;

/**
 * The kernel's named constants, as its headers spell them: `XDP_PASS`, `TC_ACT_SHOT`, `SK_DROP`,
 * `BPF_ANY`, `BPF_F_NO_PREALLOC`, `BPF_MAP_TYPE_HASH`, `BPF_PROG_TYPE_XDP`, `BPF_FUNC_tail_call`.
 * Made at the first use.
 */
export function namedConstants(): ReadonlyMap<string, bigint> {
  constants ??= new Map([
    ...prefixed('XDP_', XdpAction),
    ...prefixed('SK_', SkAction),
    ...prefixed('TC_ACT_', TcAction),
    ...prefixed('', ReturnValue),
    ...prefixed('BPF_', UpdateFlag),
    ...prefixed('BPF_F_', MapFlag),
    ...prefixed('BPF_', HelperFlag),
    ...prefixed('BPF_MAP_TYPE_', MapType),
    ...prefixed('BPF_PROG_TYPE_', ProgType),
    ...prefixed('BPF_', AttachType),
    ...HELPERS.map(({ id, name }): [string, bigint] => [name.replace(/^bpf_/, 'BPF_FUNC_'), BigInt(id)]),
  ]);
  return constants;
}

let helpers: ReadonlyMap<string, number> | undefined;

/** Helper numbers by name, `bpf_` included. */
export function helperIds(): ReadonlyMap<string, number> {
  helpers ??= new Map(HELPERS.map(({ id, name }) => [name, id]));
  return helpers;
}
