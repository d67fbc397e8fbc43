import { describe, expect, test } from 'vitest';
import { typesCompatible, typesMatch } from '../../src/btf/core/compat.ts';
import { essentialName } from '../../src/btf/core/names.ts';
import {
  type Btf,
  BtfBuilder,
  CoreKind,
  CoreRelocator,
  type CoreResult,
  CoreTarget,
  coreRequestText,
  parseBtf,
} from '../../src/btf/index.ts';
import { TsbpfError } from '../../src/util/errors.ts';

type Build = (
  btf: BtfBuilder,
  types: { readonly int: number; readonly u64: number; readonly s32: number },
) => number;

/** A BTF and the number of the type that `build` made last. */
function built(build: Build, base?: Btf): { readonly btf: Btf; readonly id: number } {
  const builder = new BtfBuilder();
  const types = {
    int: builder.int('u32', 4),
    u64: builder.int('u64', 8),
    s32: builder.int('s32', 4, { signed: true }),
  };
  const id = build(builder, types);
  return { btf: parseBtf(builder.build('little'), 'BTF', base), id };
}

function relocate(local: Build, target: Build, access: string, kind: number): CoreResult {
  const own = built(local);
  return new CoreRelocator(own.btf, new CoreTarget(built(target).btf)).resolve({
    type: own.id,
    access,
    kind,
  });
}

function errorOf(act: () => unknown): TsbpfError {
  try {
    act();
  } catch (error) {
    if (error instanceof TsbpfError) return error;
    throw error;
  }
  throw new Error('expected an error, but nothing was thrown');
}

const reasonOf = (result: CoreResult): string => (result.outcome === 'poison' ? result.reason() : 'none');

const local: Build = (b, { int, u64 }) =>
  b.struct('task___old', 24, [
    { name: 'pid', type: int, offsetBits: 0 },
    { name: 'stack', type: b.array(int, int, 4), offsetBits: 32 },
    { name: 'start', type: u64, offsetBits: 128 },
  ]);

test.each([
  ['task', 'task'],
  ['task___old', 'task'],
  ['task___old___er', 'task___old'],
  ['task____old', 'task____old'],
  ['___old', '___old'],
  ['task___', 'task___'],
  ['a___b', 'a'],
  ['', ''],
])('the essential name of %j is %j', (name, essential) => {
  expect(essentialName(name)).toBe(essential);
});

describe('messages say what the kernel has instead', () => {
  const cases: readonly [string, Build, string][] = [
    ['no type', (b) => b.struct('other', 0, []), '0:0'],
    ['no member', (b, { int }) => b.struct('task', 8, [{ name: 'pidd', type: int, offsetBits: 0 }]), '0:0'],
    [
      'no element',
      (b, { int }) =>
        b.struct('task', 8, [
          { name: 'stack', type: b.array(int, int, 2), offsetBits: 0 },
          { name: 'x', type: int, offsetBits: 64 },
        ]),
      '0:1:3',
    ],
    [
      'a type that does not fit',
      (b, { int }) => b.struct('task', 8, [{ name: 'pid', type: b.ptr(int), offsetBits: 0 }]),
      '0:0',
    ],
  ];
  test('for fields', () => {
    const messages = cases.map(([, target, access]) =>
      reasonOf(relocate(local, target, access, CoreKind.FIELD_BYTE_OFFSET)),
    );
    expect(messages.join('\n')).toMatchInlineSnapshot(`
      "byte offset of struct task___old.pid: the kernel has no struct task
      byte offset of struct task___old.pid: struct task of the kernel has no member pid; it has pidd
      byte offset of struct task___old.stack[3]: struct task___old.stack is an array of 2 in the kernel, the program takes element 3
      byte offset of struct task___old.pid: struct task of the kernel has a member pid of type u32 *, the program's is of type u32"
    `);
  });

  test('for values of enums', () => {
    const own: Build = (b) => b.enum('state___x', { STATE_RUN: 1 });
    const result = relocate(own, (b) => b.enum('state', { STATE_RUNS: 1 }), '0', CoreKind.ENUMVAL_VALUE);
    expect(reasonOf(result)).toMatchInlineSnapshot(
      `"value of enum state___x::STATE_RUN: enum state of the kernel has no value STATE_RUN; it has STATE_RUNS"`,
    );
  });
});

