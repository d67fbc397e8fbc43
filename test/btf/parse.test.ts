import { describe, expect, test } from 'vitest';
import { BtfBuilder, type BtfType, parseBtf, parseBtfExt } from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { TsbpfError } from '../../src/util/index.ts';
import { fixture, goodFixtures, hasTool, toolOutput } from '../object/fixtures.ts';
import { fc, test as property } from '../support/property.ts';

function sectionOf(name: string, section: string): Uint8Array | undefined {
  return parseElf(fixture(name)).sections.find((each) => each.name === section)?.bytes;
}

const withBtf = goodFixtures.filter((name) => sectionOf(name, '.BTF') !== undefined);

/** A type as `bpftool btf dump -j` has it, as far as both tell the same. */
function asBpftool(type: BtfType): object {
  const head = { id: type.id, name: type.name || '(anon)' };
  switch (type.kind) {
    case 'int':
      return { ...head, kind: 'INT', size: type.size, bits_offset: type.bitOffset, nr_bits: type.bits };
    case 'ptr':
      return { ...head, kind: 'PTR', type_id: type.type };
    case 'typedef':
      return { ...head, kind: 'TYPEDEF', type_id: type.type };
    case 'const':
      return { ...head, kind: 'CONST', type_id: type.type };
    case 'volatile':
      return { ...head, kind: 'VOLATILE', type_id: type.type };
    case 'array':
      return {
        ...head,
        kind: 'ARRAY',
        type_id: type.type,
        index_type_id: type.indexType,
        nr_elems: type.count,
      };
    case 'struct':
      return {
        ...head,
        kind: 'STRUCT',
        size: type.size,
        vlen: type.members.length,
        members: type.members.map((m) => ({
          name: m.name || '(anon)',
          type_id: m.type,
          bits_offset: m.offsetBits,
        })),
      };
    case 'funcProto':
      return {
        ...head,
        kind: 'FUNC_PROTO',
        ret_type_id: type.type,
        vlen: type.params.length,
        params: type.params.map((p) => ({ name: p.name || '(anon)', type_id: p.type })),
      };
    case 'func':
    case 'var':
      return { ...head, kind: type.kind.toUpperCase(), type_id: type.type, linkage: type.linkage };
    case 'datasec':
      return {
        ...head,
        kind: 'DATASEC',
        size: type.size,
        vlen: type.vars.length,
        vars: type.vars.map((v) => ({ type_id: v.type, offset: v.offset, size: v.size })),
      };
    default:
      return head;
  }
}

describe.skipIf(!hasTool('/usr/sbin/bpftool'))('bpftool reads the same types', () => {
  test.each(withBtf.filter((name) => name.endsWith('el')))('%s', (name) => {
    const btf = parseBtf(sectionOf(name, '.BTF')!);
    const args = ['-j', 'btf', 'dump', 'file', '@'];
    const { types } = JSON.parse(toolOutput('/usr/sbin/bpftool', args, fixture(name))) as {
      types: { id: number; encoding?: string }[];
    };
    expect(types.length).toBe(btf.typeCount - 1);
    for (const { encoding: _, ...type } of types) expect(asBpftool(btf.type(type.id))).toEqual(type);
  });
});

