import { describe, expect } from 'vitest';
import { collect } from '../../../src/object/index.ts';
import type { RelocatableObject } from '../../../src/object/relocatable.ts';
import type { MapSpec, ObjectSpec } from '../../../src/object/spec.ts';
import { type Endian, toHex } from '../../../src/util/index.ts';
import { testWith } from '../tools.ts';
import { compileC, meaning } from '../types/clang.ts';
import { right } from './tools.ts';

const ENDIANS: readonly Endian[] = ['little', 'big'];

/** What a loader makes of an object's declarations, as lines. */
function described(object: RelocatableObject): string[] {
  const spec = collect(object);
  const btf = spec.btf!;
  const type = (id: number | undefined): string => {
    if (id === undefined) return '-';
    return btf.kindOf(id) === 'datasec' ? `section ${btf.type(id).name}` : meaning(btf, id);
  };
  const map = ({ inner, contents, key, value, origin: _, ...rest }: MapSpec): string =>
    JSON.stringify(
      {
        ...rest,
        key: type(key),
        value: type(value),
        inner: inner && map({ ...inner, name: '' }),
        contents: contents.map((one) =>
          'bytes' in one ? { ...one, bytes: toHex(one.bytes as Uint8Array) } : one,
        ),
      },
      (_key, one) => (typeof one === 'bigint' ? Number(one) : one),
    );
  return [
    ...[...spec.maps.values()].map((one) => `map ${map(one)}`),
    ...variables(spec),
    ...[...spec.functions.values()].map(
      (one) => `function ${one.name} ${one.linkage} ${one.section} ${type(one.type)}`,
    ),
    ...[...spec.functions.values()].flatMap((one) =>
      one.coreRelocations.map(
        ({ kind, access, type: id }) => `core ${one.name} ${kind} ${access} ${type(id)}`,
      ),
    ),
  ].sort();
}

function variables(spec: ObjectSpec): string[] {
  return [...spec.variables.values()].map(
    ({ name, map, size, type }) =>
      `variable ${name} ${map} ${size} ${type === undefined ? '-' : meaning(spec.btf!, type)}`,
  );
}

const MACROS = `
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
char _license[] SEC("license") = "GPL";
`;

/** The values of variables, where the linker put them. */
function valuesOf(object: RelocatableObject): string[] {
  return object.symbols
    .filter(({ type, name }) => type === 'object' && name !== '_license')
    .flatMap(({ name, section, value, size, binding }) => {
      if (typeof section !== 'number') return [];
      const { name: where, bytes, align } = object.sections[section]!;
      if (where === '.maps') return [];
      const content = where === '.bss' ? '' : toHex(bytes.subarray(value, value + size));
      return [`${name} ${where} ${size} ${binding} ${align} ${content}`];
    })
    .sort();
}

