import { KFUNCS } from '../../isa/kfuncs.generated.ts';
import {
  bool,
  char,
  type DataType,
  s16,
  s32,
  s64,
  type TypeNumbers,
  u8,
  u16,
  u32,
  u64,
} from './data-types.ts';

/** Integers by their names in C, as far as prototypes of kernel functions use them. */
const INTEGERS: ReadonlyMap<string, DataType<unknown>> = new Map<string, DataType<never> | DataType<unknown>>(
  [
    ...[['bool', bool] as const, ['_Bool', bool] as const, ['char', char] as const],
    ...['u8', '__u8'].map((name) => [name, u8] as const),
    ...['u16', '__u16', '__be16', 'unsigned short'].map((name) => [name, u16] as const),
    ...['u32', '__u32', '__be32', 'unsigned int'].map((name) => [name, u32] as const),
    ...['u64', '__u64', 'size_t', 'unsigned long', 'long unsigned int'].map((name) => [name, u64] as const),
    ...['s16', '__s16', 'short', 'short int'].map((name) => [name, s16] as const),
    ...['s32', '__s32', 'int'].map((name) => [name, s32] as const),
    ...['s64', '__s64', 'long', 'long int'].map((name) => [name, s64] as const),
  ],
) as ReadonlyMap<string, DataType<unknown>>;

/** A function's types as numbers of the object's BTF. */
export interface KfuncTypes {
  readonly returns: number;
  readonly params: readonly { readonly name: string; readonly type: number }[];
}

/** The prototype of a function that the kernel is known to have; undefined where it is not, or uses other types. */
export function kfuncTypes(types: TypeNumbers, name: string): KfuncTypes | undefined {
  const kfunc = Object.hasOwn(KFUNCS, name) ? KFUNCS[name] : undefined;
  if (!kfunc) return undefined;
  const returns = numberOf(types, kfunc.returns);
  const params = kfunc.params.map(([type, param]) => ({ name: param, type: numberOf(types, type) }));
  if (returns === undefined || params.some(({ type }) => type === undefined)) return undefined;
  return { returns, params: params as KfuncTypes['params'] };
}

/** `const struct task_struct *` and the like; qualifiers and tags make no difference to whether types fit. */
function numberOf(types: TypeNumbers, text: string): number | undefined {
  const plain = text.replace(/\bconst\b|__attribute__\(\(.*\)\)/g, '').trim();
  if (plain.endsWith('*')) {
    const target = numberOf(types, plain.slice(0, -1));
    return target === undefined ? undefined : types.btf.ptr(target);
  }
  if (plain === 'void') return 0;
  const [, kind, name] = /^(struct|union|enum) (\w+)$/.exec(plain) ?? [];
  if (name !== undefined) return types.named(kind as 'struct' | 'union' | 'enum', name);
  const integer = INTEGERS.get(plain);
  return integer && types.of(integer);
}
