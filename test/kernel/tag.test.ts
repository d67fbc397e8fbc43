import { readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { expect, test } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { loadCollection } from '../../src/kernel/index.ts';
import { link, programTag } from '../../src/object/index.ts';
import { describeKernel } from '../support/kernel.ts';
import { canLoad } from '../support/needs.ts';

const digest = ((): 'sha1' | 'sha256' => {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 18) ? 'sha256' : 'sha1';
})();

describeKernel('program tags', () => {
  test.each(readdirSync('bpf').filter((name) => name.endsWith('.o') && canLoad(name)))(
    'of bpf/%s are those that the kernel computes',
    (name) => {
      const spec = readObject(new Uint8Array(readFileSync(`bpf/${name}`)));
      using collection = loadCollection(spec);
      for (const program of collection.programs.values()) {
        expect(programTag(link(spec, program.name))[digest], program.name).toBe(program.info().tag);
      }
    },
  );
});
