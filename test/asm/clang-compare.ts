import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { assemble } from '../../src/asm/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { type ElfSymbol, type RelocatableObject, SectionFlag } from '../../src/object/relocatable.ts';
import { renderDiagnostics, toHex } from '../../src/util/index.ts';
import type { GeneratorOptions } from '../support/c-generator.ts';
import { Choices } from '../support/choices.ts';
import { type Triple, withFiles } from './tools.ts';

/** Compilers and the highest -mcpu that each knows. */
export const COMPILERS = [
  ['clang-14', 3],
  ['clang-16', 3],
  ['clang-19', 4],
] as const;
export const LEVELS = ['v1', 'v2', 'v3', 'v4'] as const;
export const TRIPLES = ['bpfel', 'bpfeb'] as const;

/** One way of compiling. */
export interface Compilation {
  readonly clang: string;
  readonly triple: Triple;
  readonly cpu: string;
  readonly flags: readonly string[];
}

/** What clang prints, and what an object made of it has to say. */
export interface ClangOutput {
  /** `-S` */
  readonly text: string;
  /** The sections that `-c` of the C file gives, in hex. */
  readonly contents: readonly { readonly name: string; readonly code: boolean; readonly hex: string }[];
  /** From `-c` of the text; undefined where LLVM refuses to read what it printed. */
  readonly symbols: readonly string[] | undefined;
  readonly relocations: readonly string[] | undefined;
  readonly sections: readonly string[] | undefined;
}

const INCLUDES = ['-D__x86_64__', '-I/usr/include/x86_64-linux-gnu'];

/** @throws where the C file is refused */
export function runClang({ clang, triple, cpu, flags }: Compilation, source: string): ClangOutput {
  return withFiles((path) => {
    const compile = (out: string, mode: string): Buffer => {
      const args = [mode, '-O2', '-target', triple, `-mcpu=${cpu}`, '-w', ...INCLUDES, ...flags, source];
      execFileSync(clang, [...args, '-o', path(out)], { stdio: 'pipe', cwd: path('') });
      return readFileSync(path(out));
    };
    const text = compile('out.s', '-S').toString();
    const compiled = parseElf(compile('out.o', '-c'));
    const assembled = llvmAssembles(clang, text, triple, path);
    return {
      text,
      contents: contentsOf(withModernCallx(compiled)),
      symbols: assembled && symbolLines(assembled),
      relocations: assembled && [...relocationLines(assembled, false), ...relocationLines(compiled, true)],
      sections: assembled && sectionLines(assembled),
    };
  });
}

/**
 * clang prints zero-extending moves in a way that LLVM's own assembler refuses, and its version 14
 * `callx`, which a later one reads.
 */
function llvmAssembles(
  clang: string,
  text: string,
  triple: Triple,
  path: (name: string) => string,
): RelocatableObject | undefined {
  writeFileSync(path('in.s'), text.replace(/\br(\d+) = (w\d+)$/gm, 'w$1 = $2'));
  // Up to DWARF 4 nothing in the text tells the version of the line table.
  const version = /\.file\t1 /.test(text) && !/\.file\t0 /.test(text) ? ['-gdwarf-4'] : [];
  for (const assembler of new Set([clang, 'clang-19'])) {
    const cpu = assembler === 'clang-19' ? 'v4' : 'v3';
    try {
      const args = ['-c', '-target', triple, `-mcpu=${cpu}`, ...version, path('in.s'), '-o', path('in.o')];
      execFileSync(assembler, args, { stdio: 'pipe' });
      return parseElf(readFileSync(path('in.o')));
    } catch {
      // The next one may know more.
    }
  }
  return undefined;
}

/** Up to version 17 LLVM put the register of `callx` where later ones and the kernel have nothing: into imm. */
function withModernCallx(object: RelocatableObject): RelocatableObject {
  const little = object.endian === 'little';
  const sections = object.sections.map((section) => {
    if ((section.flags & SectionFlag.EXECINSTR) === 0) return section;
    const bytes = Uint8Array.from(section.bytes);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 8 <= bytes.length; at += bytes[at] === 0x18 ? 16 : 8) {
      const imm = view.getInt32(at + 4, little);
      if (bytes[at] !== 0x8d || imm === 0) continue;
      bytes[at + 1] = little ? imm : imm << 4;
      view.setInt32(at + 4, 0);
    }
    return { ...section, bytes };
  });
  return { ...object, sections };
}

/** What our object of that text says otherwise than clang's; empty where all is alike. */
export function differences(expected: ClangOutput, triple: Triple): string[] {
  const endian = triple === 'bpfel' ? 'little' : 'big';
  const { object, diagnostics } = assemble({ name: 'x.s', text: expected.text }, { endian });
  if (diagnostics.length > 0 || !object) return [renderDiagnostics(diagnostics)];
  const out: string[] = [];
  compareContents(contentsOf(object), expected.contents, out);
  if (expected.symbols) compareLists('symbol', symbolLines(object), expected.symbols, out);
  if (expected.relocations) {
    const relocations = [...relocationLines(object, false), ...relocationLines(object, true)];
    compareLists('relocation', relocations, expected.relocations, out);
  }
  if (expected.sections) compareLists('section', sectionLines(object), expected.sections, out);
  return out;
}

