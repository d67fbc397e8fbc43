import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { encodeInsns, makeInsn } from '../../src/isa/index.ts';
import { codeTag, link, programTag } from '../../src/object/index.ts';

test.each([
  ['XDP_DROP', 1, '57cd311f2e27366b', 'b11459a0e11ca14c'],
  ['XDP_PASS', 2, '3b185187f1855c4c', '614b434cd8324ecc'],
])('a program that returns %s has the tag that kernels print for it', (_name, imm, sha1, sha256) => {
  const code = encodeInsns([makeInsn('mov_k', { dst: 0, imm }), makeInsn('exit')]);
  expect(codeTag(code)).toEqual({ sha1, sha256 });
});

test('numbers of maps do not count, numbers do', () => {
  const load = (name: string, imm: number): string =>
    codeTag(encodeInsns([makeInsn(name, { dst: 1, imm, nextImm: imm }), makeInsn('exit')])).sha256;
  expect(load('lddw_map_fd', 3)).toBe(load('lddw_map_fd', 4));
  expect(load('lddw_map_value', 3)).toBe(load('lddw_map_value', 4));
  expect(load('lddw', 3)).not.toBe(load('lddw', 4));
  expect(load('lddw_map_fd', 3)).not.toBe(load('lddw_map_value', 3));
});

test('a linked program has its tag without a kernel', () => {
  const spec = readObject(new Uint8Array(readFileSync('bpf/drop_world.o')));
  expect(programTag(link(spec, 'xdp')).sha256).toBe('b11459a0e11ca14c');
});
