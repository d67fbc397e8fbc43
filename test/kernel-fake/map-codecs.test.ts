import { SocketAddress } from 'node:net';
import { describe, expect } from 'vitest';
import { formatCidr, lpmKey, parseCidr, perCpuOf } from '../../src/kernel/index.ts';
import { cgroupStorageKey } from '../../src/kernel/maps/cgroup-storage-key.ts';
import { encodeField, type MapValue } from '../../src/kernel/maps/map-codec.ts';
import { decodePerCpu, encodePerCpu, perCpuStride } from '../../src/kernel/maps/per-cpu.ts';
import { devmapEntry } from '../../src/kernel/maps/redirect-entry.ts';
import { viewOf } from '../../src/util/bytes.ts';
import { bytesOf, type FieldType, s16, struct, u8, u32, u64 } from '../../src/util/struct.ts';
import { errorOf } from '../support/kernel.ts';
import { fc, test } from '../support/property.ts';

const address = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });

describe('networks in text', () => {
  test('both ways', () => {
    const both = (text: string): [string, string] => {
      const { address: bytes, length } = parseCidr(text);
      return [Buffer.from(bytes).toString('hex'), formatCidr({ address: bytes, length })];
    };
    expect(both('10.0.0.0/8')).toEqual(['0a000000', '10.0.0.0/8']);
    expect(both('10.1.2.3')).toEqual(['0a010203', '10.1.2.3/32']);
    expect(both('10.255.2.3/9')).toEqual(['0a800000', '10.128.0.0/9']);
    expect(both('0.0.0.0/0')).toEqual(['00000000', '0.0.0.0/0']);
    expect(both('2001:DB8::/32')).toEqual(['20010db8000000000000000000000000', '2001:db8::/32']);
    expect(both('::')).toEqual(['0'.repeat(32), '::/128']);
    expect(both('1:0:0:2:0:0:0:3')[1]).toBe('1:0:0:2::3/128');
    expect(both('1:0:2:3:4:5:6:7')[1]).toBe('1:0:2:3:4:5:6:7/128');
    expect(both('::ffff:192.0.2.1/128')).toEqual([
      '00000000000000000000ffffc0000201',
      '::ffff:192.0.2.1/128',
    ]);
  });

  test.each([
    '',
    '10.0.0/8',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '2001:db8::/129',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '1::2::3',
    ':::',
    '1.2.3.4::',
    'fe80::1%eth0',
    'localhost',
    'x'.repeat(1 << 20),
  ])('%.20s is refused', (text) => {
    expect(errorOf(() => parseCidr(text))).toMatchObject({ code: 'CIDR_INVALID' });
  });

  test('says what is wrong', () => {
    expect(errorOf(() => parseCidr('10.0.0')).message).toMatchInlineSnapshot(
      `"network: '10.0.0' is neither an IPv4 nor an IPv6 network, as '10.0.0.0/8' is"`,
    );
    expect(errorOf(() => parseCidr('10.0.0.0/40')).message).toMatchInlineSnapshot(
      `"network: '10.0.0.0/40' needs the length of the prefix behind its '/', 0 to 32"`,
    );
    expect(errorOf(() => encodeField(lpmKey('ipv4'), 10 as never, 'key')).message).toMatchInlineSnapshot(
      `"key: '10' is no text"`,
    );
    expect(errorOf(() => encodeField(lpmKey('ipv6'), '10.0.0.0/8', 'key')).message).toMatchInlineSnapshot(
      `"key: '10.0.0.0/8' is no address of ipv6"`,
    );
  });

  test.prop([fc.oneof(address(4), address(16)), fc.nat(128)])('read as they are written', (bytes, bits) => {
    const length = Math.min(bits, 8 * bytes.length);
    const { address: network, length: same } = parseCidr(formatCidr({ address: bytes, length }));
    expect(same).toBe(length);
    const binary = (from: Uint8Array): string =>
      [...from].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    expect(binary(network)).toBe(
      binary(bytes)
        .slice(0, length)
        .padEnd(8 * bytes.length, '0'),
    );
  });

  test.prop([fc.oneof(address(16), fc.uint8Array({ minLength: 16, maxLength: 16, max: 1 }))])(
    'as inet_ntop writes them',
    (bytes) => {
      // Which writes ::a.b.c.d as well, a form that was given up.
      fc.pre(bytes.subarray(0, 12).some((byte) => byte !== 0));
      const ours = formatCidr({ address: bytes, length: 128 }).slice(0, -'/128'.length);
      expect(new SocketAddress({ family: 'ipv6', address: ours }).address).toBe(ours);
    },
  );

  test.prop([fc.ipV6()])('what others write is read', (text) => {
    const canonical = new SocketAddress({ family: 'ipv6', address: text }).address;
    expect(parseCidr(text)).toEqual(parseCidr(canonical));
  });

  test('the key of a trie', () => {
    expect(encodeField(lpmKey('ipv4'), '10.0.0.0/8', 'key')).toEqual(Uint8Array.of(8, 0, 0, 0, 10, 0, 0, 0));
    const bytes = encodeField(lpmKey('ipv6'), '2001:db8::/32', 'key');
    expect([bytes.length, lpmKey('ipv6').read(viewOf(bytes), 0, true)]).toEqual([20, '2001:db8::/32']);
  });
});

