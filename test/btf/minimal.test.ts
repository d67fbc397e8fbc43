import { describe, expect, test } from 'vitest';
import {
  type Btf,
  BtfBuilder,
  CoreKind,
  CoreRelocator,
  type CoreRequest,
  CoreTarget,
  minimalBtf,
  parseBtf,
  parseBtfExt,
} from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { TsbpfError } from '../../src/util/index.ts';
import { hasTool } from '../object/fixtures.ts';
import { btfOf, compileText, hasKernelBtf, kernelBtf } from './tools.ts';

/** What a relocation comes to, in words that two BTFs can be compared by. */
function answer(local: Btf, target: Btf, request: CoreRequest): unknown {
  try {
    const result = new CoreRelocator(local, new CoreTarget(target)).resolve(request);
    if (result.outcome === 'poison') return 'poison';
    const { resize, ...rest } = result;
    return {
      ...rest,
      resize: resize && { from: resize.from, to: resize.to, safe: resize.unsafe === undefined },
    };
  } catch (error) {
    if (error instanceof TsbpfError) return error.code;
    throw error;
  }
}

const built = (make: (btf: BtfBuilder) => void): Btf => {
  const builder = new BtfBuilder();
  make(builder);
  return parseBtf(builder.build('little'));
};

const shrink = (target: Btf, btf: Btf, relocations: readonly CoreRequest[]): Btf =>
  parseBtf(minimalBtf(target, [{ btf, relocations }]));

/** A kernel, with a member's offset and a value that programs below do not know. */
const kernel = (): Btf =>
  built((make) => {
    const int = make.int('int', 4, { signed: true });
    const member = (name: string, type: number, offsetBits: number, bitSize = 0) => ({
      name,
      type,
      offsetBits,
      bitSize,
    });
    const inner = make.struct('', 16, [member('unused', int, 0), member('deep', int, 96)]);
    const other = make.struct('other', 8, [member('a', int, 0), member('b', int, 32)]);
    make.struct('task', 64, [
      member('unused', int, 0),
      member('pid', make.const(int), 64),
      member('', inner, 128),
      member('others', make.array(other, int, 3), 256),
      member('flag', int, 450, 3),
      member('owner', make.ptr(other), 480),
    ]);
    make.struct('task___other', 8, [member('pid', int, 0)]);
    make.enum('state', { IDLE: 0, BUSY: 9 });
    make.struct('stranger', 4, [member('unused', int, 0)]);
    make.typedef('handler', make.ptr(make.funcProto(int, [{ name: 'o', type: make.ptr(other) }])));
  });

/** What a program believes. */
const program = (): Btf =>
  built((make) => {
    const int = make.int('int', 4, { signed: true });
    const member = (name: string, type: number, offsetBits: number, bitSize = 0) => ({
      name,
      type,
      offsetBits,
      bitSize,
    });
    const other = make.struct('other', 4, [member('b', int, 0)]);
    const others = make.array(other, int, 2);
    make.struct('task', 32, [
      member('pid', int, 0),
      member('deep', int, 32),
      member('others', others, 64),
      member('flag', int, 128, 3),
      member('gone', int, 160),
      member('owner', make.ptr(other), 192),
    ]);
    make.enum('state', { BUSY: 1, GONE: 2 });
    make.typedef('handler', make.ptr(make.funcProto(int, [{ name: 'o', type: make.ptr(other) }])));
    make.struct('missing', 4, [member('x', int, 0)]);
  });

