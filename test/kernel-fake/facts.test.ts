import { expect, test } from 'vitest';
import { kernelVersionOf, symbolAddress } from '../../src/kernel/facts.ts';
import type { TsbpfError } from '../../src/util/errors.ts';

test.each([
  ['6.18.44-fc-v657', '#1 SMP', undefined, 0x06122c],
  ['6.1', '#1 SMP', undefined, 0x060100],
  ['5.10.0-28-amd64', '#1 SMP Debian 5.10.209-2 (2024-01-31)', undefined, 0x050ad1],
  ['5.15.0-91-generic', '#101-Ubuntu SMP', 'Ubuntu 5.15.0-91.101-generic 5.15.131\n', 0x050f83],
  // The patch level has one byte.
  ['4.14.336', '#1', undefined, 0x040eff],
  ['unknown', '#1', undefined, undefined],
])('a kernel that calls itself %j and %j is told by its number', (release, version, ubuntu, code) => {
  expect(kernelVersionOf(release, version, ubuntu)).toBe(code);
});

const kallsyms = [
  'ffffffff81000000 T _text',
  'ffffffff81000010 t twice',
  'ffffffff81000020 T once.part.0',
  'ffffffff81000030 T once',
  'ffffffff81000040 t twice\t[loop]',
  'ffffffff81000050 D hidden_by_lto.llvm.1234',
  '0000000000000000 D hidden',
  'ffffffffc0000000 t in_module\t[loop]',
].join('\n');

test.each([
  ['once', 0xffffffff81000030n],
  ['hidden_by_lto', 0xffffffff81000050n],
  ['in_module', 0xffffffffc0000000n],
  ['part', undefined],
  ['once.part.0', 0xffffffff81000020n],
  ['onc.', undefined],
])('the symbol %s is at %d', (name, address) => {
  expect(symbolAddress(kallsyms, name)).toBe(address);
});

test.each([
  ['twice', 'KSYM_AMBIGUOUS'],
  ['hidden', 'KSYM_HIDDEN'],
])('the address of %s cannot be told', (name, code) => {
  expect(() => symbolAddress(kallsyms, name)).toThrow(expect.objectContaining({ code }) as TsbpfError);
});
