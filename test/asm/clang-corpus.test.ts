import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type ClangOutput, type Compilation, differences } from './clang-compare.ts';

const corpus = new URL('./corpus/', import.meta.url);

/** Kept from runs of clang by `scripts/make-clang-vectors.ts`. */
type Vector = Compilation & { readonly output: ClangOutput };

describe('what clang printed once', () => {
  test.each(readdirSync(corpus))('becomes what clang made of it (%s)', (name) => {
    const text = gunzipSync(readFileSync(new URL(name, corpus))).toString();
    const { output, triple, ...how } = JSON.parse(text) as Vector;
    expect(differences(output, triple), JSON.stringify(how)).toEqual([]);
  });

  test('differences are noticed', () => {
    const name = readdirSync(corpus)[0]!;
    const { output, triple } = JSON.parse(
      gunzipSync(readFileSync(new URL(name, corpus))).toString(),
    ) as Vector;
    const text = output.text.replace('\texit\n', '\tr0 = 77\n\texit\n');
    expect(differences({ ...output, text }, triple)).not.toEqual([]);
  });
});