describe('of a kernel of a dozen types', () => {
  const [target, local] = [kernel(), program()];
  const id = (name: string): number => local.findByName(name)!;
  const field = (access: string): CoreRequest => ({
    type: id('task'),
    access,
    kind: CoreKind.FIELD_BYTE_OFFSET,
  });

  test('one member leaves its struct with that alone, where it was', () => {
    const small = shrink(target, local, [field('0:0')]);
    expect(small.type(small.findByName('task')!)).toMatchObject({
      size: 64,
      members: [{ name: 'pid', offsetBits: 64 }],
    });
    expect(small.findByName('other')).toBeUndefined();
    expect(small.findByName('stranger')).toBeUndefined();
  });

  test('a member within anonymous structs and arrays is reached', () => {
    const small = shrink(target, local, [field('0:1'), field('0:2:1:0')]);
    const task = small.type(small.findByName('task')!);
    expect(task).toMatchObject({ members: [{ name: '', offsetBits: 128 }, { name: 'others' }] });
    expect(small.type(small.findByName('other')!)).toMatchObject({
      size: 8,
      members: [{ name: 'b', offsetBits: 32 }],
    });
  });

  test('nothing is asked, nothing is left', () => {
    expect(shrink(target, local, []).typeCount).toBe(1);
    const ofOwn = { type: id('task'), access: '0', kind: CoreKind.TYPE_ID_LOCAL };
    expect(shrink(target, local, [ofOwn]).typeCount).toBe(1);
  });

  const accesses = ['0:0', '0:1', '0:2', '0:2:1', '0:2:1:0', '0:3', '0:4', '0:5', '1:0'];
  const requests: CoreRequest[] = [
    ...accesses.flatMap((access) => [0, 1, 2, 3, 4, 5].map((kind) => ({ type: id('task'), access, kind }))),
    ...['task', 'other', 'state', 'handler', 'missing'].flatMap((name) =>
      [CoreKind.TYPE_EXISTS, CoreKind.TYPE_SIZE, CoreKind.TYPE_MATCHES].map((kind) => ({
        type: id(name),
        access: '0',
        kind,
      })),
    ),
    ...['0', '1'].flatMap((access) =>
      [CoreKind.ENUMVAL_EXISTS, CoreKind.ENUMVAL_VALUE].map((kind) => ({ type: id('state'), access, kind })),
    ),
  ];

  test('every request gives what it gives against the whole', () => {
    const together = shrink(target, local, requests);
    const outcomes = new Set<string>();
    for (const request of requests) {
      const whole = answer(local, target, request);
      outcomes.add(typeof whole === 'string' ? whole : 'value');
      const alone = shrink(target, local, [request]);
      expect({ request, answer: answer(local, alone, request) }).toEqual({ request, answer: whole });
      expect({ request, answer: answer(local, together, request) }).toEqual({ request, answer: whole });
    }
    expect(outcomes).toContain('value');
    expect(outcomes).toContain('poison');
  });
});

const PROGRAM = `
#define preserve __attribute__((preserve_access_index))
typedef unsigned long long u64; typedef unsigned int u32;
struct nsproxy; struct nothing { int here; } preserve;
struct kuid { int val; } preserve;
struct cred { struct kuid uid; } preserve;
struct mm { u64 pgd; } preserve;
struct task_struct___mine { int pid; int tgid; char comm[16]; struct cred *cred; struct task_struct___mine *group_leader; u64 start_time; int gone; unsigned in_execve:1; } preserve;
struct sk_buff { u32 len; unsigned pkt_type:3; } preserve;
enum bpf_map_type { BPF_MAP_TYPE_HASH = 100, BPF_MAP_TYPE_NEVER };
struct bpf_map { enum bpf_map_type map_type; u32 max_entries; } preserve;
u64 sink;
#define SEC(n) __attribute__((section(n), used))
SEC("raw_tp") int look(struct task_struct___mine *t) {
  struct sk_buff *skb = (void *)t; struct bpf_map *map = (void *)t;
  sink += t->pid + t->tgid + t->comm[3] + t->group_leader->start_time + t->cred->uid.val + skb->len + map->max_entries;
  sink += __builtin_preserve_field_info(t->gone, 2) + __builtin_preserve_field_info(t->start_time, 1);
  sink += __builtin_preserve_field_info(skb->pkt_type, 0) + __builtin_preserve_field_info(skb->pkt_type, 4) + __builtin_preserve_field_info(skb->pkt_type, 5);
  sink += __builtin_preserve_type_info(*(struct nothing *)0, 0) + __builtin_preserve_type_info(*(struct bpf_map *)0, 1);
  sink += __builtin_preserve_enum_value(*(enum bpf_map_type *)BPF_MAP_TYPE_HASH, 1);
  sink += __builtin_preserve_enum_value(*(enum bpf_map_type *)BPF_MAP_TYPE_NEVER, 0);
  return 0;
}
`;

describe.skipIf(!hasTool('clang-19') || !hasKernelBtf)("of this machine's kernel", () => {
  test('a compiled program gets the same from some kilobytes as from all', () => {
    const object = compileText(PROGRAM);
    const local = btfOf(object);
    const ext = parseBtfExt(parseElf(object).sections.find(({ name }) => name === '.BTF.ext')!.bytes!, local);
    const requests = ext.coreRelocations
      .of('raw_tp')
      .map(({ type, accessOffset, kind }) => ({ type, access: local.string(accessOffset), kind }));
    expect(requests.length).toBeGreaterThan(14);
    const target = kernelBtf();
    const bytes = minimalBtf(target, [{ btf: local, relocations: requests }]);
    expect(bytes.length).toBeLessThan(4096);
    const small = parseBtf(bytes);
    for (const request of requests)
      expect({ request, answer: answer(local, small, request) }).toEqual({
        request,
        answer: answer(local, target, request),
      });
  });
});
