import type { Range } from '../syntax/ast.ts';
import { type Attributes, noAttributes, refuseLayout, takeAttribute, takeAttributes } from './attributes.ts';
import { type Composite, type CType, depthOf, type Param, strip } from './c-type.ts';
import type { Cursor } from './cursor.ts';
import { parseEnumBody } from './parse-enum.ts';
import { MAX_MEMBERS, parseMembers } from './parse-members.ts';
import { INT_WORDS, intOfWords } from './scalars.ts';
import type { TypeNames } from './type-names.ts';

/** Structs in structs, brackets in brackets: nobody writes more, and the reader is recursive. */
const MAX_NESTING = 32;
/** As the kernel's MAX_RESOLVE_DEPTH (`kernel/bpf/btf.c`): it refuses longer chains of types. */
const MAX_DERIVATION = 32;
const MAX_COUNT = 0xffff_ffffn;

/** What stands before the names of a declaration. */
export interface Specifiers {
  readonly type: CType;
  readonly storage: 'static' | 'extern' | undefined;
  /** Of what is declared, not of its type. */
  readonly attributes: Attributes;
  readonly range: Range;
  /** True where the type is a struct or union that is defined in place and has no name. */
  readonly unnamed: boolean;
}

interface Draft {
  readonly attributes: Attributes;
  readonly words: string[];
  readonly qualifiers: Set<'const' | 'volatile'>;
  storage: Specifiers['storage'];
  type: CType | undefined;
}

/** One declared name with its type. */
export interface Declared {
  /** undefined where the declaration has none, as that of a map's value. */
  readonly name: string | undefined;
  readonly range: Range;
  readonly type: CType;
}

/** Reads C's types. What is wrong is reported, and ends in a `Stop`. */
export class TypeReader {
  readonly cursor: Cursor;
  readonly names: TypeNames;
  #nesting = 0;

  constructor(cursor: Cursor, names: TypeNames) {
    this.cursor = cursor;
    this.names = names;
  }

  specifiers(): Specifiers {
    const cursor: Cursor = this.cursor;
    const start = cursor.token;
    const draft: Draft = {
      attributes: noAttributes(),
      words: [],
      qualifiers: new Set(),
      storage: undefined,
      type: undefined,
    };
    while (cursor.token.kind === 'word' && this.#specifier(draft));
    const range = { start: start.start, end: Math.max(start.start, cursor.last.end) };
    const { attributes, words, qualifiers, storage } = draft;
    const found = words.length > 0 ? intOfWords(words) : draft.type;
    if (!found && words.length > 0)
      cursor.fail(range, 'unknown-type', `there is no type '${words.join(' ')}'`);
    if (!found) cursor.unexpected('a type');
    const unnamed = (found.kind === 'struct' || found.kind === 'union') && found.name === '';
    let type: CType = found;
    // In the order that compilers write them, whatever the order in the text.
    for (const kind of ['volatile', 'const'] as const) if (qualifiers.has(kind)) type = { kind, of: type };
    for (const name of attributes.typeTags) type = { kind: 'typeTag', name, of: type };
    return { type, storage, attributes, range, unnamed };
  }

  /** Takes the next word if it belongs to the specifiers. */
  #specifier(draft: Draft): boolean {
    const { cursor } = this;
    const { text } = cursor.token;
    if (takeAttribute(cursor, draft.attributes)) return true;
    if (text === 'const' || text === 'volatile') draft.qualifiers.add(text);
    else if (text === 'static' || text === 'extern') draft.storage = text;
    else if (draft.type) return false;
    else if (INT_WORDS.has(text)) draft.words.push(text);
    else if (draft.words.length > 0) return false;
    else if (text === 'struct' || text === 'union' || text === 'enum') {
      cursor.next();
      draft.type = this.#tagged(text);
      return true;
    } else if (text === 'void') draft.type = { kind: 'void' };
    else {
      draft.type = this.#named();
      return true;
    }
    cursor.next();
    return true;
  }

