import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Btf,
  BtfBuilder,
  BtfCopier,
  btfCodec,
  btfToC,
  btfToJson,
  btfToText,
  parseBtf,
  sanitiseBtf,
} from '../../src/btf/index.ts';
import { hasTool } from '../object/fixtures.ts';
import { everyKind } from './every-kind.ts';
import { bpftool, fingerprints, withFolder } from './tools.ts';

/** A module's types on those of its kernel. */
function module(): { readonly base: Btf; readonly split: Btf } {
  const base = parseBtf(everyKind().build('little'), 'vmlinux');
  const builder = new BtfBuilder({ base });
  const id = (name: string): number => base.findByName(name)!;
  const own = builder.struct('module_state', 40, [
    { name: 'list', type: id('list'), offsetBits: 0 },
    { name: 'count', type: id('u64'), offsetBits: 192 },
    { name: 'color', type: builder.nextId + 1, offsetBits: 256 },
  ]);
  builder.enum('module_color', { RED: 1 });
  builder.ptr(own);
  builder.float('float', 4);
  return { base, split: parseBtf(builder.build('little'), 'module', base) };
}

const onBase = (args: readonly string[], { base, split }: ReturnType<typeof module>): string =>
  withFolder((folder) => {
    const [baseFile, file] = [join(folder, 'base'), join(folder, 'split')];
    writeFileSync(baseFile, base.bytes);
    writeFileSync(file, split.bytes);
    return execFileSync(bpftool, [...args, 'file', file, '-B', baseFile], { encoding: 'utf8' });
  });

describe('a BTF that goes on from another', () => {
  const { base, split } = module();

  test('numbers go on, and both are reached', () => {
    expect(split.firstId).toBe(base.typeCount);
    expect(split.findByName('module_state')).toBe(base.typeCount);
    expect(split.findByName('list')).toBe(base.findByName('list'));
    expect(split.type(base.typeCount)).toMatchObject({ name: 'module_state', size: 40 });
    expect(split.sizeOf(base.typeCount)).toBe(40);
  });

  test('its values are read through types of the base', () => {
    const bytes = new Uint8Array(40);
    bytes.set([5], 24);
    bytes.set([1], 32);
    const codec = btfCodec(split, split.findByName('module_state')!);
    expect(codec.read(new DataView(bytes.buffer), 0, true)).toMatchObject({ count: 5n, color: 1 });
  });

  test('what an old kernel does not know is replaced in it alone', () => {
    const after = parseBtf(sanitiseBtf(split, { float: false }), 'module', base);
    expect(after.typeCount).toBe(split.typeCount);
    expect(after.type(split.typeCount - 1)).toMatchObject({ kind: 'struct', name: '', size: 4 });
    expect(after.findByName('module_state')).toBe(base.typeCount);
  });

  test('copied into a builder without base, it brings what it needs of the base', () => {
    const builder = new BtfBuilder();
    const id = new BtfCopier(split, builder).id(split.findByName('module_state')!);
    const copy = parseBtf(builder.build('little'));
    expect(copy.findByName('list')).toBeDefined();
    expect(fingerprints(copy)[id]).toBe(fingerprints(split)[split.findByName('module_state')!]);
  });

  test('copied into a builder on the same base, it brings only its own', () => {
    const builder = new BtfBuilder({ base });
    new BtfCopier(split, builder).all();
    expect(builder.nextId).toBe(split.typeCount);
    expect(fingerprints(parseBtf(builder.build('little'), 'copy', base))).toEqual(fingerprints(split));
  });

  test.skipIf(!hasTool(bpftool))('bpftool reads and prints the same', () => {
    const both = { base, split };
    expect(btfToText(split)).toBe(onBase(['btf', 'dump'], both));
    expect(btfToJson(split)).toBe(onBase(['-j', 'btf', 'dump'], both).trimEnd());
    expect(btfToC(split)).toContain('struct module_state {\n\tstruct list list;\n\tu64 count;');
  });
});
