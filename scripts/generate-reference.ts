// Generates docs/reference/*.md and docs/grammar.* from the tables and from the grammar:
//   npm run reference
import { mkdirSync, writeFileSync } from 'node:fs';
import { referenceFiles } from '../src/cli/doc/reference.ts';
import { grammarFiles } from './grammar-files.ts';

mkdirSync('docs/reference', { recursive: true });
const files = [...(await referenceFiles()), ...grammarFiles()];
for (const [path, text] of files) writeFileSync(path, text);
console.log(files.map(([path, text]) => `${path}: ${text.split('\n').length - 1} lines`).join('\n'));
