import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

/** The table of docs/architecture.md. */
const FLOORS: Readonly<Record<string, number>> = {
  util: 0,
  isa: 1,
  btf: 2,
  flow: 2,
  object: 3,
  asm: 4,
  elf: 4,
  syscall: 5,
  kernel: 6,
  cli: 7,
};
const LAST_PURE_FLOOR = 4;

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const root = join(import.meta.dirname, '..', 'src');

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|import\('([^']+)'\)/g,
  );
  return [...found].map((match) => ({
    file,
    specifier: (match[2] ?? match[3])!,
    typeOnly: match[1] !== undefined,
  }));
}

const imports = files.flatMap(importsOf);
const folderOf = (file: string): string => file.split(sep)[0]!;

function targetFolder({ file, specifier }: Import): string {
  return folderOf(relative(root, join(root, dirname(file), specifier)));
}

describe('the floors', () => {
  test('every folder has one', () => {
    const folders = new Set(files.filter((file) => file.includes(sep)).map(folderOf));
    expect([...folders].filter((folder) => FLOORS[folder] === undefined)).toEqual([]);
  });

  test('no import points up, or sideways into another folder', () => {
    const wrong = imports
      .filter(({ file, specifier }) => specifier.startsWith('.') && file.includes(sep))
      .filter((one) => {
        const [from, to] = [folderOf(one.file), targetFolder(one)];
        // A type may be named where the thing itself is not touched: the spec mentions BTF.
        return from !== to && FLOORS[to]! >= FLOORS[from]!;
      });
    expect(wrong).toEqual([]);
  });

  test('the pure floors use nothing of Node and no native code', () => {
    const wrong = imports.filter(
      ({ file, specifier }) =>
        (FLOORS[folderOf(file)] ?? 0) <= LAST_PURE_FLOOR &&
        /^(node:|koffi)/.test(specifier) &&
        file !== 'index.ts',
    );
    expect(wrong).toEqual([]);
  });

  test('only src/syscall loads koffi', () => {
    const users = new Set(
      imports.filter(({ specifier }) => specifier.startsWith('koffi')).map(({ file }) => folderOf(file)),
    );
    expect([...users].filter((folder) => folder !== 'syscall')).toEqual([]);
  });

  test('inside a folder files import files, never the index', () => {
    const wrong = imports.filter(
      (one) =>
        one.specifier.endsWith('/index.ts') &&
        one.file.includes(sep) &&
        targetFolder(one) === folderOf(one.file),
    );
    expect(wrong).toEqual([]);
  });
});

test('no source file but a generated table is longer than 600 lines', () => {
  const long = files
    .filter((file) => !file.endsWith('.generated.ts'))
    .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > 600);
  expect(long).toEqual([]);
});