describe('the values of all CPUs', () => {
  const layouts: readonly (readonly [FieldType<unknown>, fc.Arbitrary<unknown>])[] = [
    [u8 as FieldType<unknown>, fc.nat(255)],
    [s16 as FieldType<unknown>, fc.integer({ min: -32768, max: 32767 })],
    [u64 as FieldType<unknown>, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
    [bytesOf(5) as FieldType<unknown>, address(5)],
    [
      struct('pair', { a: u64, b: u8 }) as FieldType<unknown>,
      fc.record({ a: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), b: fc.nat(255) }),
    ],
  ];
  const anyLayout = fc
    .constantFrom(...layouts)
    .chain(([type, value]) => fc.tuple(fc.constant(type), fc.array(value, { minLength: 1, maxLength: 9 })));

  test.prop([anyLayout])('come back from their layout, each from a multiple of 8', ([type, values]) => {
    const all = perCpuOf(type, values.length);
    const bytes = encodeField(all, values, 'values');
    expect(bytes.length).toBe(values.length * (Math.ceil(type.size / 8) * 8));
    expect(all.read(viewOf(bytes), 0, true)).toEqual(values);
    for (const [cpu, value] of values.entries())
      expect(type.read(viewOf(bytes), cpu * perCpuStride(type.size), true)).toEqual(value);
  });

  const plain = fc.constantFrom(1, 2, 3, 4, 6, 8, 12).chain((size) => {
    const value: fc.Arbitrary<MapValue> =
      size === 8
        ? fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
        : size === 1 || size === 2 || size === 4
          ? fc.nat(2 ** (8 * size) - 1)
          : address(size);
    return fc.tuple(fc.constant(size), fc.array(value, { minLength: 1, maxLength: 9 }));
  });

  test.prop([plain])('come back without a layout', ([size, values]) => {
    const bytes = new Uint8Array(values.length * perCpuStride(size)).fill(0xff);
    encodePerCpu(viewOf(bytes), values, size, 'a map');
    expect(decodePerCpu(viewOf(bytes), size)).toEqual(values);
    // One for all, and all of them raw.
    const copy = new Uint8Array(bytes.length);
    encodePerCpu(viewOf(copy), bytes, size, 'a map');
    expect(copy).toEqual(bytes);
    encodePerCpu(viewOf(copy), values[0]!, size, 'a map');
    expect(decodePerCpu(viewOf(copy), size)).toEqual(values.map(() => values[0]));
  });

  test('too many and too few are refused', () => {
    const entry = viewOf(new Uint8Array(16));
    expect(errorOf(() => encodePerCpu(entry, [1, 2, 3], 4, 'map x')).message).toMatchInlineSnapshot(
      `"value of map x: 3 values were given, but there are 2 possible CPUs"`,
    );
    expect(errorOf(() => encodePerCpu(entry, [1], 4, 'map x')).message).toMatchInlineSnapshot(
      `"value of map x: 1 values were given, but there are 2 possible CPUs"`,
    );
    expect(errorOf(() => encodePerCpu(entry, new Uint8Array(5), 4, 'map x')).message).toMatchInlineSnapshot(
      `"a value of map x is 4 bytes, but 5 were given"`,
    );
    expect(errorOf(() => encodeField(perCpuOf(u32, 2), [1, 2, 3], 'value')).message).toMatchInlineSnapshot(
      `"value: 3 values were given, but there are 2 possible CPUs"`,
    );
    expect(encodeField(perCpuOf(u32, 2), [1], 'value')).toEqual(
      Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    );
  });
});

describe('structs of the kernel', () => {
  test('a value of a devmap, and a key of a cgroup storage', () => {
    expect(encodeField(devmapEntry, { ifindex: 3 }, 'value')).toEqual(Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0));
    expect(devmapEntry.read(viewOf(Uint8Array.of(3, 0, 0, 0, 7, 0, 0, 0)), 0, true)).toEqual({
      ifindex: 3,
      programId: 7,
    });
    const key = { cgroupId: 2n ** 40n, attachType: 1 };
    const bytes = encodeField(cgroupStorageKey, key, 'key');
    expect([bytes.length, cgroupStorageKey.read(viewOf(bytes), 0, true)]).toEqual([16, key]);
  });
});
