import { fc } from '../support/property.ts';

/** Words in any order, with and without spaces between them. */
export function soupOf(words: readonly string[], maxLength: number): fc.Arbitrary<string> {
  return fc
    .array(fc.tuple(fc.constantFrom(...words), fc.constantFrom(' ', '', ' ')), { maxLength })
    .map((parts) => parts.map(([word, space]) => word + space).join(''));
}

/** Real texts with some characters taken out and words put in. */
export function mutationsOf(texts: readonly string[], words: readonly string[]): fc.Arbitrary<string> {
  const mutation = fc.record({ at: fc.nat(), remove: fc.nat(12), insert: fc.constantFrom('', ...words) });
  return fc
    .tuple(fc.constantFrom(...texts), fc.array(mutation, { minLength: 1, maxLength: 8 }))
    .map(([text, mutations]) =>
      mutations.reduce((changed, { at, remove, insert }) => {
        const place = changed.length === 0 ? 0 : at % changed.length;
        return changed.slice(0, place) + insert + changed.slice(place + remove);
      }, text),
    );
}
