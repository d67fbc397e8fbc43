import type { Range } from '../syntax/ast.ts';
import type { Cursor } from './cursor.ts';

/** What attributes and macros of libbpf's headers say about what they stand at. */
export interface Attributes {
  packed: boolean;
  /** Bytes; 1 where nothing was said. */
  align: number;
  preserveAccessIndex: boolean;
  readonly typeTags: string[];
  readonly declTags: string[];
}

export function noAttributes(): Attributes {
  return { packed: false, align: 1, preserveAccessIndex: false, typeTags: [], declTags: [] };
}

/** Those of a declaration's specifiers, for one of the names that it declares. */
export function copyAttributes(from: Attributes): Attributes {
  return { ...from, typeTags: [...from.typeTags], declTags: [...from.declTags] };
}

/** Larger than any page; the largest that clang takes is 2^32. */
const MAX_ALIGN = 65536n;
/** As ALIGNED without a number: what any type of BPF needs. */
const DEFAULT_ALIGN = 8;

/** Macros of `bpf_helpers.h` that name a type tag. */
const TYPE_TAGS: ReadonlyMap<string, string> = new Map([
  ['__kptr', 'kptr'],
  ['__kptr_untrusted', 'kptr_untrusted'],
  ['__percpu_kptr', 'percpu_kptr'],
  ['__uptr', 'uptr'],
]);

/** Macros of `bpf_helpers.h` that name a declaration tag. */
const DECL_TAGS: ReadonlyMap<string, string> = new Map([
  ['__arg_ctx', 'arg:ctx'],
  ['__arg_nonnull', 'arg:nonnull'],
  ['__arg_nullable', 'arg:nullable'],
  ['__arg_trusted', 'arg:trusted'],
  ['__arg_untrusted', 'arg:untrusted'],
  ['__arg_arena', 'arg:arena'],
]);

/** The attributes that are known, by their names without underscores around. */
const ATTRIBUTES: Readonly<Record<string, (cursor: Cursor, into: Attributes) => void>> = {
  packed: (_, into) => {
    into.packed = true;
  },
  aligned: readAligned,
  preserve_access_index: (_, into) => {
    into.preserveAccessIndex = true;
  },
  btf_type_tag: (cursor, into) => into.typeTags.push(readTag(cursor)),
  btf_decl_tag: (cursor, into) => into.declTags.push(readTag(cursor)),
  unused: () => {},
};

/** Reads one attribute or macro, if one stands here. */
export function takeAttribute(cursor: Cursor, into: Attributes): boolean {
  const { token } = cursor;
  if (token.kind !== 'word') return false;
  const typeTag = TYPE_TAGS.get(token.text);
  const declTag = DECL_TAGS.get(token.text);
  if (typeTag !== undefined) into.typeTags.push(typeTag);
  else if (declTag !== undefined) into.declTags.push(declTag);
  else if (token.text === '__packed') into.packed = true;
  else if (token.text === '__aligned') {
    cursor.next();
    readAligned(cursor, into);
    return true;
  } else if (token.text === '__contains') {
    cursor.next();
    into.declTags.push(readContains(cursor));
    return true;
  } else if (token.text === '__attribute__' || token.text === '__attribute') {
    cursor.next();
    readList(cursor, into);
    return true;
  } else return false;
  cursor.next();
  return true;
}

export function takeAttributes(cursor: Cursor, into: Attributes): void {
  while (takeAttribute(cursor, into));
}

/** Reports attributes that have no meaning but at structs, members and variables. */
export function refuseLayout(
  cursor: Cursor,
  { packed, align, preserveAccessIndex }: Attributes,
  range: Range,
  alignable = false,
): void {
  const name = packed ? 'packed' : preserveAccessIndex ? 'preserve_access_index' : 'aligned';
  if (!packed && !preserveAccessIndex && (align === 1 || alignable)) return;
  cursor.fail(range, 'bad-attribute', `the attribute '${name}' has no effect here`, [
    'it belongs to a struct or union, or to a member',
  ]);
}

function readList(cursor: Cursor, into: Attributes): void {
  cursor.expect('(', "behind '__attribute__'");
  cursor.expect('(', "behind '__attribute__('");
  while (!cursor.is(')')) {
    const token = cursor.word('the name of an attribute');
    const name = token.text.replace(/^__(.+)__$/, '$1');
    const read = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name] : undefined;
    if (!read) {
      const known = Object.keys(ATTRIBUTES);
      const help = cursor.problems.suggest(name, known);
      cursor.fail(
        token,
        'unknown-attribute',
        `there is no attribute '${token.text}'`,
        help.length > 0 ? help : [`known are ${known.join(', ')}`],
      );
    }
    read(cursor, into);
    if (!cursor.take(',')) break;
  }
  cursor.expect(')', 'behind the attribute');
  cursor.expect(')', 'behind the attribute');
}

function readAligned(cursor: Cursor, into: Attributes): void {
  if (!cursor.take('(')) {
    into.align = Math.max(into.align, DEFAULT_ALIGN);
    return;
  }
  const { token } = cursor;
  const value = cursor.constant('an alignment', [')'], new Map());
  cursor.expect(')', 'behind the alignment');
  if (value < 1n || value > MAX_ALIGN || (value & (value - 1n)) !== 0n)
    cursor.fail(token, 'bad-alignment', `an alignment is a power of two up to ${MAX_ALIGN}, not ${value}`);
  into.align = Math.max(into.align, Number(value));
}

function readTag(cursor: Cursor): string {
  cursor.expect('(', 'before the text of a tag');
  const { token } = cursor;
  if (token.kind !== 'string' || token.text.includes('\\')) cursor.unexpected('the text of a tag in quotes');
  cursor.next();
  cursor.expect(')', 'behind the text of a tag');
  return token.text.slice(1, -1);
}

/** `__contains(node_data, node)`: what a list or tree of the kernel's holds. */
function readContains(cursor: Cursor): string {
  cursor.expect('(', "behind '__contains'");
  const type = cursor.word('the name of a struct').text;
  cursor.expect(',', 'behind the name of the struct');
  const field = cursor.word('the name of its field').text;
  cursor.expect(')', "behind '__contains(…'");
  return `contains:${type}:${field}`;
}
