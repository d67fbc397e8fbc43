import { describe, expect, test } from 'vitest';
import { contextField, extentOfText, fieldPlace } from '../../../src/asm/types/field-path.ts';
import { blockEnd } from '../../../src/asm/types/lexer.ts';
import { BtfTypes } from '../../../src/asm/types/to-btf.ts';
import { type Btf, BtfBuilder } from '../../../src/btf/index.ts';
import { CONTEXT_OF_PROG_TYPE, CONTEXT_STRUCTS } from '../../../src/isa/context-structs.generated.ts';
import { ProgType } from '../../../src/isa/kernel-tables.generated.ts';
import { hasKernelBtf, kernelBtf } from '../../btf/tools.ts';
import { written } from './clang.ts';
import { brief, declare } from './tools.ts';

type Fields = Readonly<Record<string, readonly [number, number, string, number?, number?]>>;

const TYPES = `
.struct address { union { u32 v4; u8 bytes[4]; }; struct { u16 low, high; } half[2]; u32 flag : 1, kind : 7; }
.typedef struct address address_t
.struct event { u32 pid; address_t from; struct address to[2][3]; struct event *next; u8 rest[]; }
`;

describe('paths', () => {
  test.each([
    ['event', '0+128'],
    ['event.pid', '0+4'],
    ['event.from', '4+16'],
    ['struct event.from.v4', '4+4'],
    ['event.from.bytes[3]', '7+1'],
    ['event.from.half[1].high', '14+2'],
    ['event.from.kind', '16+4 bits 129+7'],
    ['event.to[1][2].flag', '112+4 bits 896+1'],
    ['event.to[1]', '68+48'],
    ['event.next', '120+8'],
    ['event.rest[100]', '228+1'],
    ['address_t.half', '4+8'],
    ['xdp_md.data_end', '4+4'],
    ['bpf_sock_tuple.ipv4.dport', '10+2'],
    ['bpf_fib_lookup.ipv6_dst[3]', '44+4'],
    ['bpf_perf_event_data.regs.di', '112+8'],
  ])('%s lies at %s', (path, place) => {
    const { registry, problems, more } = declare(TYPES);
    const found = fieldPlace(registry, more(path));
    expect(brief(problems)).toEqual([]);
    const bits = found!.bits ? ` bits ${found!.bits.offset}+${found!.bits.size}` : '';
    expect(`${found!.offset}+${found!.size}${bits}`).toBe(place);
  });

  test.each([
    ['u32', '4/4'],
    ['event', '128/8'],
    ['struct event *', '8/8'],
    ['u64[4]', '32/8'],
    ['event.to', '96/4'],
    ['event.to[1][0].half[0].low', '2/2'],
    ['struct xdp_md', '24/4'],
    ['bool', '1/1'],
  ])('the size and alignment of %s are %s', (text, expected) => {
    const { registry, problems, more } = declare(TYPES);
    const found = extentOfText(registry, more(text));
    expect(brief(problems)).toEqual([]);
    expect(`${found!.size}/${found!.align}`).toBe(expected);
  });
});

describe('contexts', () => {
  test('every field of every program type lies where the table says', () => {
    const { registry, problems, more } = declare('');
    for (const [progType, name] of Object.entries(CONTEXT_OF_PROG_TYPE)) {
      for (const [field, [offset, size, , bitOffset]] of Object.entries(
        CONTEXT_STRUCTS[name].fields as Fields,
      )) {
        expect(bitOffset).toBe(undefined);
        expect(contextField(registry, Number(progType), more(field))).toMatchObject({ offset, size });
      }
    }
    expect(brief(problems)).toEqual([]);
  });

  test('elements and bit fields of a context have places', () => {
    const { registry, more } = declare('');
    expect(contextField(registry, ProgType.SCHED_CLS, more('cb[2]'))).toMatchObject({ offset: 56, size: 4 });
    expect(contextField(registry, ProgType.KPROBE, more('fred_ss.vector'))).toMatchObject({
      offset: 160,
      size: 8,
      bits: { offset: 160 * 8 + 32, size: 8 },
    });
  });

  test("the text's own definition of a struct comes first", () => {
    const { registry, problems, more } = declare('.struct xdp_md { u64 mine; }\n.var struct xdp_md *pointer');
    expect(contextField(registry, ProgType.XDP, more('mine'))).toMatchObject({ offset: 0, size: 8 });
    expect(brief(problems)).toEqual([]);
  });

  test.skipIf(!hasKernelBtf)("their types are built as the kernel's", () => {
    const kernel = kernelBtf();
    const { registry } = declare('');
    const types = new BtfTypes(new BtfBuilder(), registry);
    const ids = Object.keys(CONTEXT_STRUCTS).map((name) => types.idOf(registry.find(name)!));
    const mine = written(types, 'little');
    for (const [index, name] of Object.keys(CONTEXT_STRUCTS).entries())
      expect(shape(mine, ids[index]!)).toEqual(shape(kernel, kernel.findByName(name, 'struct')!));
  });
});

/** Names, places and sizes of members, those of unnamed structs below them; names of integers differ by compiler. */
function shape(btf: Btf, id: number): unknown {
  const type = btf.resolve(id);
  if (type.kind !== 'struct' && type.kind !== 'union') return `${type.kind} of ${btf.sizeOf(id)} bytes`;
  const members = type.members.map((member) => [
    member.name,
    member.offsetBits,
    member.bitSize,
    shape(btf, member.type),
  ]);
  return { kind: type.kind, name: type.name, size: type.size, members };
}

describe('declared alone', () => {
  test("a struct stands for the kernel's where it is tagged or asked about by name", () => {
    const { registry } = declare(
      '.struct holder { struct task_struct __kptr *task; struct task_struct *plain; }',
    );
    const types = new BtfTypes(new BtfBuilder(), registry);
    types.idOf(registry.find('holder')!);
    const id = types.nominalIdOf(registry.find('task_struct')!);
    const btf = written(types, 'little');
    expect(btf.type(id)).toMatchObject({ kind: 'struct', name: 'task_struct', size: 0, members: [] });
    expect(btf.findByName('task_struct', 'fwd')).not.toBe(undefined);
  });

  test('what a list contains is written with it', () => {
    const { registry } = declare(`
      .struct foo { struct bpf_list_node node; u64 data; }
      .struct holder { struct bpf_spin_lock lock; struct bpf_list_head head __contains(foo, node); }
    `);
    const types = new BtfTypes(new BtfBuilder(), registry);
    types.idOf(registry.find('holder')!);
    expect(written(types, 'little').findByName('foo', 'struct')).not.toBe(undefined);
  });
});

describe('the end of a block', () => {
  test.each([
    ['.struct a { u8 x; }| r0 = 1'],
    ['.struct a {\n  u8 x; // }\n  /* } */ # }\n}|\nexit'],
    ['.struct a { struct { u8 x; } y; } __attribute__((packed, aligned(4)))|\nexit'],
    ['.struct a { u8 x; } __packed /* so */ __aligned(8)| // more'],
    [".enum a { X = '}', Y }|; r0 = 1"],
    ['.struct a { u8 x;\nexit|'],
    ['.struct a|'],
  ])('%j', (text) => {
    expect(blockEnd(text.replace('|', ''), 0)).toBe(text.indexOf('|'));
  });
});
