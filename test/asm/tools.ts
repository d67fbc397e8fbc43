import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import {
  type ElfSymbol,
  type RelocatableObject,
  type Section,
  SectionType,
} from '../../src/object/relocatable.ts';
import { toHex } from '../../src/util/index.ts';

/** Whether a command can be run here. */
export function hasTool(tool: string): boolean {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** `test`, or a skipped one with a printed reason where a tool is missing. */
export function testWith(...tools: string[]): typeof test | typeof test.skip {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (missing.length === 0) return test;
  console.warn(`skipped: ${missing.join(', ')} not installed`);
  return test.skip;
}

/** Runs a tool on a file with the given content and answers what the tool wrote or printed. */
export function withFiles<T>(body: (path: (name: string) => string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'tsbpf-test-'));
  try {
    return body((name) => join(directory, name));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export type Triple = 'bpfel' | 'bpfeb';

/** The object that llvm-mc makes of a text. */
export function llvmMc(text: string, triple: Triple): Uint8Array {
  return withFiles((path) => {
    writeFileSync(path('in.s'), text);
    execFileSync(
      'llvm-mc-19',
      ['-triple', triple, '-mcpu=v4', '-filetype=obj', path('in.s'), '-o', path('out.o')],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    return readFileSync(path('out.o'));
  });
}

/** What `llvm-objdump -d -r` prints for an object; the file is called `x.o` in it. */
export function llvmObjdump(object: Uint8Array): string {
  return withFiles((path) => {
    writeFileSync(path('x.o'), object);
    const text = execFileSync('llvm-objdump-19', ['-d', '-r', path('x.o')], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    return text.replace(path('x.o'), 'x.o');
  });
}

function sectionName(object: RelocatableObject, section: ElfSymbol['section']): string {
  return typeof section === 'number' ? object.sections[section]!.name : section;
}

/** Sections that our assembler leaves out: they speak to linkers of other machines. */
const NOT_COMPARED = new Set(['.llvm_addrsig', '.comment']);

/** An object as lines of text, the order of its symbols left out. */
export function describeObject(object: RelocatableObject): string[] {
  const sections = object.sections
    .filter((section: Section) => !NOT_COMPARED.has(section.name) && section.type !== SectionType.NULL)
    .map(
      (s) => `section ${s.name} ${s.type} ${s.flags} ${s.align} ${s.entrySize} ${s.size} ${toHex(s.bytes)}`,
    );
  const symbols = object.symbols.map(
    (s) =>
      `symbol ${s.name} ${sectionName(object, s.section)} ${s.value} ${s.size} ${s.binding} ${s.type} ${s.visibility}`,
  );
  const relocations = object.relocations
    .filter((r) => !NOT_COMPARED.has(object.sections[r.section]!.name))
    .map((r) => {
      const symbol = object.symbols[r.symbol]!;
      const target = symbol.name || `[${sectionName(object, symbol.section)}]`;
      return `relocation ${object.sections[r.section]!.name} ${r.offset} ${r.type} ${target}`;
    });
  return [...sections, ...symbols.sort(), ...relocations.sort()];
}
