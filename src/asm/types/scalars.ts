import type { CType, IntType, Typedef } from './c-type.ts';

function int(name: string, size: number, signed: boolean): IntType {
  return { kind: 'int', name, size, signed, bool: name === '_Bool' };
}

/** The integers of C on BPF, by the name that compilers give them in BTF. */
const INTS = {
  _Bool: int('_Bool', 1, false),
  char: int('char', 1, true),
  'signed char': int('signed char', 1, true),
  'unsigned char': int('unsigned char', 1, false),
  short: int('short', 2, true),
  'unsigned short': int('unsigned short', 2, false),
  int: int('int', 4, true),
  'unsigned int': int('unsigned int', 4, false),
  long: int('long', 8, true),
  'unsigned long': int('unsigned long', 8, false),
  'long long': int('long long', 8, true),
  'unsigned long long': int('unsigned long long', 8, false),
} as const;
type IntName = keyof typeof INTS;

/**
 * Names that C programs for BPF have from `vmlinux.h` (or `linux/types.h`) and `stdint.h`, each with
 * what it stands for there.
 */
const TYPEDEFS: readonly (readonly [name: string, of: string])[] = [
  ['bool', '_Bool'],
  ['__s8', 'signed char'],
  ['__u8', 'unsigned char'],
  ['__s16', 'short'],
  ['__u16', 'unsigned short'],
  ['__s32', 'int'],
  ['__u32', 'unsigned int'],
  ['__s64', 'long long'],
  ['__u64', 'unsigned long long'],
  ...['s8', 'u8', 's16', 'u16', 's32', 'u32', 's64', 'u64'].map((name) => [name, `__${name}`] as const),
  ...['16', '32', '64'].flatMap((bits) => [
    [`__be${bits}`, `__u${bits}`] as const,
    [`__le${bits}`, `__u${bits}`] as const,
  ]),
  ['__sum16', '__u16'],
  ['__wsum', '__u32'],
  ['int8_t', 'signed char'],
  ['uint8_t', 'unsigned char'],
  ['int16_t', 'short'],
  ['uint16_t', 'unsigned short'],
  ['int32_t', 'int'],
  ['uint32_t', 'unsigned int'],
  ['int64_t', 'long'],
  ['uint64_t', 'unsigned long'],
  ['size_t', 'unsigned long'],
  ['ssize_t', 'long'],
  ['uintptr_t', 'unsigned long'],
  ['intptr_t', 'long'],
];

function makeScalars(): Map<string, CType> {
  const out = new Map<string, CType>();
  for (const [name, of] of TYPEDEFS) {
    const type: CType = out.get(of) ?? INTS[of as IntName];
    const depth = type.kind === 'typedef' ? type.depth + 1 : 1;
    // `bool` is a macro in C: debuggers see `_Bool`.
    out.set(name, name === 'bool' ? type : ({ kind: 'typedef', name, of: type, depth } satisfies Typedef));
  }
  return out;
}

let scalars: ReadonlyMap<string, CType> | undefined;

/** Type names of one word that are known from the start, but for C's own. Made at the first use. */
export function scalarTypes(): ReadonlyMap<string, CType> {
  scalars ??= makeScalars();
  return scalars;
}

/** Words of which C makes the names of integers. */
export const INT_WORDS: ReadonlySet<string> = new Set([
  'signed',
  'unsigned',
  'char',
  'short',
  'int',
  'long',
  '_Bool',
]);

/** The integer that some of {@link INT_WORDS} name in whatever order, or undefined. */
export function intOfWords(words: readonly string[]): IntType | undefined {
  const count = (word: string): number => words.filter((each) => each === word).length;
  const [signed, unsigned, long, int] = [count('signed'), count('unsigned'), count('long'), count('int')];
  if (signed + unsigned > 1 || long > 2 || int > 1) return undefined;
  const prefix = unsigned > 0 ? 'unsigned ' : '';
  const rest = words.filter((word) => word !== 'signed' && word !== 'unsigned');
  const base = rest.filter((word) => word !== 'int' || rest.length === 1);
  switch (base.join(' ')) {
    case '':
    case 'int':
      return unsigned > 0 ? INTS['unsigned int'] : INTS.int;
    case 'char':
      if (int > 0) return undefined;
      return signed > 0 ? INTS['signed char'] : unsigned > 0 ? INTS['unsigned char'] : INTS.char;
    case 'short':
    case 'long':
    case 'long long':
      return INTS[`${prefix}${base.join(' ')}` as IntName];
    case '_Bool':
      return signed + unsigned + int > 0 ? undefined : INTS._Bool;
    default:
      return undefined;
  }
}