function compareContents(
  ours: ClangOutput['contents'],
  theirs: ClangOutput['contents'],
  out: string[],
): void {
  const found = new Map(ours.map((section) => [section.name, section.hex]));
  for (const { name, code, hex } of theirs) {
    const own = found.get(name);
    if (own === undefined) out.push(`section ${name} is missing`);
    else if (own !== hex && !(code && differInMovesOnly(own, hex)))
      out.push(`section ${name}:\n  ${own}\n  ${hex}`);
  }
}

/**
 * Up to version 16 clang prints some 64-bit moves with the names of 32-bit registers: what it prints
 * is another instruction than what it writes.
 */
function differInMovesOnly(ours: string, theirs: string): boolean {
  if (ours.length !== theirs.length) return false;
  for (let at = 0; at < ours.length; at += 16) {
    const [own, other] = [ours.slice(at, at + 16), theirs.slice(at, at + 16)];
    if (own !== other && !(own.startsWith('bc') && other === `bf${own.slice(2)}`)) return false;
  }
  return true;
}

function compareLists(what: string, ours: readonly string[], theirs: readonly string[], out: string[]): void {
  const length = Math.max(ours.length, theirs.length);
  for (let i = 0; i < length && out.length < 20; i++)
    if (ours[i] !== theirs[i]) out.push(`${what} ${i}: ${ours[i]}, but LLVM has ${theirs[i]}`);
}

/** Sections that our assembler leaves out: they speak to linkers of other machines. */
const NOT_COMPARED = new Set(['.llvm_addrsig', '.comment']);

function contentsOf(object: RelocatableObject): ClangOutput['contents'] {
  return object.sections
    .filter(({ name, size }) => size > 0 && !NOT_COMPARED.has(name))
    .map(({ name, flags, bytes, size }) => ({
      name,
      code: (flags & SectionFlag.EXECINSTR) !== 0,
      hex: bytes.length > 0 ? toHex(bytes) : `${size} zeros`,
    }));
}

function placeOf(object: RelocatableObject, section: ElfSymbol['section']): string {
  return typeof section === 'number' ? object.sections[section]!.name : section;
}

function sectionLines(object: RelocatableObject): string[] {
  return object.sections
    .filter(({ name, type }) => type !== 0 && !NOT_COMPARED.has(name))
    .map((s) => `${s.name} type=${s.type} flags=${s.flags} align=${s.align} entry=${s.entrySize}`);
}

/** In their order; those of sections, which LLVM mixes with the others, apart. */
function symbolLines(object: RelocatableObject): string[] {
  const lineOf = (s: ElfSymbol): string => {
    const place = `in ${placeOf(object, s.section)} at ${s.value} size ${s.size}`;
    return `${s.name} ${place} ${s.binding} ${s.type} ${s.visibility}`;
  };
  const sections = object.symbols.filter(({ type }) => type === 'section');
  const named = object.symbols.filter(({ name }) => name !== '');
  return [...named.map(lineOf), ...sections.map(lineOf).sort()];
}

/**
 * clang ends a sequence of lines where functions of another section come between, its assembler does
 * not; so those of `.debug_line` stand apart.
 */
function relocationLines(object: RelocatableObject, ofLines: boolean): string[] {
  const nameOf = (section: number): string => object.sections[section]!.name;
  return object.relocations
    .filter((r) => !NOT_COMPARED.has(nameOf(r.section)) && (nameOf(r.section) === '.debug_line') === ofLines)
    .map((r) => {
      const symbol = object.symbols[r.symbol]!;
      const target = symbol.name || `[${placeOf(object, symbol.section)}]`;
      return `${nameOf(r.section)}+${r.offset} type ${r.type} ${target}`;
    });
}

const DEBUG_FLAGS = [[], ['-g', '-DCORE'], ['-g', '-DCORE'], ['-gdwarf-4', '-DCORE']] as const;
const OTHER_FLAGS = [
  [],
  [],
  ['-O1'],
  ['-Os'],
  ['-O3'],
  ['-ffunction-sections', '-fdata-sections'],
  ['-fcommon'],
  ['-fdebug-info-for-profiling'],
  ['-fverbose-asm'],
] as const;

/** One way of compiling, decided by a seed. */
export function compilationFor(seed: number): Compilation & { readonly options: GeneratorOptions } {
  const choices = new Choices(seed ^ 0x5eed);
  const [clang, highest] = choices.of(COMPILERS);
  const level = 1 + choices.below(highest);
  return {
    clang,
    triple: choices.of(TRIPLES),
    cpu: `v${level}`,
    flags: [...choices.of(DEBUG_FLAGS), ...choices.of(OTHER_FLAGS)],
    options: { level, clang: Number(clang.slice('clang-'.length)) },
  };
}
