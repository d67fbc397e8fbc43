import { existsSync } from 'node:fs';
import { arch, release } from 'node:os';
import { expect, test } from 'vitest';
import { readKernelKfuncs, VMLINUX_BTF } from '../../scripts/kernel-kfuncs.ts';
import { ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { KFUNCS } from '../../src/isa/kfuncs.generated.ts';
import { prototypeText } from '../../src/isa/prototype.ts';

test('the table is what the BTF of the running kernel tells', ({ skip }) => {
  const table = '6.18';
  if (!existsSync(VMLINUX_BTF)) skip('this kernel tells no BTF');
  if (!release().startsWith(`${table}.`) || arch() !== 'x64')
    skip(`the table is of Linux ${table} on x86-64`);
  const kernel = readKernelKfuncs();
  const ours = Object.entries(KFUNCS).map(([name, { returns, params, flags }]) => {
    const fastcall = flags.includes('KF_FASTCALL');
    return [name, { returns, params, fastcall }] as const;
  });
  // Kernels of one version may be built with more or with less: what both have must agree.
  const both = ours.filter(([name]) => kernel.has(name));
  expect(both.length).toBeGreaterThan(100);
  expect(Object.fromEntries(both)).toEqual(
    Object.fromEntries(both.map(([name]) => [name, kernel.get(name)])),
  );
});

test('flags and program types are names that exist', () => {
  const rows = Object.values(KFUNCS);
  expect(rows.flatMap(({ flags }) => flags).filter((flag) => !/^KF_[A-Z0-9_]+$/.test(flag))).toEqual([]);
  const types = rows.flatMap(({ programs }) => (Array.isArray(programs) ? (programs as string[]) : []));
  expect(types.filter((type) => !(type in ProgType))).toEqual([]);
});

test('a function that takes a function is written as C has it', () => {
  expect(prototypeText('bpf_wq_set_callback_impl', KFUNCS.bpf_wq_set_callback_impl!)).toMatchInlineSnapshot(
    `"int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*callback_fn)(void *, int *, void *), unsigned int flags, void *aux__prog)"`,
  );
});
