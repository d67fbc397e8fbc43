import type { Range } from '../syntax/ast.ts';
import { type ArrayType, type Composite, type CType, type PlacedMember, strip, typeText } from './c-type.ts';
import { lookUp } from './field-path.ts';
import type { Initialiser, InitialiserItem } from './initialiser.ts';
import type { TypeRegistry } from './registry.ts';

export function isChar(type: CType): boolean {
  const plain = strip(type);
  return plain.kind === 'int' && plain.size === 1 && !plain.bool;
}

function isAggregate(type: CType): boolean {
  const { kind } = strip(type);
  return kind === 'array' || kind === 'struct' || kind === 'union';
}

/** Values of a list that are still to be given to somebody. */
export interface Stream {
  readonly items: readonly InitialiserItem[];
  at: number;
}

/** A part of a struct, union or array that takes a value in its turn. */
export interface Part {
  readonly type: CType;
  readonly offset: number;
  readonly field: Pick<PlacedMember, 'bits' | 'offsetBits'> | undefined;
}

/** How C gives the values of a list to the parts of a type (C17, 6.7.9). */
export abstract class Filler {
  readonly registry: TypeRegistry;
  failed = false;

  constructor(registry: TypeRegistry) {
    this.registry = registry;
  }

  /** Gives a value that is no list for an aggregate to a part. */
  abstract value(part: Part, value: Initialiser): void;

  /**
   * Gives values to the parts of an aggregate, in their turn or by name.
   *
   * @param braced false where the aggregate has no braces of its own, and takes what it needs
   */
  fill(type: CType, offset: number, stream: Stream, braced: boolean): number {
    const plain = strip(type);
    const count = this.#count(plain as ArrayType | Composite);
    let index = 0;
    let most = 0;
    // After a path of several parts the next value would go to the part behind its last.
    let deep = false;
    while (stream.at < stream.items.length) {
      const item = stream.items[stream.at]!;
      const { path, value } = item;
      if (path.length > 0) {
        if (!braced) break;
        const found = this.#designated(plain, offset, item);
        stream.at++;
        if (!found) continue;
        deep = found.deep;
        index = found.index + 1;
        this.put(found.part, value);
      } else if (deep) {
        this.fail(value, 'bad-initialiser', 'say which field this value is for, as the one before does');
        stream.at++;
      } else if (index >= count || (plain.kind === 'union' && index > 0)) {
        if (braced)
          this.fail(
            value,
            'too-many-values',
            `'${typeText(type)}' takes ${plain.kind === 'union' ? 1 : count} values, this is one more`,
          );
        break;
      } else {
        const part = this.#part(plain, offset, index++);
        if (!part) break;
        this.#next(part, stream);
      }
      most = Math.max(most, index);
    }
    return most;
  }

  fail(range: Range, code: string, message: string, help: readonly string[] = []): void {
    this.registry.problems.error(range, code, message, { help });
    this.failed = true;
  }

  /** A part takes the next value, or as many as it has parts if that value is not for it as a whole. */
  #next(part: Part, stream: Stream): void {
    const { value } = stream.items[stream.at]!;
    const whole = value.kind === 'list' || (value.kind === 'string' && isCharArray(part.type));
    if (!isAggregate(part.type) || whole) {
      stream.at++;
      this.put(part, value);
      return;
    }
    const before = stream.at;
    if (!isOpenArray(part.type)) this.fill(part.type, part.offset, stream, false);
    // An empty one takes nothing.
    if (stream.at === before) {
      stream.at++;
      this.fail(value, 'bad-initialiser', `'${typeText(part.type)}' takes no value`);
    }
  }

  put(part: Part, value: Initialiser): void {
    if (isOpenArray(part.type))
      this.fail(
        value,
        'bad-initialiser',
        'an array without a length at the end of a struct cannot be filled',
      );
    else if (value.kind === 'list' && isAggregate(part.type)) this.list(part, value);
    else this.value(part, value);
  }

  list(part: Part, value: Extract<Initialiser, { kind: 'list' }>): void {
    const only = value.items[0];
    // Braces may stand around a text: { "hello" }.
    if (
      value.items.length === 1 &&
      only?.value.kind === 'string' &&
      only.path.length === 0 &&
      isCharArray(part.type)
    )
      this.value(part, only.value);
    else this.fill(part.type, part.offset, { items: value.items, at: 0 }, true);
  }

  #count(plain: ArrayType | Composite): number {
    if (plain.kind === 'array') return plain.count ?? Number.POSITIVE_INFINITY;
    return this.registry.layoutOf(plain, plain.definedAt ?? { start: 0, end: 0 })?.members.length ?? 0;
  }

  #part(plain: CType, offset: number, index: number): Part | undefined {
    if (plain.kind === 'array') {
      const size = this.registry.sizeOf(plain.of, { start: 0, end: 0 });
      return size === undefined
        ? undefined
        : { type: plain.of, offset: offset + index * size, field: undefined };
    }
    const { layout } = plain as Composite;
    const member = typeof layout === 'object' ? layout.members[index] : undefined;
    if (!member) return undefined;
    const bytes = offset + Math.floor(member.offsetBits / 8);
    return {
      type: member.type,
      offset: bytes,
      field:
        member.bits === undefined ? undefined : { ...member, offsetBits: offset * 8 + member.offsetBits },
    };
  }

  #designated(
    plain: CType,
    offset: number,
    { path }: InitialiserItem,
  ): { readonly part: Part; readonly index: number; readonly deep: boolean } | undefined {
    const range = { start: path[0]!.start, end: path.at(-1)!.end };
    const place = lookUp(this.registry, plain, path, range);
    if (!place) {
      this.failed = true;
      return undefined;
    }
    const { bits, type, indexes } = place;
    const field = bits && { bits: bits.size, offsetBits: offset * 8 + bits.offset };
    const part = { type, offset: offset + (bits ? Math.floor(bits.offset / 8) : place.offset), field };
    return { part, index: indexes[0]!, deep: indexes.length > 1 };
  }
}

function isOpenArray(type: CType): boolean {
  const plain = strip(type);
  return plain.kind === 'array' && plain.count === undefined;
}

function isCharArray(type: CType): boolean {
  const plain = strip(type);
  return plain.kind === 'array' && isChar(plain.of);
}
