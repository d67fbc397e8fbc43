import type { Range } from '../syntax/ast.ts';
import { noAttributes, refuseLayout, takeAttributes } from './attributes.ts';
import { attempt, type CText } from './c-text.ts';
import { type Composite, type CType, type EnumType, type FuncType, strip } from './c-type.ts';
import type { Cursor } from './cursor.ts';
import { type Initialiser, readInitialiser } from './initialiser.ts';
import { parseEnumBody } from './parse-enum.ts';
import type { TypeRegistry } from './registry.ts';
import { INT_WORDS } from './scalars.ts';

/** A variable as it is declared. */
export interface VariableDeclaration {
  readonly name: string;
  /** Of the name. */
  readonly range: Range;
  readonly type: CType;
  readonly linkage: 'static' | 'global' | 'extern';
  /** Whether the program may not write to it: where it belongs into `.rodata`. */
  readonly constant: boolean;
  readonly declTags: readonly string[];
  /** Bytes; 1 where nothing was said. */
  readonly align: number;
  readonly initialiser: Initialiser | undefined;
}

/** A function as it is declared. */
export interface Prototype {
  readonly name: string;
  readonly range: Range;
  readonly type: FuncType;
  readonly declTags: readonly string[];
  readonly linkage: 'static' | 'global' | 'extern';
}

/**
 * `.struct event { u32 pid; char comm[16]; }`, what stands behind the directive's name. Without
 * braces it declares the name.
 *
 * @returns undefined after a problem was reported that leaves no type
 */
export function declareComposite(
  registry: TypeRegistry,
  kind: 'struct' | 'union',
  text: CText,
): Composite | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const cursor: Cursor = reader.cursor;
    const attributes = noAttributes();
    takeAttributes(cursor, attributes);
    const name = cursor.word(`the name of a ${kind}`);
    takeAttributes(cursor, attributes);
    if (cursor.token.kind === 'end') return registry.tag(kind, name.text, name) as Composite;
    const type = registry.define(kind, name.text, name);
    // What is wrong in a second definition is wrong all the same.
    const made = reader.body(
      type ?? { kind, name: name.text, definedAt: undefined, body: undefined, layout: undefined },
      attributes,
    );
    cursor.take(';');
    cursor.end();
    return type && made;
  });
}

/** `.enum colour { RED, GREEN = 5 }`; its values are constants of the registry. The name may be left out. */
export function declareEnum(registry: TypeRegistry, text: CText): EnumType | undefined {
  return attempt(() => {
    const { cursor } = registry.reader(text);
    const name = cursor.token.kind === 'word' ? cursor.next() : undefined;
    const type = parseEnumBody(cursor, registry, name);
    cursor.take(';');
    cursor.end();
    return type;
  });
}

/** `.typedef u32 ip_t`. */
export function declareTypedef(registry: TypeRegistry, text: CText): CType | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const cursor: Cursor = reader.cursor;
    const { type: base, attributes } = reader.specifiers();
    const { name, range, type } = reader.declarator(base, attributes);
    if (name === undefined) cursor.unexpected('the name of the new type');
    refuseLayout(cursor, attributes, range);
    cursor.take(';');
    cursor.end();
    registry.addTypedef(name, type, range);
    return registry.find(name);
  });
}

/** A type alone: `u32`, `struct event`, `u64[4]`. */
export function parseTypeName(registry: TypeRegistry, text: CText): CType | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const type = reader.typeName();
    reader.cursor.end();
    return type;
  });
}

/** `const u32 limit = 300`, `char greeting[] = "hello"`, `struct event e = {.pid = 1}`. */
export function parseVariable(registry: TypeRegistry, text: CText): VariableDeclaration | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const cursor: Cursor = reader.cursor;
    const specifiers = reader.specifiers();
    const { attributes } = specifiers;
    const { name, range, type } = reader.declarator(specifiers.type, attributes);
    if (name === undefined) cursor.unexpected('the name of a variable');
    refuseLayout(cursor, attributes, range, true);
    const { kind } = strip(type);
    if (kind === 'func') cursor.fail(range, 'bad-declaration', `'${name}' is a function, not a variable`);
    if (kind === 'void') cursor.fail(range, 'bad-declaration', 'a variable cannot be void', ["'void *' can"]);
    const initialiser = cursor.take('=') ? readInitialiser(reader) : undefined;
    cursor.take(';');
    cursor.end();
    const { declTags, align } = attributes;
    const linkage = specifiers.storage ?? 'global';
    return { name, range, type, linkage, constant: isConst(type), declTags, align, initialiser };
  });
}

/** `int half(u32 x, struct event *e)`. */
export function parsePrototype(registry: TypeRegistry, text: CText): Prototype | undefined {
  return attempt(() => {
    const reader = registry.reader(text);
    const cursor: Cursor = reader.cursor;
    const first = cursor.token;
    if (
      cursor.peek().text === '(' &&
      first.kind === 'word' &&
      !first.text.startsWith('__') &&
      !INT_WORDS.has(first.text) &&
      !registry.find(first.text)
    )
      cursor.fail(first, 'bad-declaration', `expected a type before '${first.text}'`, [
        `write 'void ${first.text}' where it returns nothing`,
      ]);
    const specifiers = reader.specifiers();
    const { name, range, type } = reader.declarator(specifiers.type, specifiers.attributes);
    if (name === undefined) cursor.unexpected('the name of a function');
    refuseLayout(cursor, specifiers.attributes, range);
    if (type.kind !== 'func')
      cursor.fail(range, 'bad-declaration', `'${name}' is no function`, [
        `write '${name}(void)' where it takes nothing`,
      ]);
    cursor.take(';');
    cursor.end();
    const { declTags } = specifiers.attributes;
    return { name, range, type, linkage: specifiers.storage ?? 'global', declTags };
  });
}

/** Of an array its elements are constant. */
function isConst(type: CType): boolean {
  for (let at = type; 'of' in at; at = at.of) {
    if (at.kind === 'const') return true;
    if (at.kind === 'ptr') return false;
  }
  return false;
}