test('a relocation is shown in words', () => {
  const own = built(local);
  const texts = [
    ['0:1:2', CoreKind.FIELD_BYTE_OFFSET],
    ['1:0', CoreKind.FIELD_EXISTS],
    ['0', CoreKind.TYPE_SIZE],
  ] as const;
  expect(texts.map(([access, kind]) => coreRequestText(own.btf, { type: own.id, access, kind }))).toEqual([
    'byte offset of struct task___old.stack[2]',
    'existence of struct task___old[1].pid',
    'size of struct task___old',
  ]);
});

describe('several types of one name', () => {
  const twice: Build = (b, { int, u64 }) => {
    b.struct('task', 8, [{ name: 'pid', type: int, offsetBits: 32 }]);
    b.struct('task', 16, [
      { name: 'pid', type: int, offsetBits: 64 },
      { name: 'start', type: u64, offsetBits: 0 },
    ]);
    return 0;
  };

  test('must agree', () => {
    const error = errorOf(() => relocate(local, twice, '0:0', CoreKind.FIELD_BYTE_OFFSET));
    expect(error.code).toBe('CORE_AMBIGUOUS');
    expect(error.message).toMatchInlineSnapshot(
      `"byte offset of struct task___old.pid is ambiguous: it is 4 in struct task (type 4) and 8 in struct task (type 5)"`,
    );
    expect(relocate(local, twice, '0:2', CoreKind.FIELD_BYTE_OFFSET)).toMatchObject({ value: 0n });
  });

  test('are told apart by what an earlier question left', () => {
    const own = built(local);
    const relocator = new CoreRelocator(own.btf, new CoreTarget(built(twice).btf));
    const ask = (access: string, kind: number): CoreResult =>
      relocator.resolve({ type: own.id, access, kind });
    expect(ask('0:2', CoreKind.FIELD_EXISTS)).toMatchObject({ value: 1n });
    expect(ask('0:0', CoreKind.FIELD_BYTE_OFFSET)).toMatchObject({ value: 8n });
  });
});

describe('modules', () => {
  const kernel = built((b, { int }) => b.struct('task', 4, [{ name: 'pid', type: int, offsetBits: 0 }]));

  /** A split BTF: a struct of the name whose member is of the kernel's first type. */
  function moduleWith(name: string): Btf {
    const view = new DataView(new ArrayBuffer(24 + 24 + name.length + 5));
    const bytes = new Uint8Array(view.buffer);
    const strings = new TextEncoder().encode(`${name}\0pid\0\0`);
    const at = kernel.btf.stringsEnd;
    const header = [0x1eb9f, 24, 0, 24, 24, name.length + 5];
    const record = [at, (4 << 24) | 1, 12, at + name.length + 1, 1, 64];
    for (const [index, word] of [...header, ...record].entries()) view.setUint32(index * 4, word, true);
    bytes.set(strings.subarray(0, name.length + 5), 48);
    return parseBtf(bytes, 'module', kernel.btf);
  }

  test('are asked where the kernel has no such type, and only then', () => {
    let asked = 0;
    const target = new CoreTarget(kernel.btf, () => {
      asked++;
      return new Map([['loop', moduleWith('extra')]]);
    });
    expect(target.candidates({ kind: 'struct', name: 'task' })).toMatchObject([{ module: undefined }]);
    expect(asked).toBe(0);
    const found = target.candidates({ kind: 'struct', name: 'extra' });
    expect(found).toMatchObject([{ module: 'loop', type: kernel.btf.typeCount }]);
    const own = built((b, { int }) => b.struct('extra', 4, [{ name: 'pid', type: int, offsetBits: 0 }]));
    const result = new CoreRelocator(own.btf, target).resolve({ type: own.id, access: '0:0', kind: 0 });
    expect(result).toMatchObject({ local: 0n, value: 8n });
  });
});

