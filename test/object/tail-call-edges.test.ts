import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { collect, tailCallEdges } from '../../src/object/index.ts';

test.each(['', 'clang-14.bpfel', 'clang-16.bpfel', 'clang-19.bpfeb'])(
  'are found in what %s clang makes',
  (generation) => {
    const read = (name: string): ReturnType<typeof readObject> =>
      readObject(
        new Uint8Array(
          readFileSync(generation === '' ? `bpf/${name}.o` : `bpf/generations/${name}.${generation}.o`),
        ),
      );
    const edges = (name: string, fn: string): unknown[] => {
      const spec = read(name);
      return tailCallEdges(spec.functions.get(fn)!, spec.endian).map(({ map, index }) => [map, index]);
    };
    expect(edges('jump_table', 'entry')).toEqual([['jmp_table', 0]]);
    expect(edges('jump_table', 'bpf_func_1')).toEqual([['jmp_table', 2]]);
    expect(edges('legacy_root_array', 'xdp_root')).toEqual([0, 1, 2].map((index) => ['root_array', index]));
    expect(new Set(edges('protocol_dispatch', 'packet_classifier').map(String))).toEqual(
      new Set(['packet_processing_progs,0', 'packet_processing_progs,1', 'packet_processing_progs,2']),
    );
  },
);

test.each([
  ['r2 = m ll\nr3 = 1\ncall bpf_tail_call', ['m', 1]],
  ['r3 = -1\nr2 = m ll\ncall bpf_tail_call', ['m', 0xffff_ffff]],
  ['r4 = m ll\nr5 = 3\nr2 = r4\nr3 = r5\ncall bpf_tail_call', ['m', 3]],
  ['r2 = m ll\nr3 = r7\ncall bpf_tail_call', ['m', undefined]],
  ['r2 = m ll\nr3 = 1\nr3 += 1\ncall bpf_tail_call', ['m', 2]],
  ['r2 = m ll\nr3 = *(u32 *)(r1 + 0)\ncall bpf_tail_call', ['m', undefined]],
  ['r2 = m ll\nr3 = 2\nif r7 == 0 goto go\nr3 = 1\ngo: call bpf_tail_call', ['m', 1], ['m', 2]],
  ['r2 = m ll\nr3 = 0\nloop: r3 += 1\nif r3 < 3 goto loop\ncall bpf_tail_call', ['m', undefined]],
  ['r2 = m ll\nr3 = 1\nr3 = xchg_64(r10 - 8, r3)\ncall bpf_tail_call', ['m', undefined]],
  ['r2 = m ll\nr3 = 1\nif r7 == 0 goto +1\ncall bpf_tail_call', ['m', 1]],
  ['r2 = m ll\nr3 = 1\ncall bpf_get_smp_processor_id\ncall bpf_tail_call', [undefined, undefined]],
  ['r2 = r6\nr3 = 5 ll\ncall bpf_tail_call', [undefined, 5]],
])('%j', (text, ...expected) => {
  const source = `.map m, prog_array, entries=4\n.program p, "xdp"\n${text}\nr0 = 0\nexit\n`;
  const spec = collect(assembleOrThrow(source).object);
  const edges = tailCallEdges(spec.functions.get('p')!, spec.endian);
  expect(edges.map(({ map, index }) => [map, index])).toEqual(expected);
});

test('a number that CO-RE will change is not known, and a call that constants rule out is none', () => {
  const source = `.map m, prog_array, entries=4
.program p, "xdp"
r2 = m ll
r3 = 1
call bpf_tail_call
r0 = 0
if r0 == 0 goto out
r2 = m ll
r3 = 2
call bpf_tail_call
out: exit
`;
  const spec = collect(assembleOrThrow(source).object);
  const fn = spec.functions.get('p')!;
  const shown = (one: typeof fn): unknown[] =>
    tailCallEdges(one, spec.endian).map(({ map, index }) => [map, index]);
  expect(shown(fn)).toEqual([['m', 1]]);
  const core = { slot: 2, type: 1, access: '0', kind: 11 };
  expect(shown({ ...fn, coreRelocations: [core] })).toEqual([['m', undefined]]);
});
