// Rebuilds the objects in bpf/: `npm run bpf`. C goes through Debian's clang 14, 16 and 19 in both
// byte orders (19 little endian is the one beside its source, which the examples load), assembly
// through our own assembler. bpf/objects.json remembers what was made from what, so that a test can
// tell a stale object without a compiler.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { assembleOrThrow } from '../src/asm/index.ts';
import { writeElf } from '../src/elf/index.ts';
import { CLANGS, compileBpf, type Target } from './compile-bpf.ts';

interface Built {
  readonly source: string;
  readonly sourceSha256: string;
  readonly object: string;
  readonly objectSha256: string;
  readonly tool: string;
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function record(source: string, object: string, tool: string): Built {
  return { source, sourceSha256: sha256(source), object, objectSha256: sha256(object), tool };
}

function buildC(source: string): Built[] {
  const stem = basename(source, '.c');
  return CLANGS.flatMap((clang) =>
    (['bpfel', 'bpfeb'] as const).map((target: Target) => {
      const pinned = clang === 'clang-19' && target === 'bpfel';
      const object = pinned ? `bpf/${stem}.o` : `bpf/generations/${stem}.${clang}.${target}.o`;
      compileBpf(source, object, { clang, target });
      return record(source, object, `${clang} -target ${target}`);
    }),
  );
}

function buildAssembly(source: string): Built {
  const object = `${source}.o`;
  const { object: relocatable } = assembleOrThrow({ name: source, text: readFileSync(source, 'utf8') });
  writeFileSync(object, writeElf(relocatable));
  return record(source, object, 'tsbpf asm');
}

mkdirSync('bpf/generations', { recursive: true });
const names = readdirSync('bpf').sort();
const built = [
  ...names.filter((name) => name.endsWith('.c')).flatMap((name) => buildC(join('bpf', name))),
  ...names.filter((name) => name.endsWith('.s')).map((name) => buildAssembly(join('bpf', name))),
];
const versionOf = (clang: string): string =>
  execFileSync(clang, ['--version'], { encoding: 'utf8' }).split('\n')[0]!;
const clangs = Object.fromEntries(CLANGS.map((clang) => [clang, versionOf(clang)]));
writeFileSync(
  'bpf/objects.json',
  `${JSON.stringify({ madeBy: 'npm run bpf', clangs, objects: built }, null, 2)}\n`,
);
console.log(`${built.length} objects from ${new Set(built.map((one) => one.source)).size} sources`);
