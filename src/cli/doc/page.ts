/** The kinds of things that `tsbpf doc` knows, in the order in which a bare name is looked for. */
export const KINDS = ['helper', 'insn', 'map', 'prog', 'directive', 'kfunc', 'constant'] as const;
export type Kind = (typeof KINDS)[number];

/** What one thing of a kind is called. */
export const NOUNS: Readonly<Record<Kind, string>> = {
  helper: 'helper',
  insn: 'instruction',
  map: 'map type',
  prog: 'program type',
  directive: 'directive',
  kfunc: 'kfunc',
  constant: 'constant',
};

/** One part of a page. Text may hold `code` in backquotes. */
export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'code'; readonly language: 'c' | 'asm' | 'text'; readonly text: string }
  | { readonly kind: 'facts'; readonly rows: readonly (readonly [label: string, value: string])[] }
  | {
      readonly kind: 'table';
      readonly title: string;
      readonly head: readonly string[];
      readonly rows: readonly (readonly string[])[];
    };

/** What there is to say of one thing: the terminal, the Markdown files and `--json` show the same. */
export interface Page {
  readonly kind: Kind;
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  readonly blocks: readonly Block[];
  /** The facts as data, for `--json`. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** All things of one kind. */
export interface Shelf {
  readonly kind: Kind;
  /** What all of them are called. */
  readonly title: string;
  /** Where the reference has them: `docs/reference/helpers.md`; undefined for constants. */
  readonly file: string | undefined;
  /** A few sentences for the head of the list. */
  readonly introduction: string;
  /** Names with a sentence each, in the order of the list. */
  list(): readonly { readonly name: string; readonly summary: string }[];
  /** The pages that a name stands for, in any of its spellings; more than one for a mnemonic with two forms. */
  find(name: string): readonly Page[];
  /** What a misspelt name is compared with. */
  spellings(): Iterable<string>;
}

/** The facts of a page without those that are not known. */
export function facts(...rows: readonly (readonly [string, string | undefined])[]): Block {
  const known = rows.flatMap(([label, value]): [string, string][] =>
    value === undefined ? [] : [[label, value]],
  );
  return { kind: 'facts', rows: known };
}
