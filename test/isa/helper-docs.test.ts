import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { HELPER_DEFS, readHelperDefs } from '../../scripts/helper-defs.ts';
import { HELPER_DOCS } from '../../src/isa/helper-docs.ts';
import { HELPER_PROTOS, HELPERS_BY_PROG_TYPE } from '../../src/isa/helper-protos.generated.ts';
import { HELPERS } from '../../src/isa/helpers.generated.ts';
import { prototypeText } from '../../src/isa/prototype.ts';

const names = HELPERS.map(({ name }) => name).sort();

test('every helper has a sentence of its own and nothing else has', () => {
  expect(Object.keys(HELPER_DOCS).sort()).toEqual(names);
  const texts = Object.values(HELPER_DOCS);
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts.filter((text) => !/^[A-Z].{15,140}\.$/.test(text))).toEqual([]);
});

test('every helper has a prototype and nothing else has', () => {
  expect(Object.keys(HELPER_PROTOS).sort()).toEqual(names);
});

test('the prototypes are those of bpf_helper_defs.h', ({ skip }) => {
  if (!existsSync(HELPER_DEFS)) skip(`${HELPER_DEFS} is not there (package libbpf-dev)`);
  expect(HELPER_PROTOS).toEqual(Object.fromEntries(readHelperDefs()));
});

test('a helper takes at most five arguments, one a register; only bpf_trace_printk takes a list', () => {
  const many = names.filter((name) => HELPER_PROTOS[name]!.params.length > 5);
  expect(many).toEqual([]);
  expect(names.filter((name) => HELPER_PROTOS[name]!.params.some(([type]) => type === '...'))).toEqual([
    'bpf_trace_printk',
  ]);
});

test.each([
  ['bpf_tail_call', 'long bpf_tail_call(void *ctx, void *prog_array_map, __u32 index)'],
  ['bpf_map_lookup_elem', 'void *bpf_map_lookup_elem(void *map, const void *key)'],
  ['bpf_ktime_get_ns', '__u64 bpf_ktime_get_ns(void)'],
  ['bpf_trace_printk', 'long bpf_trace_printk(const char *fmt, __u32 fmt_size, ...)'],
])('the prototype of %s is written as C has it', (name, text) => {
  expect(prototypeText(name, HELPER_PROTOS[name]!)).toBe(text);
});

test('function pointers and arrays have the name inside', () => {
  const params = [
    ['int (*)(void *, int *)', 'callback'],
    ['__u8 [16]', 'key'],
  ] as const;
  expect(prototypeText('f', { returns: 'void', params })).toBe(
    'void f(int (*callback)(void *, int *), __u8 key[16])',
  );
});

const allowed = (type: keyof typeof HELPERS_BY_PROG_TYPE, helper: string): boolean =>
  HELPERS_BY_PROG_TYPE[type]!.includes(HELPERS.find(({ name }) => name === helper)!.id);

test('who may call what, where everybody knows it', () => {
  expect(allowed('XDP', 'bpf_xdp_adjust_head')).toBe(true);
  expect(allowed('XDP', 'bpf_skb_load_bytes')).toBe(false);
  expect(allowed('SCHED_CLS', 'bpf_skb_load_bytes')).toBe(true);
  expect(allowed('KPROBE', 'bpf_override_return')).toBe(true);
  expect(allowed('TRACEPOINT', 'bpf_override_return')).toBe(false);
  for (const type of Object.keys(HELPERS_BY_PROG_TYPE) as (keyof typeof HELPERS_BY_PROG_TYPE)[])
    expect(allowed(type, 'bpf_map_lookup_elem')).toBe(true);
});