describe('values', () => {
  test('of enums may be negative, of 64 bits, or of the other width', () => {
    const own: Build = (b) => b.enum('e', { A: 1, B___y: 2 });
    const target: Build = (b) => b.enum64('e', { A___x: -5n, B: 1n << 40n });
    expect(relocate(own, target, '0', CoreKind.ENUMVAL_VALUE)).toMatchObject({ local: 1n, value: -5n });
    expect(relocate(own, target, '1', CoreKind.ENUMVAL_VALUE)).toMatchObject({ local: 2n, value: 1n << 40n });
  });

  test('of elements reach into arrays without a count only where they end their struct', () => {
    const own: Build = (b, { int }) =>
      b.struct('s', 4, [{ name: 'tail', type: b.array(int, int, 0), offsetBits: 32 }]);
    const last: Build = (b, { int }) =>
      b.struct('s', 4, [{ name: 'tail', type: b.array(int, int, 0), offsetBits: 64 }]);
    const middle: Build = (b, { int }) =>
      b.struct('s', 8, [
        { name: 'tail', type: b.array(int, int, 0), offsetBits: 64 },
        { name: 'x', type: int, offsetBits: 64 },
      ]);
    expect(relocate(own, last, '0:0:3', 0)).toMatchObject({ local: 16n, value: 20n });
    expect(reasonOf(relocate(own, middle, '0:0:3', 0))).toMatch(/an array of 0 in the kernel/);
  });

  test('of a type of the object itself need no kernel', () => {
    const own = built(local);
    const relocator = new CoreRelocator(own.btf, undefined);
    expect(relocator.resolve({ type: own.id, access: '0', kind: CoreKind.TYPE_ID_LOCAL })).toMatchObject({
      value: BigInt(own.id),
    });
    expect(
      errorOf(() => relocator.resolve({ type: own.id, access: '0', kind: CoreKind.TYPE_SIZE })).code,
    ).toBe('CORE_NEEDS_BTF');
  });
});

describe('comparing types', () => {
  const pairs: readonly [string, Build, Build, boolean, boolean][] = [
    [
      'the same struct',
      (b, { int }) => b.struct('s', 4, [{ name: 'a', type: int, offsetBits: 0 }]),
      (b, { int }) =>
        b.struct('s', 8, [
          { name: 'b', type: int, offsetBits: 0 },
          { name: 'a', type: int, offsetBits: 32 },
        ]),
      true,
      true,
    ],
    [
      'a struct without a member',
      (b, { int }) => b.struct('s', 4, [{ name: 'a', type: int, offsetBits: 0 }]),
      (b) => b.struct('s', 0, []),
      true,
      false,
    ],
    [
      'a member of another size',
      (b, { int }) => b.struct('s', 4, [{ name: 'a', type: int, offsetBits: 0 }]),
      (b, { u64 }) => b.struct('s', 8, [{ name: 'a', type: u64, offsetBits: 0 }]),
      true,
      false,
    ],
    ['integers of another size', (b) => b.int('x', 4), (b) => b.int('x', 8), true, false],
    [
      'integers of another sign and the same name',
      (b) => b.int('x', 4),
      (b) => b.int('x', 4, { signed: true }),
      true,
      false,
    ],
    ['integers of another sign', (_, { int }) => int, (_, { s32 }) => s32, true, false],
    ['a struct and a union', (b) => b.struct('s', 0, []), (b) => b.union('s', 0, []), false, false],
    [
      'a pointer to a struct that is only declared',
      (b) => b.ptr(b.forward('s')),
      (b) => b.ptr(b.struct('s', 0, [])),
      false,
      true,
    ],
    [
      'functions with other parameters',
      (b, { int }) => b.funcProto(0, [{ name: 'x', type: int }]),
      (b, { int }) => b.funcProto(0, [{ name: 'x', type: b.ptr(int) }]),
      false,
      false,
    ],
    [
      'functions that differ in names',
      (b, { int }) => b.funcProto(int, [{ name: 'x', type: int }]),
      (b, { int }) => b.funcProto(int, [{ name: 'y', type: int }]),
      true,
      true,
    ],
    [
      'arrays of other counts',
      (b, { int }) => b.array(int, int, 2),
      (b, { int }) => b.array(int, int, 3),
      true,
      false,
    ],
    [
      'enums with more values',
      (b) => b.enum('e', { A: 1 }),
      (b) => b.enum64('e', { A: 5n, B: 2n }),
      true,
      true,
    ],
    [
      'enums with fewer values',
      (b) => b.enum('e', { A: 1, B: 2 }),
      (b) => b.enum('e', { A: 1 }),
      true,
      false,
    ],
  ];
  test.each(pairs)('%s', (_, a, b, compatible, match) => {
    const [own, other] = [built(a), built(b)];
    expect(typesCompatible(own.btf, own.id, other.btf, other.id)).toBe(compatible);
    expect(typesMatch(own.btf, own.id, other.btf, other.id)).toBe(match);
  });
});

