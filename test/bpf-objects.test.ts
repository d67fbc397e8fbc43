import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import manifest from '../bpf/objects.json' with { type: 'json' };
import { type Clang, compileBpf, type Target } from '../scripts/compile-bpf.ts';
import { assembleOrThrow } from '../src/asm/index.ts';
import { writeElf } from '../src/elf/index.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const dir = mkdtempSync(join(tmpdir(), 'tsbpf-objects-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const hasTools = (...tools: string[]): boolean =>
  tools.every((tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined);

const versionOf = (clang: Clang): string =>
  execFileSync(clang, ['--version'], { encoding: 'utf8' }).split('\n')[0]!;

describe('the objects in bpf/', () => {
  test('are those of the manifest, which knows every source', () => {
    const onDisk = readdirSync('bpf')
      .filter((name) => /\.[cs]$/.test(name))
      .map((name) => `bpf/${name}`);
    expect(new Set(manifest.objects.map((object) => object.source))).toEqual(new Set(onDisk));
  });

  test.each(manifest.objects)(
    '$object is what $tool made of the $source of today (else: npm run bpf)',
    (built) => {
      expect(sha256(readFileSync(built.source)), 'the source has changed').toBe(built.sourceSha256);
      expect(sha256(readFileSync(built.object)), 'the object has changed').toBe(built.objectSha256);
    },
  );

  test.each(manifest.objects.filter((built) => built.tool === 'tsbpf asm'))(
    '$object comes out of the assembler again',
    (built) => {
      const { object } = assembleOrThrow({ name: built.source, text: readFileSync(built.source, 'utf8') });
      expect(sha256(writeElf(object))).toBe(built.objectSha256);
    },
  );

  const compiled = manifest.objects.filter((built) => built.tool.startsWith('clang'));
  test.for(compiled)('$object comes out of $tool again', (built, { skip }) => {
    const [clang, , target] = built.tool.split(' ') as [Clang, string, Target];
    if (!hasTools(clang, 'llvm-strip-19')) skip(`${clang} or llvm-strip-19 is not installed`);
    if (versionOf(clang) !== manifest.clangs[clang])
      skip(`this ${clang} is not the one that made the objects`);
    const object = join(dir, 'again.o');
    compileBpf(built.source, object, { clang, target });
    expect(sha256(readFileSync(object))).toBe(built.objectSha256);
  });
});
