import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkCode } from '../../../src/asm/check/check.ts';
import { readObject } from '../../../src/elf/index.ts';
import { isGplCompatible } from '../../../src/object/license.ts';
import type { ObjectSpec } from '../../../src/object/spec.ts';
import { flowReferences } from '../../../src/object/tail-calls.ts';

/** What is found in an object's functions, each taken by itself, and how many those are. */
function checkObject(spec: ObjectSpec): { readonly count: number; readonly found: unknown[] } {
  const found = [...spec.functions.values()].flatMap(({ name, code, program, ...fn }) =>
    checkCode({
      code,
      endian: spec.endian,
      functions: [
        {
          name,
          slot: 0,
          slots: code.length / 8,
          isProgram: program !== undefined,
          progType: program?.progType,
        },
      ],
      references: flowReferences({ name, code, program, ...fn }),
      gplCompatible: isGplCompatible(spec.license),
    }).map((finding) => ({ function: name, ...finding })),
  );
  return { count: spec.functions.size, found };
}

const root = join(import.meta.dirname, '..', '..', '..');
const folders = ['bpf', 'test/object/fixtures/objects', 'test/object/fixtures/special'];

describe('nothing is found in', () => {
  test.each(folders)('the objects in %s', (folder) => {
    const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
    const objects = names.filter((name) => name.endsWith('.o') && !name.startsWith('wrong-'));
    const all = objects.map((name) => ({
      name,
      ...checkObject(readObject(readFileSync(join(root, folder, name)))),
    }));
    expect(all.filter(({ found }) => found.length > 0)).toEqual([]);
    expect(all.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(10);
  });

  const clang = '/usr/bin/clang-19';
  if (!existsSync(clang)) console.warn('skipped: what clang-19 makes: it is not installed');
  const fixtures = join(import.meta.dirname, 'fixtures');
  const sources = [
    ...['branches.c', 'loops.c'].map((name) => join(fixtures, name)),
    ...['calls.c', 'globals.c', 'dispatch.c'].map((name) => join(root, 'test/object/fixtures', name)),
    ...['jump_table.c', 'protocol_dispatch.c', 'tail_call_limit.c'].map((name) => join(root, 'bpf', name)),
    join(root, 'test/kernel/fixtures/subprograms.c'),
  ];
  const variants = [
    '-O2',
    '-O1',
    '-Os',
    '-O2 -mcpu=v1',
    '-O2 -mcpu=v4',
    '-O2 -fno-inline',
    '-O2 -mbig-endian',
  ];

  test.skipIf(!existsSync(clang)).each(sources)('what clang-19 makes of %s', (source) => {
    for (const flags of variants) {
      const elf = execFileSync(
        clang,
        [
          '-target',
          'bpf',
          '-g',
          '-D__x86_64__',
          '-I/usr/include/x86_64-linux-gnu',
          ...flags.split(' '),
          '-c',
          source,
          '-o',
          '-',
        ],
        { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] },
      );
      const { count, found } = checkObject(readObject(new Uint8Array(elf)));
      expect({ flags, found }).toEqual({ flags, found: [] });
      expect(count).toBeGreaterThan(0);
    }
  });
});
