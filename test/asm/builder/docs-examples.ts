import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectSpec } from '../../../src/object/index.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const page = readFileSync(join(root, 'docs', 'builder.md'), 'utf8');

/** What an example of docs/builder.md exports. */
export interface Example {
  readonly spec?: ObjectSpec;
  readonly refused?: ObjectSpec;
  readonly sizes?: readonly number[];
  readonly report?: string;
}

/** Blocks of a language, `''` for those of none. */
export function blocks(language: string): string[] {
  const found = page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...found].filter(([, name]) => name === language).map((match) => match[2]!);
}

/** Runs every TypeScript block of the page as a module of its own. */
export async function runExamples(): Promise<Example[]> {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const directory = mkdtempSync(join(root, '.tmp', 'docs-'));
  try {
    const examples: Example[] = [];
    for (const [index, text] of blocks('ts').entries()) {
      const file = join(directory, `example-${index}.ts`);
      writeFileSync(file, text.replace(/from 'tsbpf\/(\w+)'/g, "from '../../src/$1/index.ts'"));
      examples.push((await import(file)) as Example);
    }
    return examples;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The table of instructions: each method call in it. */
export function calls(): string[] {
  const table = page.slice(page.search(/^\| what +\| how/m), page.indexOf('`r0` to `r10` are'));
  return [...table.matchAll(/`(p\.[^`]+)`/g)].map((match) => match[1]!);
}
