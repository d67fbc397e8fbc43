// Generates src/asm/builder/instructions.generated.ts, the types that the builder takes from the tables: a method for
// each mnemonic, the names of instructions and helpers, and the context that each section's programs are given.
//   node scripts/run-ts.mjs scripts/generate-builder.ts
// test/asm/builder/tables.test.ts holds the file against the tables.
import { writeFileSync } from 'node:fs';
import { builderTypes } from './builder-types.ts';

writeFileSync('src/asm/builder/instructions.generated.ts', builderTypes());