describe('sizes and names', () => {
  const builder = new BtfBuilder();
  const int = builder.int('int', 4, { signed: true });
  const u32 = builder.typedef('u32', builder.const(builder.volatile(int)));
  const table = builder.array(builder.array(u32, int, 3), int, 5);
  const proto = builder.funcProto(0, []);
  const pointer = builder.ptr(proto);
  const variable = builder.variable('table', table, 'global');
  const loop = builder.nextId;
  builder.typedef('loop', loop);
  const huge = builder.array(builder.array(int, int, 0xffff_ffff), int, 0xffff_ffff);
  const empty = builder.typedef('nothing', 0);
  const btf = parseBtf(builder.build('little'));

  test('typedefs, modifiers, arrays and variables are seen through', () => {
    expect(btf.resolve(u32)).toMatchObject({ kind: 'int', name: 'int' });
    expect(btf.sizeOf(u32)).toBe(4);
    expect(btf.sizeOf(table)).toBe(60);
    expect(btf.sizeOf(variable)).toBe(60);
    expect(btf.sizeOf(pointer)).toBe(8);
    expect(btf.findByName('u32')).toBe(u32);
    expect(btf.findByName('u32', 'struct')).toBeUndefined();
    expect(btf.findByName('u3')).toBeUndefined();
    expect(btf.type(0)).toEqual({ kind: 'void', id: 0, name: '' });
  });

  test('what has no size, no end or no place says so', () => {
    expect(() => btf.sizeOf(proto)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: BTF/types/7: a funcProto has no size]`,
    );
    expect(() => btf.sizeOf(empty)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: BTF/types/13: a void has no size]`,
    );
    expect(() => btf.sizeOf(loop)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: BTF/types/10: the chain of types behind it does not end]`,
    );
    expect(() => btf.sizeOf(huge)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: BTF/types/12: 73786976260478470000 bytes are more than any type may have]`,
    );
    expect(() => btf.type(99)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: BTF/types/99: there is no such type; the numbers go up to 13]`,
    );
    expect(() => btf.type(-1)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: BTF/types/-1: there is no such type; the numbers go up to 13]`,
    );
    expect(() => btf.string(5000)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: BTF/strings/5000: lies outside the 28 bytes of strings]`,
    );
  });
});

test('a split BTF goes on where its base ends', () => {
  const base = new BtfBuilder();
  const int = base.int('int', 4, { signed: true });
  const parsed = parseBtf(base.build('little'), 'base');
  // The module's records refer to the base's types by number and come after them.
  const own = new BtfBuilder();
  own.typedef('own', int);
  const bytes = own.build('little');
  const view = new DataView(bytes.buffer);
  view.setUint32(24, view.getUint32(24, true) + parsed.stringsEnd, true);
  const split = parseBtf(bytes, 'module', parsed);
  expect(split.firstId).toBe(2);
  expect(split.typeCount).toBe(3);
  expect(split.type(2)).toEqual({ kind: 'typedef', id: 2, name: 'own', type: 1 });
  expect(split.type(1)).toBe(parsed.type(1));
  expect(split.findByName('int')).toBe(1);
  expect(split.findByName('own')).toBe(2);
  expect(split.sizeOf(2)).toBe(4);
});

describe('damaged', () => {
  const good = ((): Uint8Array => {
    const btf = new BtfBuilder();
    btf.struct('s', 4, [{ name: 'a', type: btf.int('int', 4), offsetBits: 0 }]);
    return btf.build('little');
  })();
  const message = (change: (view: DataView) => void, length = good.length): string => {
    const bytes = good.slice(0, length);
    change(new DataView(bytes.buffer));
    try {
      const btf = parseBtf(bytes);
      for (let id = 0; id < btf.typeCount; id++) btf.type(id);
    } catch (error) {
      if (error instanceof TsbpfError) return `${error.code} ${error.message}`;
      throw error;
    }
    return 'no error';
  };

  test('BTF is refused with the place', () => {
    expect(message(() => {})).toBe('no error');
    expect(message(() => {}, 10)).toMatchInlineSnapshot(
      `"BTF_TRUNCATED BTF/header: needs 24 bytes, but there are 10"`,
    );
    expect(message((view) => view.setUint16(0, 0x1234))).toMatchInlineSnapshot(
      `"BTF_NOT_BTF BTF/header/magic: is not that of BTF (0xeb9f)"`,
    );
    expect(message((view) => view.setUint8(2, 9))).toMatchInlineSnapshot(
      `"BTF_NOT_BTF BTF/header/version: is 9, but only 1 is known"`,
    );
    expect(message((view) => view.setUint32(4, 8, true))).toMatchInlineSnapshot(
      `"BTF_TRUNCATED BTF/header/hdr_len: is 8, but needs to be 24"`,
    );
    expect(message((view) => view.setUint32(12, 5000, true))).toMatchInlineSnapshot(
      `"BTF_TRUNCATED BTF/header/type_len: needs 5000 bytes at offset 24, but there are 73 in all"`,
    );
    expect(message((view) => view.setUint32(12, 20, true))).toMatchInlineSnapshot(
      `"BTF_TRUNCATED BTF/types/2: the type section ends within its record"`,
    );
    expect(message((view) => view.setUint32(28, 31 << 24, true))).toMatchInlineSnapshot(
      `"BTF_UNKNOWN_KIND BTF/types/1: is of kind 31, which is not known"`,
    );
    expect(message((view) => view.setUint32(24, 777, true))).toMatchInlineSnapshot(
      `"BTF_BAD_STRING BTF/strings/777: lies outside the 9 bytes of strings"`,
    );
    expect(message((view) => view.setUint8(good.length - 1, 65))).toMatchInlineSnapshot(
      `"BTF_BAD_STRING BTF/strings: the last string has no terminating NUL"`,
    );
    // The struct's member refers to a type far away.
    expect(message((view) => view.setUint32(24 + 16 + 12 + 4, 1000, true))).toMatchInlineSnapshot(
      `"BTF_NO_SUCH_TYPE BTF/types/2: refers to type 1000, but the numbers go up to 2"`,
    );
  });

  property.prop(
    [
      fc.constantFrom(...withBtf),
      fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { minLength: 1, maxLength: 8 }),
    ],
    {
      numRuns: 1000,
    },
  )('BTF and BTF.ext are read or refused with an error of ours', (name, changes) => {
    const bytes = sectionOf(name, '.BTF')!.slice();
    const ext = sectionOf(name, '.BTF.ext')!.slice();
    for (const [at, value] of changes) {
      bytes[at % bytes.length] = value;
      ext[(at * 31) % ext.length] = value;
    }
    try {
      const btf = parseBtf(bytes);
      const { lines } = parseBtfExt(ext, btf);
      for (const section of lines.sections) lines.of(section);
      for (let id = 0; id < btf.typeCount; id++) {
        btf.type(id);
        if (btf.kindOf(id) === 'var') btf.sizeOf(id);
      }
    } catch (error) {
      if (!(error instanceof TsbpfError)) throw error;
    }
  });

  test('strings that lie over each other a thousand times are refused', () => {
    const btf = new BtfBuilder();
    btf.string('x'.repeat(4000));
    for (let index = 0; index < 3000; index++) btf.struct('', 0, []);
    const bytes = btf.build('little');
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < 3000; index++) view.setUint32(24 + 12 * index, index + 1, true);
    const parsed = parseBtf(bytes);
    expect(() => {
      for (let id = 1; id < parsed.typeCount; id++) parsed.type(id);
    }).toThrow('too many strings lie over each other');
  });
});

describe('.BTF.ext', () => {
  test('records that are longer than known are read by their known part', () => {
    const btf = parseBtf(sectionOf('legacy-19-el', '.BTF')!);
    const bytes = sectionOf('legacy-19-el', '.BTF.ext')!;
    const known = parseBtfExt(bytes, btf);
    expect(known.functions.of('xdp')).toEqual([{ byteOffset: 0, type: btf.findByName('entry', 'func') }]);
    expect(known.lines.of('xdp').length).toBeGreaterThan(5);
    expect(known.coreRelocations.sections).toEqual([]);
    expect(parseBtfExt(widened(bytes), btf).functions.of('xdp')).toEqual(known.functions.of('xdp'));
  });

  /** The same with 4 more bytes in each function record, all else behind it left away. */
  function widened(bytes: Uint8Array): Uint8Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const headerSize = view.getUint32(4, true);
    const out = new Uint8Array(headerSize + 4 + 8 + 12);
    out.set(bytes.subarray(0, headerSize));
    const copy = new DataView(out.buffer);
    for (let at = 8; at < headerSize; at += 4) copy.setUint32(at, 0, true);
    copy.setUint32(12, 4 + 8 + 12, true);
    copy.setUint32(headerSize, 12, true);
    out.set(bytes.subarray(headerSize + 4, headerSize + 4 + 8 + 8), headerSize + 4);
    return out;
  }

  test('record sizes and counts that cannot be are refused', () => {
    const btf = parseBtf(sectionOf('legacy-19-el', '.BTF')!);
    const message = (at: number, value: number): string => {
      const bytes = sectionOf('legacy-19-el', '.BTF.ext')!.slice();
      new DataView(bytes.buffer).setUint32(at, value, true);
      try {
        parseBtfExt(bytes, btf);
      } catch (error) {
        if (error instanceof TsbpfError) return `${error.code} ${error.message}`;
        throw error;
      }
      return 'no error';
    };
    const headerSize = new DataView(sectionOf('legacy-19-el', '.BTF.ext')!.slice().buffer).getUint32(4, true);
    expect(message(headerSize, 4)).toMatchInlineSnapshot(
      `"BTF_BAD_RECORD BTF.ext/func_info/rec_size: is 4, but must be a multiple of 4 from 8 to 252"`,
    );
    expect(message(headerSize, 0xffff_fff0)).toMatchInlineSnapshot(
      `"BTF_BAD_RECORD BTF.ext/func_info/rec_size: is 4294967280, but must be a multiple of 4 from 8 to 252"`,
    );
    expect(message(headerSize + 8, 0xffff_ffff)).toMatchInlineSnapshot(
      `"BTF_TRUNCATED BTF.ext/func_info/num_info: 4294967295 records do not fit into the part"`,
    );
    expect(message(12, 1_000_000)).toMatchInlineSnapshot(
      `"BTF_TRUNCATED BTF.ext/header/func_info_len: needs 1000000 bytes at offset 32, but there are 224 in all"`,
    );
    expect(message(4, 1_000_000)).toMatchInlineSnapshot(
      `"BTF_TRUNCATED BTF.ext/header/hdr_len: needs 1000000 bytes at offset 0, but there are 224 in all"`,
    );
    expect(message(0, 0)).toMatchInlineSnapshot(
      `"BTF_NOT_BTF BTF.ext/header/magic: is not that of BTF (0xeb9f), or of another endianness"`,
    );
  });
});