  /** A name, pointers, arrays and parameters around a type; the name may be left out. */
  declarator(base: CType, attributes: Attributes): Declared {
    const start = this.cursor.token;
    const found = this.nest(() => this.#declarator());
    takeAttributes(this.cursor, attributes);
    const type = found.around(base);
    const range = found.name ?? { start: start.start, end: Math.max(start.start, this.cursor.last.end) };
    if (depthOf(type) > MAX_DERIVATION)
      this.cursor.fail(range, 'nested-too-deep', `a type is made of ${MAX_DERIVATION} others at most`);
    this.#checkTags(type, attributes, range);
    return { name: found.name?.text, range: { start: range.start, end: range.end }, type };
  }

  /** A whole type without a name: `struct event *`, `u64[4]`. */
  typeName(): CType {
    const specifiers = this.specifiers();
    if (specifiers.storage)
      this.cursor.fail(specifiers.range, 'bad-declaration', `'${specifiers.storage}' is no part of a type`);
    const declared = this.declarator(specifiers.type, specifiers.attributes);
    refuseLayout(this.cursor, specifiers.attributes, declared.range);
    if (declared.name !== undefined)
      this.cursor.fail(
        declared.range,
        'bad-declaration',
        `expected a type alone, but found '${declared.name}'`,
      );
    return declared.type;
  }

  /** Behind `struct`, `union` or `enum`. */
  #tagged(kind: 'struct' | 'union' | 'enum'): CType {
    const { cursor, names } = this;
    const attributes = noAttributes();
    takeAttributes(cursor, attributes);
    const tag = cursor.token.kind === 'word' ? cursor.next() : undefined;
    if (!tag && !cursor.is('{')) cursor.unexpected(`the name of a ${kind}`);
    if (!cursor.is('{')) return names.tag(kind, tag!.text, tag!);
    if (tag)
      cursor.fail(tag, 'bad-declaration', `a ${kind} with a name is defined on its own`, [
        `write '.${kind} ${tag.text} { … }' above`,
      ]);
    if (kind === 'enum') return parseEnumBody(cursor, names, undefined);
    const composite: Composite = {
      kind,
      name: '',
      definedAt: cursor.token,
      body: undefined,
      layout: undefined,
    };
    return this.body(composite, attributes);
  }

  /** The members of a struct or union and the attributes behind them. */
  body(composite: Composite, attributes: Attributes): Composite {
    const members = parseMembers(this, composite.kind);
    takeAttributes(this.cursor, attributes);
    const { packed, align, preserveAccessIndex, declTags } = attributes;
    composite.body = { members, packed, align, preserveAccessIndex, declTags };
    return composite;
  }

