import { concatBytes } from '../../util/bytes.ts';
import type { Range } from '../syntax/ast.ts';
import { stringBytes } from '../syntax/literals.ts';
import type { Cursor } from './cursor.ts';
import type { PathStep } from './field-path.ts';
import type { TypeReader } from './parse-type.ts';

/** What stands behind the `=` of a variable. */
export type Initialiser =
  /** An expression, whose value is asked for when bytes are made of it. */
  | ({ readonly kind: 'expression' } & Range)
  /** A number that was written down, or a value of an enumeration. */
  | ({ readonly kind: 'number'; readonly value: bigint } & Range)
  /** Without the NUL that ends it. */
  | ({ readonly kind: 'string'; readonly bytes: Uint8Array } & Range)
  /** `&name`, `name`, `&name + 8`: an address. */
  | ({
      readonly kind: 'address';
      readonly name: string;
      readonly addend: bigint;
      readonly explicit: boolean;
    } & Range)
  | ({ readonly kind: 'list'; readonly items: readonly InitialiserItem[] } & Range);

export interface InitialiserItem {
  /** `.pid`, `[3]`, `.addr.v4[1]`; empty where it stands in its turn. */
  readonly path: readonly PathStep[];
  readonly value: Initialiser;
}

/** As deep as types nest. */
const MAX_NESTING = 32;

const ENDS = [',', '}', ';'];

/** Reads what stands behind `=`. */
export function readInitialiser(reader: TypeReader): Initialiser {
  return readValue(reader, 0);
}

function readValue(reader: TypeReader, depth: number): Initialiser {
  const { cursor } = reader;
  const start = cursor.token;
  if (cursor.is('{')) return readList(reader, depth);
  if (start.kind === 'string') return readString(reader);
  const address = readAddress(reader);
  if (address) return address;
  if (isCast(reader)) for (let taken = 0; taken < 4; taken++) cursor.next();
  const minus = cursor.is('-') ? 1 : 0;
  const literal = cursor.peek(minus);
  const known =
    literal.value ?? (literal.kind === 'word' ? reader.names.constants.get(literal.text) : undefined);
  if (known !== undefined && isEnd(reader, minus + 1)) {
    if (minus) cursor.next();
    cursor.next();
    return { kind: 'number', value: minus ? -known : known, start: start.start, end: cursor.last.end };
  }
  cursor.skipTo(ENDS);
  if (cursor.token === start) cursor.unexpected('a value');
  return { kind: 'expression', start: start.start, end: cursor.last.end };
}

function isEnd({ cursor }: TypeReader, distance: number): boolean {
  const { kind, text } = cursor.peek(distance);
  return kind === 'end' || ENDS.includes(text);
}

/** `(void *)`, of which pointers in C are often made. */
function isCast({ cursor }: TypeReader): boolean {
  return ['(', 'void', '*', ')'].every((text, index) => cursor.peek(index).text === text);
}

/** `&name`, `name`, `(void *)&name`, `&name + 8`. A word that is a constant is none. */
function readAddress(reader: TypeReader): Initialiser | undefined {
  const { cursor, names } = reader;
  const start = cursor.token;
  const cast = isCast(reader);
  const at = cast ? 4 : 0;
  const explicit = cursor.peek(at).text === '&';
  const nameAt = explicit ? at + 1 : at;
  const name = cursor.peek(nameAt);
  if (name.kind !== 'word' || names.constants.has(name.text)) return undefined;
  let length = nameAt + 1;
  let addend = 0n;
  const sign = cursor.peek(length).text;
  const added = cursor.peek(length + 1);
  if (explicit && (sign === '+' || sign === '-') && added.value !== undefined) {
    addend = sign === '-' ? -added.value : added.value;
    length += 2;
  }
  if (!isEnd(reader, length)) return undefined;
  for (let taken = 0; taken < length; taken++) cursor.next();
  const range = { start: start.start, end: cursor.last.end };
  return { kind: 'address', name: name.text, addend, explicit: explicit || cast, ...range };
}

function readString(reader: TypeReader): Initialiser {
  const cursor: Cursor = reader.cursor;
  const { start } = cursor.token;
  const parts: Uint8Array[] = [];
  while (cursor.token.kind === 'string') {
    const token = cursor.next();
    const bytes = stringBytes(token.text);
    if ('unknownEscape' in bytes)
      cursor.fail(token, 'unknown-escape', `'${bytes.unknownEscape}' is not an escape`, [
        "a backslash is written '\\\\'",
      ]);
    parts.push(bytes);
  }
  return { kind: 'string', bytes: concatBytes(parts), start, end: cursor.last.end };
}

function readList(reader: TypeReader, depth: number): Initialiser {
  const { cursor, names } = reader;
  const open = cursor.next();
  if (depth >= MAX_NESTING)
    cursor.fail(open, 'nested-too-deep', `values are nested ${MAX_NESTING} deep at most`);
  const items: InitialiserItem[] = [];
  while (!cursor.is('}') && cursor.token.kind !== 'end') {
    cursor.recover(() => {
      const path: PathStep[] = [];
      for (;;) {
        const step = cursor.token;
        if (cursor.take('.')) {
          const { text, end } = cursor.word('the name of a field');
          path.push({ kind: 'member', name: text, start: step.start, end });
        } else if (cursor.take('[')) {
          const index = cursor.constant('the index of an element', [']'], names.constants);
          const { end } = cursor.expect(']', 'behind an index');
          path.push({ kind: 'element', index, start: step.start, end });
        } else break;
      }
      if (path.length > 0) cursor.expect('=', 'between a field and its value');
      items.push({ path, value: readValue(reader, depth + 1) });
      if (!cursor.is('}') && cursor.token.kind !== 'end') cursor.expect(',', 'between values');
    }, ',');
  }
  if (!cursor.take('}')) cursor.fail(open, 'open-brace', "this '{' has no '}'");
  return { kind: 'list', items, start: open.start, end: cursor.last.end };
}
