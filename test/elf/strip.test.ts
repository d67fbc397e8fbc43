import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseElf, readObject, stripDebug, writeElf } from '../../src/elf/index.ts';
import type { RelocatableObject } from '../../src/object/index.ts';
import { hasTool } from '../object/fixtures.ts';
import { meaningOf } from '../object/meaning.ts';

const names = ['first-14-el', 'second-19-el', 'first-16-eb'] as const;

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`./link/${name}.o`, import.meta.url)));
}

function stripByLlvm(bytes: Uint8Array): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-'));
  try {
    const file = join(folder, 'object.o');
    writeFileSync(file, bytes);
    execFileSync('llvm-strip-19', ['-g', file]);
    return new Uint8Array(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything by name, so that numbers do not matter. */
function byName({ sections, symbols, relocations }: RelocatableObject): unknown {
  const nameOf = (section: unknown): unknown =>
    typeof section === 'number' ? sections[section]!.name : section;
  return {
    // llvm-strip keeps the table of symbols by number and makes it point at nothing.
    sections: sections.filter(({ name }) => name !== '.llvm_addrsig'),
    symbols: symbols.map((symbol) => ({ ...symbol, section: nameOf(symbol.section) })),
    relocations: relocations.map(({ section, symbol, ...rest }) => {
      const { name, section: home } = symbols[symbol]!;
      return { ...rest, section: nameOf(section), symbol: name || nameOf(home) };
    }),
  };
}

test('debug information goes, and what it alone needed', () => {
  const object = parseElf(bytesOf('first-19-el'));
  const stripped = stripDebug(object);
  expect(stripped.sections.map(({ name }) => name)).toEqual([
    '.text',
    'xdp',
    '.rodata',
    '.data',
    '.maps',
    '.bss',
    'license',
    '.BTF',
    '.BTF.ext',
  ]);
  expect(stripped.symbols.filter(({ type }) => type === 'file')).toEqual([]);
  expect(stripped.symbols.length).toBeLessThan(object.symbols.length);
  expect(writeElf(stripped).length).toBeLessThan(bytesOf('first-19-el').length * 0.7);
});

test.each(names)('what a loader reads stays: %s', (name) => {
  const bytes = bytesOf(name);
  const stripped = writeElf(stripDebug(parseElf(bytes)));
  expect(meaningOf(readObject(stripped))).toEqual(meaningOf(readObject(bytes)));
  expect(writeElf(stripDebug(parseElf(stripped)))).toEqual(stripped);
});

test('relocations are found whether or not the object offers them by section', () => {
  const object = parseElf(bytesOf('second-14-el'));
  const { endian, sections, symbols, relocations } = object;
  expect(stripDebug({ endian, sections, symbols, relocations })).toEqual(stripDebug(object));
});

test.skipIf(!hasTool('llvm-strip-19')).each(names)('llvm-strip -g leaves the same: %s', (name) => {
  const bytes = bytesOf(name);
  expect(byName(stripDebug(parseElf(bytes)))).toEqual(byName(parseElf(stripByLlvm(bytes))));
});
