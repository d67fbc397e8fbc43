import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readObject, writeElf } from '../../src/elf/index.ts';
import { lower } from '../../src/object/index.ts';
import { fixture, goodFixtures, hasTool } from './fixtures.ts';

const BPFTOOL = '/usr/sbin/bpftool';

/** What a tool says of an object, on both streams; `@` stands for the file. */
function says(
  tool: string,
  args: readonly string[],
  object: Uint8Array,
): { status: number; text: string; complaint: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-'));
  try {
    writeFileSync(join(folder, 'object.o'), object);
    const list = args.map((arg) => (arg === '@' ? 'object.o' : arg));
    const { status, stdout, stderr } = spawnSync(tool, list, { cwd: folder, encoding: 'utf8' });
    return { status: status ?? -1, text: stdout, complaint: stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const rewrite = (name: string): Uint8Array => writeElf(lower(readObject(fixture(name))));
const little = goodFixtures.filter((name) => name.endsWith('-el'));

describe.skipIf(!hasTool('llvm-readelf-19'))('LLVM reads what we write without complaint', () => {
  test.each(goodFixtures)('%s', (name) => {
    const object = rewrite(name);
    for (const [tool, ...args] of [
      ['llvm-readelf-19', '-aW', '@'],
      ['llvm-objdump-19', '-dr', '@'],
    ] as const) {
      const { status, text, complaint } = says(tool, args, object);
      expect([status, complaint]).toEqual([0, '']);
      for (const { name: title, linkage } of readObject(object).functions.values())
        if (linkage === 'global') expect(text).toContain(title);
    }
  });
});

/** Types without the places of variables, which a compiler leaves open and a writer knows. */
function withoutPlaces(text: string): string {
  return text.replace(/(offset|size)=\d+ (size=\d+ )?(?=\(VAR|vlen)/g, '');
}

describe.skipIf(!hasTool(BPFTOOL))('bpftool reads what we write as it reads the original', () => {
  test.each(little)('the types of %s', (name) => {
    const [ours, theirs] = [rewrite(name), fixture(name)].map((object) =>
      says(BPFTOOL, ['btf', 'dump', 'file', '@'], object),
    );
    expect(withoutPlaces(ours!.text)).toBe(withoutPlaces(theirs!.text));
    expect(ours!.status).toBe(theirs!.status);
  });

  test.each(little)('the skeleton of %s', (name) => {
    const [ours, theirs] = [rewrite(name), fixture(name)].map((object) => {
      const { status, text } = says(BPFTOOL, ['gen', 'skeleton', '@', 'name', 'it'], object);
      // The object itself is in it, byte for byte.
      return { status, text: text.replace(/elf_bytes\(size_t \*sz\)\s*\{[\s\S]*?\n\}/g, '') };
    });
    expect(ours).toEqual(theirs);
  });
});