describe.each(ENDIANS)('as clang has it, %s endian', (endian) => {
  testWith('clang-19')('variables', () => {
    const declarations = [
      'const u32 limit = 300',
      'u64 total',
      'struct event { u32 pid; char comm[16]; u64 when[2]; }',
      'struct event last = { .pid = 7, .comm = "init", .when = { 1, [1] = 2 } }',
      'struct event nothing',
      'const char greeting[] = "hello"',
      'u32 table[3] = { 1, 2, 3 }',
      'u8 zero = 0',
      'u64 *where = &total',
      'const struct event *const pointer = &last',
      'u16 aligned_one __attribute__((aligned(64))) = 5',
    ];
    const ours = declarations.map((line) =>
      line.startsWith('struct event {') ? `.${line}` : `.var ${line}`,
    );
    const a = right(`.license "GPL"\n${ours.join('\n')}\n`, { endian });
    const b = compileC(`${MACROS}${declarations.join(';\n')};\n`, endian);
    expect(valuesOf(a)).toEqual(valuesOf(b));
    expect(variables(collect(a)).sort()).toEqual(variables(collect(b)).sort());
  });

  testWith('clang-19')('maps, their types and what they hold', () => {
    const ours = right(
      `
    .license "GPL"
    .struct key { u32 a; u16 b; }
    .struct value { u64 hits; struct { u8 x, y; } where; }
    .typedef u32 number_t
    .map one, hash, key=struct key, value=struct value, entries=16, flags=BPF_F_NO_PREALLOC
    .map two, array, key=number_t, value=u64[4], entries=4
    .map three, percpu_hash, key=u8[6], value=struct value, entries=8
    .map ring, ringbuf, entries=4096
    .map inside, array, key=u32, value=u64, entries=2
    .map outer, array_of_maps, key=u32, inner=inside, entries=3
    .entry 0, inside
    .entry 2, inside
    .map jumps, prog_array, entries=4
    .entry 1, first
    .entry 3, second
    .map kept, lru_hash, key=u32, value=u32, entries=1, pinning=by_name
    .program first, "xdp"
    r0 = 1
    exit
    .program second, "xdp"
    r0 = 2
    exit
`,
      { endian },
    );
    const theirs = compileC(
      `${MACROS}
struct key { u32 a; u16 b; }; struct value { u64 hits; struct { u8 x, y; } where; };
typedef u32 number_t; struct xdp_md;
struct xdp_md { __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
SEC("xdp") int first(struct xdp_md *ctx) { return 1; }
SEC("xdp") int second(struct xdp_md *ctx) { return 2; }
struct { __uint(type, 1); __type(key, struct key); __type(value, struct value); __uint(max_entries, 16); __uint(map_flags, 1); } one SEC(".maps");
struct { __uint(type, 2); __type(key, number_t); __type(value, u64[4]); __uint(max_entries, 4); } two SEC(".maps");
struct { __uint(type, 5); __type(key, u8[6]); __type(value, struct value); __uint(max_entries, 8); } three SEC(".maps");
struct { __uint(type, 27); __uint(max_entries, 4096); } ring SEC(".maps");
struct inside { __uint(type, 2); __type(key, u32); __type(value, u64); __uint(max_entries, 2); };
struct inside inside SEC(".maps");
struct { __uint(type, 12); __type(key, u32); __uint(max_entries, 3); __array(values, struct inside); } outer SEC(".maps") = { .values = { [0] = &inside, [2] = &inside } };
struct { __uint(type, 3); __uint(key_size, 4); __uint(max_entries, 4); __array(values, int (void *)); } jumps SEC(".maps") = { .values = { [1] = (void *)&first, [3] = (void *)&second } };
struct { __uint(type, 9); __type(key, u32); __type(value, u32); __uint(max_entries, 1); __uint(pinning, 1); } kept SEC(".maps");
`,
      endian,
    );
    expect(described(ours)).toEqual(described(theirs));
  });

  testWith('clang-19')('functions and what is asked of the kernel', () => {
    const fields = ['tgid', 'real_parent', 'se.load.weight', 'comm[3]'];
    const ours = right(
      `
    .license "GPL"
    .enum kind { FIRST, SECOND = 7 }
    .struct load { u64 weight; }
    .struct sched { u32 on; struct load load; }
    .struct task_struct { int tgid; struct task_struct *real_parent; struct sched se; char comm[16]; u32 bits : 3; }
    .program ask, "raw_tp/sched_switch"
    call sum
    ${fields.map((field) => `r3 = core.offset(task_struct.${field})`).join('\n')}
    r3 = core.exists(task_struct.tgid)
    r3 = core.size(task_struct.comm)
    r3 = core.type_exists(struct task_struct)
    r3 = core.type_size(task_struct)
    r3 = core.type_id(task_struct) ll
    r3 = core.enum_value(kind.SECOND) ll
    r0 = 0
    exit
    .function u64 sum(u32 a, const struct load *b, void *c)
    r0 = 0
    exit
`,
      { endian },
    );
    const field = (kind: number, path: string): string =>
      `__builtin_preserve_field_info(t->${path}, ${kind})`;
    const theirs = compileC(
      `${MACROS}
enum kind { FIRST, SECOND = 7 };
struct load { u64 weight; }; struct sched { u32 on; struct load load; };
struct task_struct { int tgid; struct task_struct *real_parent; struct sched se; char comm[16]; u32 bits : 3; } __attribute__((preserve_access_index));
__attribute__((noinline)) static u64 sum(u32 a, const struct load *b, void *c) { asm volatile(""); return a + b->weight + (u64)c; }
volatile u64 sink;
SEC("raw_tp/sched_switch") int ask(struct bpf_raw_tracepoint_args *ctx) { struct task_struct *t = (void *)ctx;
  sink = sum(sink, (void *)ctx, ctx);
  ${fields.map((path) => `sink = ${field(0, path)};`).join('\n')}
  sink = ${field(2, 'tgid')}; sink = ${field(1, 'comm')};
  sink = __builtin_preserve_type_info(*(struct task_struct *)0, 0);
  sink = __builtin_preserve_type_info(*(struct task_struct *)0, 1);
  sink = __builtin_btf_type_id(*(struct task_struct *)0, 1);
  sink = __builtin_preserve_enum_value(*(enum kind *)SECOND, 1);
  return 0; }
`,
      endian,
    );
    const asked = (object: RelocatableObject): string[] =>
      described(object).filter((line) => line.startsWith('core'));
    expect(asked(ours)).toEqual(asked(theirs));
    const functions = (object: RelocatableObject): string[] =>
      described(object).filter((line) => line.startsWith('function'));
    expect(functions(ours)).toEqual(functions(theirs));
  });
});
