import { expect, test } from 'vitest';
import {
  BtfBuilder,
  BtfCopier,
  type BtfFeatures,
  dedupBtf,
  minimalBtf,
  parseBtf,
  sanitiseBtf,
} from '../../src/btf/index.ts';
import { logText, tryBtfLoad } from '../../src/syscall/bpf-prog.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { hasKernelBtf, kernelBtf } from '../btf/tools.ts';
import { describeKernel } from '../support/kernel.ts';

/** Every kind that a kernel takes from a program. */
function everything(): BtfBuilder {
  const btf = new BtfBuilder();
  const int = btf.int('int', 4, { signed: true });
  const long = btf.int('unsigned long', 8);
  const char = btf.int('char', 1, { char: true });
  const node = btf.nextId;
  btf.struct('node', 32, [
    { name: 'next', type: node + 1, offsetBits: 0 },
    { name: 'low', type: int, offsetBits: 64, bitSize: 3 },
    { name: 'high', type: int, offsetBits: 67, bitSize: 29 },
    { name: 'name', type: node + 2, offsetBits: 96 },
    { name: 'ratio', type: node + 3, offsetBits: 192 },
  ]);
  btf.ptr(node);
  btf.array(char, int, 8);
  btf.float('double', 8);
  btf.union('either', 8, [
    { name: 'small', type: int, offsetBits: 0 },
    { name: 'large', type: long, offsetBits: 0 },
  ]);
  btf.enum('below', { UNDER: -22, OVER: 1 });
  btf.enum64('huge', { FIRST: 1n, LAST: 0xffff_ffff_ffff_fffen });
  btf.forward('opaque');
  btf.typedef('callback', btf.ptr(btf.funcProto(int, [{ name: '', type: btf.ptr(btf.const(char)) }])));
  btf.ptr(btf.typeTag('user', btf.volatile(int)));
  const func = btf.func('main_prog', btf.funcProto(int, [{ name: 'ctx', type: btf.ptr(node) }]), 'global');
  btf.func('helper', btf.funcProto(int, [{ name: 'x', type: int }]), 'static');
  btf.declTag('hot', func);
  btf.declTag('arg', func, 0);
  const hidden = btf.variable('hidden', int, 'static');
  const counter = btf.variable('counter', long, 'global');
  btf.datasec('.data', 16, [
    { type: counter, offset: 0, size: 8 },
    { type: hidden, offset: 8, size: 4 },
  ]);
  btf.datasec('?.struct_ops', 8, [{ type: btf.variable('ops', long, 'global'), offset: 0, size: 8 }]);
  return btf;
}

/** What the kernel says of a BTF; empty where it takes it. */
function refusal(bytes: Uint8Array): string {
  const log = new Uint8Array(1 << 16);
  const result = tryBtfLoad(bytes, log);
  if (result < 0) return `${result}: ${logText(log)}`;
  new Fd(result, 'a BTF').close();
  return '';
}

const source = parseBtf(everything().build('little'));
const names = [
  'func',
  'datasec',
  'questionMarkDatasec',
  'globalFunc',
  'float',
  'declTag',
  'typeTag',
  'enum64',
] as const satisfies readonly (keyof BtfFeatures)[];

describeKernel('types that this makes', () => {
  test('are taken by the kernel', () => {
    expect(refusal(source.bytes)).toBe('');
  });

  test.each(names)('are taken without %s', (name) => {
    expect(refusal(sanitiseBtf(source, { [name]: false }))).toBe('');
  });

  test('are taken in every mixture of what an old kernel knows', () => {
    for (let mask = 0; mask < 1 << names.length; mask++) {
      const features = Object.fromEntries(names.map((name, bit) => [name, ((mask >> bit) & 1) === 1]));
      expect({ features, refusal: refusal(sanitiseBtf(source, features)) }).toEqual({
        features,
        refusal: '',
      });
    }
  });

  test('are taken when merged', () => {
    const builder = new BtfBuilder();
    new BtfCopier(source, builder).all();
    builder.forward('opaque', 'union');
    const merged = dedupBtf(parseBtf(builder.build('little')));
    expect(refusal(merged.builder.build('little'))).toBe('');
  });

  test.skipIf(!hasKernelBtf)('are taken when cut out of its own', () => {
    const local = new BtfBuilder();
    const int = local.int('int', 4);
    const type = local.struct('task_struct', 8, [{ name: 'pid', type: int, offsetBits: 0 }]);
    const need = { btf: parseBtf(local.build('little')), relocations: [{ type, access: '0:0', kind: 0 }] };
    expect(refusal(minimalBtf(kernelBtf(), [need]))).toBe('');
  });
});
