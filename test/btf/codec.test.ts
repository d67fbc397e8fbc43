import { describe, expect, test } from 'vitest';
import { BtfBuilder, btfCodec, parseBtf } from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { OutOfRangeError, TsbpfError } from '../../src/util/index.ts';
import { hasTool } from '../object/fixtures.ts';
import { fc, test as property } from '../support/property.ts';
import { btfOf, compileText } from './tools.ts';

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const SOURCE = `
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
enum verdict { DROP = 1, PASS = 2 };
enum wide { HUGE = 0x100000002ULL };
enum below { UNDER = -3 };
struct point { signed char x; short y; };
struct event {
  u32 pid; int code; u64 when; long long delta; _Bool ok;
  char comm[8]; char full[4]; u8 mac[6]; u16 ports[3]; struct point path[2];
  enum verdict verdict; enum wide wide; enum below below;
  u32 a:3, b:13; int c:5; u64 d:40; _Bool e:1; enum verdict f:2;
  struct { u32 inner; union { u32 whole; u16 halves[2]; }; };
  union { u64 word; u8 octets[8]; } named;
  double ratio; float half; void *address; __int128 large; u32 grid[2][2];
};
struct event value = {
  .pid = 4000000000u, .code = -5, .when = 0xfedcba9876543210ULL, .delta = -2, .ok = 1,
  .comm = "init", .full = {'a','b','c','d'}, .mac = {1,2,3,4,5,255}, .ports = {80, 443, 65535},
  .path = {{-1, -300}, {2, 3}}, .verdict = PASS, .wide = HUGE, .below = UNDER,
  .a = 5, .b = 4097, .c = -9, .d = 0x8123456789ULL, .e = 1, .f = 2,
  .inner = 7, .whole = 0x00010002, .named = { .word = 0x0102030405060708ULL },
  .ratio = 1.5, .half = -0.25, .address = (void *)0xffff888000001000ULL, .large = -((__int128)1 << 100), .grid = {{1,2},{3,4}},
};
`;

const EVENT = {
  pid: 4000000000,
  code: -5,
  when: 0xfedcba9876543210n,
  delta: -2n,
  ok: true,
  comm: 'init',
  full: 'abcd',
  mac: Uint8Array.of(1, 2, 3, 4, 5, 255),
  ports: [80, 443, 65535],
  path: [
    { x: -1, y: -300 },
    { x: 2, y: 3 },
  ],
  verdict: 2,
  wide: 0x100000002n,
  below: -3,
  a: 5,
  b: 4097,
  c: -9,
  d: 0x8123456789n,
  e: true,
  f: 2,
  inner: 7,
  ratio: 1.5,
  half: -0.25,
  address: 0xffff888000001000n,
  large: -(1n << 100n),
  grid: [
    [1, 2],
    [3, 4],
  ],
};

describe.skipIf(!hasTool('clang-19')).each([
  ['little', 'bpfel'],
  ['big', 'bpfeb'],
] as const)('values that a compiler laid out, %s endian', (endian, target) => {
  const object = compileText(SOURCE, ['-target', target]);
  const btf = btfOf(object);
  const { bytes } = parseElf(object).sections.find(({ name }) => name === '.data')!;
  const codec = btfCodec(btf, btf.findByName('event', 'struct')!);
  const little = endian === 'little';
  type Union = { bytes: Uint8Array; whole: number; halves: number[]; word: bigint };
  const read = (): typeof EVENT & { union0: Union; named: Union } =>
    codec.read(viewOf(bytes!), 0, little) as never;

  test('are read as they were written in C', () => {
    const { union0, named, ...rest } = read();
    expect(codec.size).toBe(bytes!.length);
    expect(rest).toEqual(EVENT);
    expect(union0.whole).toBe(0x00010002);
    expect(union0.halves).toEqual(little ? [2, 1] : [1, 2]);
    expect(named.word).toBe(0x0102030405060708n);
    expect(named.bytes).toEqual(
      little ? Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1) : Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    );
  });

  test('are written to the same bytes', () => {
    const out = new Uint8Array(codec.size);
    codec.write(viewOf(out), 0, read(), little, 'event');
    expect(out).toEqual(bytes);
    out.fill(0);
    codec.write(
      viewOf(out),
      0,
      { ...EVENT, union0: { whole: 0x00010002 }, named: { word: 0x0102030405060708n } },
      little,
      'event',
    );
    expect(out).toEqual(bytes);
  });

  test('a copy of a union with one view changed writes that view', () => {
    const value = read();
    const out = new Uint8Array(codec.size);
    codec.write(viewOf(out), 0, { ...value, named: { ...value.named, word: 5n } }, little, 'event');
    expect((codec.read(viewOf(out), 0, little) as { named: { word: bigint } }).named.word).toBe(5n);
  });

  test('what is left out is zero', () => {
    const out = new Uint8Array(codec.size).fill(0xff);
    codec.write(viewOf(out), 0, { pid: 1 }, little, 'event');
    expect(codec.read(viewOf(out), 0, little)).toMatchObject({
      pid: 1,
      when: 0n,
      comm: '',
      a: 0,
      c: 0,
      e: false,
    });
  });
});