test('types of another byte order are refused', () => {
  const own = built(local);
  const other = parseBtf(new BtfBuilder().build('big'));
  expect(errorOf(() => new CoreRelocator(own.btf, new CoreTarget(other))).code).toBe('CORE_ENDIAN');
});

describe('hostile types', () => {
  /** A struct whose members, without names, are all itself. */
  const nest: Build = (b) => {
    const self = b.nextId;
    const members = Array.from({ length: 64 }, () => ({ name: '', type: self, offsetBits: 0 }));
    return b.struct('s', 4, members);
  };
  const sameNames: Build = (b) => {
    const self = b.nextId;
    const members = Array.from({ length: 64 }, () => ({ name: 'm', type: self, offsetBits: 0 }));
    return b.struct('s', 4, members);
  };

  test('that hold themselves are refused after some steps', () => {
    const own: Build = (b, { int }) => b.struct('s', 4, [{ name: 'a', type: int, offsetBits: 0 }]);
    expect(errorOf(() => relocate(own, nest, '0:0', 0)).code).toBe('CORE_TOO_COMPLEX');
    expect(errorOf(() => relocate(sameNames, sameNames, '0', CoreKind.TYPE_MATCHES)).code).toBe(
      'CORE_TOO_COMPLEX',
    );
  });

  test.each([
    ['0:9', CoreKind.FIELD_BYTE_OFFSET, /no member 9/],
    ['0:0:1', CoreKind.FIELD_BYTE_OFFSET, /goes on into a int/],
    ['', CoreKind.FIELD_BYTE_OFFSET, /no list of indexes/],
    ['0:-1', CoreKind.FIELD_BYTE_OFFSET, /no list of indexes/],
    ['0:1:9', CoreKind.FIELD_BYTE_OFFSET, /no element 9/],
    ['1', CoreKind.TYPE_SIZE, /access 0/],
    ['0', CoreKind.ENUMVAL_VALUE, /but it is a struct/],
    ['0', 99, /kind 99 is not known/],
    ['0:1:1', CoreKind.FIELD_SIGNED, /an element of an array/],
    [Array(70).fill('0').join(':'), CoreKind.FIELD_EXISTS, /no list of indexes/],
  ])('the access %j of kind %i is refused', (access, kind, message) => {
    const error = errorOf(() => relocate(local, local, access, kind));
    expect(error.code).toBe('CORE_BAD_RELOCATION');
    expect(error.message).toMatch(message);
  });
});