  #named(): CType {
    const { token } = this.cursor;
    const type = this.names.find(token.text);
    if (type) {
      this.cursor.next();
      return type;
    }
    return this.cursor.fail(
      token,
      'unknown-type',
      `there is no type '${token.text}'`,
      this.cursor.problems.suggest(token.text, this.names.all()),
    );
  }

  #declarator(): {
    readonly name: (Range & { readonly text: string }) | undefined;
    around(base: CType): CType;
  } {
    const { cursor } = this;
    const pointers: ((base: CType) => CType)[] = [];
    while (cursor.take('*')) {
      const qualifiers = this.#pointerQualifiers();
      pointers.push((of) => qualifiers.reduce((type, wrap) => wrap(type), { kind: 'ptr', of } as CType));
      if (pointers.length > MAX_DERIVATION)
        cursor.fail(cursor.last, 'nested-too-deep', `a type is made of ${MAX_DERIVATION} others at most`);
    }
    let name: (Range & { readonly text: string }) | undefined;
    let inner = (type: CType): CType => type;
    // A parenthesis with a type in it is that of parameters.
    if (cursor.is('(') && (cursor.peek().text === '*' || cursor.peek().text === '(')) {
      cursor.next();
      const found = this.nest(() => this.#declarator());
      cursor.expect(')', 'behind a name in parentheses');
      name = found.name;
      inner = found.around;
    } else if (cursor.token.kind === 'word') name = cursor.next();
    const suffix = this.#suffixes();
    return { name, around: (base) => inner(suffix(pointers.reduce((type, wrap) => wrap(type), base))) };
  }

  #pointerQualifiers(): ((type: CType) => CType)[] {
    const { cursor } = this;
    const out: ((type: CType) => CType)[] = [];
    for (;;) {
      const { text } = cursor.token;
      const attributes = noAttributes();
      if (text === 'const' || text === 'volatile' || text === 'restrict') {
        cursor.next();
        out.push((of) => ({ kind: text, of }));
      } else if (takeAttribute(cursor, attributes))
        out.push((of) =>
          attributes.typeTags.reduce<CType>((type, name) => ({ kind: 'typeTag', name, of: type }), of),
        );
      else return out;
    }
  }

  /** `[4][2]`, `(u32 x, void *p)`. */
  #suffixes(): (base: CType) => CType {
    const { cursor } = this;
    if (cursor.is('(')) {
      const open = cursor.next();
      const { params, variadic } = this.nest(() => this.#params());
      return (returns) => {
        const kind = strip(returns).kind;
        if (kind === 'array' || kind === 'func')
          cursor.fail(
            open,
            'bad-declaration',
            `a function cannot return ${kind === 'array' ? 'an array' : 'a function'}`,
          );
        return { kind: 'func', returns, params, variadic };
      };
    }
    const counts: { readonly count: number | undefined; readonly range: Range }[] = [];
    while (cursor.is('[')) {
      const open = cursor.next();
      const count = cursor.is(']') ? undefined : this.#count();
      const close = cursor.expect(']', 'behind the length of an array');
      counts.push({ count, range: { start: open.start, end: close.end } });
      if (counts.length > MAX_DERIVATION)
        cursor.fail(open, 'nested-too-deep', `a type is made of ${MAX_DERIVATION} others at most`);
    }
    return (base) =>
      counts.reduceRight<CType>((of, { count, range }, index) => {
        if (count === undefined && index > 0)
          cursor.fail(range, 'bad-array', 'only the first length of an array can be left out');
        const { kind } = strip(of);
        if (kind === 'void' || kind === 'func')
          cursor.fail(range, 'bad-array', `an array cannot hold ${kind === 'void' ? 'void' : 'functions'}`);
        return { kind: 'array', of, count };
      }, base);
  }

  #count(): number {
    const { cursor } = this;
    const first = cursor.token;
    const value = cursor.constant('the length of an array', [']'], this.names.constants);
    if (value < 0n || value > MAX_COUNT)
      cursor.fail(
        { start: first.start, end: cursor.last.end },
        'bad-array',
        `an array has 0 to ${MAX_COUNT} elements, not ${value}`,
      );
    return Number(value);
  }

  #params(): { readonly params: readonly Param[]; readonly variadic: boolean } {
    const { cursor } = this;
    const params: Param[] = [];
    if (cursor.take(')')) return { params, variadic: false };
    if (cursor.is('void') && cursor.peek().text === ')') {
      cursor.next();
      cursor.next();
      return { params, variadic: false };
    }
    do {
      if (cursor.take('...')) {
        cursor.expect(')', "behind '...'");
        return { params, variadic: true };
      }
      const specifiers = this.specifiers();
      const { name = '', range, type } = this.declarator(specifiers.type, specifiers.attributes);
      refuseLayout(cursor, specifiers.attributes, range);
      const decayed = decay(type);
      if (strip(decayed).kind === 'void')
        cursor.fail(specifiers.range, 'bad-declaration', 'a parameter cannot be void');
      params.push({ name, type: decayed, range, declTags: specifiers.attributes.declTags });
    } while (cursor.take(','));
    cursor.expect(')', 'behind the parameters');
    if (params.length > MAX_MEMBERS)
      cursor.fail(cursor.last, 'too-many-members', `a function has ${MAX_MEMBERS} parameters at most`);
    return { params, variadic: false };
  }

  /** A tag of a type says something about what a pointer points to. */
  #checkTags(type: CType, { typeTags }: Attributes, range: Range): void {
    if (typeTags.length === 0) return;
    for (let at = type; 'of' in at; at = at.of) if (at.kind === 'ptr') return;
    this.cursor.fail(
      range,
      'bad-declaration',
      `the tag '${typeTags[0]}' belongs to what a pointer points to`,
      ["write it before the '*'"],
    );
  }

  /** Runs a reader of what lies within something else. */
  nest<T>(read: () => T): T {
    if (this.#nesting >= MAX_NESTING)
      this.cursor.fail(this.cursor.token, 'nested-too-deep', `types are nested ${MAX_NESTING} deep at most`);
    this.#nesting++;
    try {
      return read();
    } finally {
      this.#nesting--;
    }
  }
}

/** Arrays and functions are given as pointers. */
function decay(type: CType): CType {
  const plain = strip(type);
  if (plain.kind === 'array') return { kind: 'ptr', of: plain.of };
  return plain.kind === 'func' ? { kind: 'ptr', of: type } : type;
}
