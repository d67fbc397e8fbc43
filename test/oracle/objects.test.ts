import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readObject } from '../../src/elf/index.ts';
import { compile, hasTool, relinkByBpftool } from '../object/fixtures.ts';
import { factsOfLibbpf, factsOfOurs, typesOfLibbpf, typesOfOurs } from './compare.ts';
import { askLibbpf, hasLibbpf, type OracleObject } from './libbpf.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folders = ['bpf', 'bpf/generations', 'test/object/fixtures/objects', 'test/object/fixtures/special'];
/** What libbpf 1.1 does not know (an arena), and what it takes for something else (addresses as gcc writes them). */
const NOT_ITS = /wrong-|arena|gcc/;
/** Objects of this machine's endianness, which is all that libbpf reads. */
const objects = folders
  .flatMap((folder) => readdirSync(join(root, folder)).map((file) => join(folder, file)))
  .filter((file) => file.endsWith('.o') && !NOT_ITS.test(file) && readFileSync(join(root, file))[5] === 1);

function expectSame(bytes: Uint8Array, answer: OracleObject): void {
  const spec = readObject(bytes);
  if (answer.error?.includes('legacy map definitions')) {
    // Since its version 1.0 libbpf does not read these.
    expect([...spec.maps.values()].map(({ origin }) => origin)).toContain('legacy');
    return;
  }
  expect(answer.error).toBeUndefined();
  expect(answer.programs.size).toBeGreaterThan(0);
  expect(factsOfOurs(spec, answer)).toEqual(factsOfLibbpf(answer));
  expect(typesOfOurs(spec, answer)).toEqual(typesOfLibbpf(answer));
}

describe.skipIf(!hasLibbpf())('an object of the project means what libbpf says it means', () => {
  const bytesOf = (file: string): Uint8Array => readFileSync(join(root, file));
  const answers = hasLibbpf() ? askLibbpf(objects.map(bytesOf)) : [];
  test.each(objects.map((file, index) => [file, index] as const))('%s', (file, index) => {
    expectSame(bytesOf(file), answers[index]!);
  });

  test.skipIf(!hasTool('/usr/sbin/bpftool'))("so does what libbpf's static linker makes of it", () => {
    const modern = objects.filter((_, index) => answers[index]!.error === undefined);
    // It wants types, which an object of the assembler has of its maps alone.
    const typed = modern.filter((file) => !file.endsWith('.s.o'));
    expect(typed.length).toBeGreaterThan(10);
    const relinked = typed.map((file) => relinkByBpftool(bytesOf(file)));
    for (const [index, answer] of askLibbpf(relinked).entries()) expectSame(relinked[index]!, answer);
  });

  const clangs = ['clang-14', 'clang-16', 'clang-19'].filter((clang) => hasTool(clang));
  test.skipIf(clangs.length === 0)(
    'so do the same sources by every clang for every processor',
    () => {
      const sources = ['calls', 'dispatch', 'globals', 'nested', 'inner_maps', 'callbacks'];
      const made = clangs.flatMap((clang) =>
        sources.flatMap((source) =>
          ['v1', 'v2', 'v3'].map((cpu) => compile(clang, source, ['-g', '-target', 'bpfel', `-mcpu=${cpu}`])),
        ),
      );
      for (const [index, answer] of askLibbpf(made).entries()) expectSame(made[index]!, answer);
    },
    60_000,
  );
});