describe('what does not fit is refused', () => {
  const builder = new BtfBuilder();
  const int = builder.int('int', 4, { signed: true });
  const members = [
    { name: 'n', type: int, offsetBits: 0 },
    { name: 'bits', type: int, offsetBits: 32, bitSize: 3 },
    { name: 'list', type: builder.array(int, int, 2), offsetBits: 64 },
    { name: 'text', type: builder.array(builder.int('char', 1, { char: true }), int, 2), offsetBits: 128 },
    { name: 'yes', type: builder.int('_Bool', 1, { bool: true }), offsetBits: 144 },
  ];
  const id = builder.struct('s', 20, members);
  const codec = btfCodec(parseBtf(builder.build('little')), id);

  test.each([
    [{ n: 2 ** 31 }, 's.n is 2147483648, but must be a whole number from -2147483648 to 2147483647'],
    [{ n: 0.5 }, 's.n is 0.5, but must be a whole number from -2147483648 to 2147483647'],
    [{ bits: 4 }, 's.bits is 4, but must be a whole number from -4 to 3'],
    [{ n: 'one' }, 's.n must be a number, but is of type string'],
    [{ n: 1, txet: 'a' }, "s has no member 'txet'"],
    [{ list: [1, 2, 3] }, 's.list.length is 3, but must be a whole number from 0 to 2'],
    [{ list: [1, 'x'] }, 's.list[1] must be a number, but is of type string'],
    [{ list: 5 }, 's.list must be an array, but is of type number'],
    [{ text: 'abc' }, 's.text.length is 3, but must be a whole number from 0 to 2'],
    [{ text: 5 }, 's.text must be a string, but is of type number'],
    [{ yes: 'no' }, 's.yes must be a boolean, but is of type string'],
    [null, 's must be an object, but is of type null'],
  ])('%j', (value, message) => {
    const write = (): void => codec.write(viewOf(new Uint8Array(20)), 0, value, true, 's');
    expect(write).toThrow(message);
    expect(write).toThrow(TsbpfError);
  });

  test('a number or a bigint serves for any integer', () => {
    const out = new Uint8Array(20);
    codec.write(viewOf(out), 0, { n: -7n, bits: -4n }, true, 's');
    expect(codec.read(viewOf(out), 0, true)).toMatchObject({ n: -7, bits: -4 });
    expect(() => codec.write(viewOf(out), 0, { n: 2n ** 31n }, true, 's')).toThrow(OutOfRangeError);
  });

  property.prop([fc.uint8Array({ minLength: 20, maxLength: 20 })])(
    'numbers come back as they were',
    (bytes) => {
      const value = codec.read(viewOf(bytes), 0, true) as { n: number; bits: number; list: number[] };
      const out = new Uint8Array(20);
      codec.write(viewOf(out), 0, { n: value.n, bits: value.bits, list: value.list }, true, 's');
      expect(out.subarray(0, 4)).toEqual(bytes.subarray(0, 4));
      expect(out[4]! & 7).toBe(bytes[4]! & 7);
      expect(out.subarray(8, 16)).toEqual(bytes.subarray(8, 16));
    },
  );
});

describe('types that are no layout', () => {
  const codecOf = (make: (btf: BtfBuilder) => number): unknown => {
    const builder = new BtfBuilder();
    const id = make(builder);
    return btfCodec(parseBtf(builder.build('little')), id);
  };

  test.each([
    [
      'a struct within itself',
      'BTF_CYCLE',
      (btf: BtfBuilder) => btf.struct('s', 8, [{ name: 's', type: 1, offsetBits: 0 }]),
    ],
    [
      'a member outside of its struct',
      'BTF_BAD_TYPE',
      (btf: BtfBuilder) => btf.struct('s', 4, [{ name: 'n', type: btf.int('int', 4), offsetBits: 8 }]),
    ],
    [
      'more elements than memory holds',
      'BTF_TOO_LARGE',
      (btf: BtfBuilder) => btf.array(btf.struct('', 0, []), btf.int('int', 4), 0xffff_ffff),
    ],
    [
      'an array larger than 4 GB',
      'BTF_NO_SIZE',
      (btf: BtfBuilder) => btf.array(btf.array(btf.int('int', 4), 1, 0x4000_0000), 1, 64),
    ],
  ])('%s', (_, code, make) => {
    expect(() => codecOf(make)).toThrow(expect.objectContaining({ code }));
  });

  test('members that are called like methods are members', () => {
    const builder = new BtfBuilder();
    const int = builder.int('int', 4);
    const names = ['__proto__', 'constructor', 'bytes'];
    const id = builder.struct(
      's',
      12,
      names.map((name, index) => ({ name, type: int, offsetBits: 32 * index })),
    );
    const codec = btfCodec(parseBtf(builder.build('little')), id);
    const value = codec.read(viewOf(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0)), 0, true) as object;
    expect(Object.entries(value)).toEqual(names.map((name, index) => [name, index + 1]));
    const out = new Uint8Array(12);
    codec.write(viewOf(out), 0, {}, true, 's');
    expect(out).toEqual(new Uint8Array(12));
  });
});
