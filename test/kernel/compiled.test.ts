import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadCollection } from '../../src/kernel/index.ts';
import { possibleCpus } from '../../src/kernel/machine.ts';
import { struct, u32, u64 } from '../../src/util/struct.ts';
import { describeKernel } from '../support/kernel.ts';

const source = fileURLToPath(new URL('./fixtures/subprograms.c', import.meta.url));

function compile(clang: string): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-compiled-'));
  try {
    const object = join(dir, 'object.o');
    execFileSync(clang, ['-target', 'bpf', '-O2', '-g', '-c', source, '-o', object]);
    return readFileSync(object);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describeKernel('an object with subprograms, callbacks and types', () => {
  for (const version of [14, 16, 19]) {
    const clang = `/usr/bin/clang-${version}`;
    if (!existsSync(clang)) console.warn(`skipped: an object of clang ${version}: it is not installed`);

    test.skipIf(!existsSync(clang))(`of clang ${version} is loaded and runs`, () => {
      using collection = loadCollection(compile(clang), { variables: { added: 6 } });
      const run = () => collection.program('entry').testRun({ data: new Uint8Array(64) }).retval;
      // 4 calls of the callback and 10 more, the constant, and 3 * 2.
      expect(run()).toBe(4 + 10 + 6 + 6);
      expect(collection.variable('total').get()).toBe(14);
      const pair = struct('pair', { first: u64, second: u32 });
      expect([...collection.map('pairs').as({ key: u32, value: pair })]).toEqual([
        [1, { first: 7n, second: 8 }],
      ]);
      expect(collection.map('events').maxEntries).toBe(possibleCpus());
      // A tail call from a subprogram leaves that frame only: its target returns to the subprogram's caller.
      collection.map('jump').set(0, collection.program('tc/target'));
      expect(run()).toBe(77 + 6);
    });

    test.skipIf(!existsSync(clang))(`of clang ${version} shows its types in the kernel`, () => {
      using collection = loadCollection(compile(clang));
      const { btfId, btfKeyTypeId, btfValueTypeId } = collection.map('pairs').info();
      expect([btfId > 0, btfKeyTypeId > 0, btfValueTypeId > 0]).toEqual([true, true, true]);
      expect(collection.program('entry').info().btfId).toBe(btfId);
      // The kernel takes no types for this one, and it is made without them.
      expect(collection.map('events').info().btfId).toBe(0);
    });
  }
});
