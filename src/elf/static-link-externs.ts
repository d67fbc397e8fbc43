import type { Btf } from '../btf/btf.ts';
import type { BtfFunc, BtfFuncProto, BtfMember, BtfType, BtfVar } from '../btf/types.ts';
import { TsbpfError } from '../util/errors.ts';
import type { LinkInput } from './static-link-input.ts';
import type { LinkedSymbols } from './static-link-symbols.ts';

/** A type of one of the inputs. */
interface TypeAt {
  readonly btf: Btf;
  readonly id: number;
}

/** What an input says of a function or variable that objects share. */
interface Declaration {
  readonly input: LinkInput;
  readonly type: BtfFunc | BtfVar;
  readonly isMap: boolean;
}

/**
 * Holds what one object declares against what another defines, or what two declare: functions by
 * their parameters, variables by their types, maps by every field of their definitions.
 *
 * @throws {TsbpfError} `LINK_TYPE_MISMATCH`, `LINK_KIND_MISMATCH`
 */
export function checkDeclarations(inputs: readonly LinkInput[], symbols: LinkedSymbols): void {
  const first = new Map<string, Declaration>();
  // The definition first, so that messages speak of it.
  for (const wantsDefinition of [true, false]) {
    for (const input of inputs) {
      for (const declaration of declarationsOf(input)) {
        const { name } = declaration.type;
        const symbol = symbols.global(name);
        if (!symbol || (symbol.definer === input) !== wantsDefinition) continue;
        const known = first.get(name);
        if (known) check(known, declaration);
        else first.set(name, declaration);
      }
    }
  }
}

function declarationsOf(input: LinkInput): Declaration[] {
  const { index } = input;
  if (!index) return [];
  const { btf } = index;
  const maps = new Set((index.section('.maps')?.vars ?? []).map(({ type }) => type));
  const out: Declaration[] = [];
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const kind = btf.kindOf(id);
    if (kind !== 'func' && kind !== 'var') continue;
    const type = btf.type(id) as BtfFunc | BtfVar;
    if (type.linkage !== 'static') out.push({ input, type, isMap: maps.has(id) });
  }
  return out;
}

function check(known: Declaration, other: Declaration): void {
  const { name } = known.type;
  const [a, b] = [known, other].map((each) =>
    each.isMap ? 'a map' : each.type.kind === 'func' ? 'a function' : 'a variable',
  );
  if (a !== b)
    throw new TsbpfError(
      'LINK_KIND_MISMATCH',
      `${name} is ${a} in ${known.input.name}, but ${b} in ${other.input.name}`,
    );
  const difference = differenceOf(known, other);
  if (difference === undefined) return;
  const noun = known.isMap ? 'map' : known.type.kind === 'func' ? 'function' : 'variable';
  throw new TsbpfError(
    'LINK_TYPE_MISMATCH',
    `${noun} ${name} differs: ${difference.what} is ${difference.known} in ${known.input.name}, but ${difference.other} in ${other.input.name}`,
    { hint: 'declare it in one header that both files include' },
  );
}

interface Difference {
  readonly what: string;
  readonly known: string;
  readonly other: string;
}

function differenceOf(known: Declaration, other: Declaration): Difference | undefined {
  const a = typeAt(known);
  const b = typeAt(other);
  if (known.isMap) return mapDifference(a, b, 0);
  if (known.type.kind === 'func') return prototypeDifference(a, b);
  return typeDifference('its type', a, b);
}

function typeDifference(what: string, a: TypeAt, b: TypeAt): Difference | undefined {
  return isSame(a, b) ? undefined : { what, known: describe(a), other: describe(b) };
}

function typeAt({ input, type }: Declaration): TypeAt {
  return { btf: input.index!.btf, id: type.type };
}

/** By the names of fields: their order says nothing. */
function mapDifference(a: TypeAt, b: TypeAt, depth: number): Difference | undefined {
  const [left, right] = [a, b].map(({ btf, id }) => {
    const type = btf.resolve(id);
    return new Map(type.kind === 'struct' ? type.members.map((member) => [member.name, member]) : []);
  }) as [Map<string, BtfMember>, Map<string, BtfMember>];
  for (const field of new Set([...left.keys(), ...right.keys()])) {
    const [one, two] = [left.get(field), right.get(field)];
    if (!one || !two) return { what: field, known: presence(one), other: presence(two) };
    const [x, y] = [
      { btf: a.btf, id: one.type },
      { btf: b.btf, id: two.type },
    ];
    const difference = field === 'values' ? innerDifference(x, y, depth) : typeDifference(field, x, y);
    if (difference) return difference;
  }
  return undefined;
}

function presence(member: BtfMember | undefined): string {
  return member ? 'given' : 'left out';
}

/** How deep maps may lie in maps before the definitions are taken for a cycle. */
const MAX_MAP_DEPTH = 4;

function innerDifference(a: TypeAt, b: TypeAt, depth: number): Difference | undefined {
  const pointees = [a, b].map(({ btf, id }) => {
    const array = btf.resolve(id);
    const pointer = array.kind === 'array' ? btf.resolve(array.type) : array;
    return pointer.kind === 'ptr' ? { btf, id: pointer.type } : undefined;
  });
  const [x, y] = pointees;
  if (!x || !y || depth > MAX_MAP_DEPTH) return typeDifference('values', a, b);
  const inner = mapDifference(x, y, depth + 1);
  return inner && { ...inner, what: `${inner.what} of the inner map` };
}

function prototypeDifference(a: TypeAt, b: TypeAt): Difference | undefined {
  const [left, right] = [a, b].map(({ btf, id }) => btf.resolve(id)) as [BtfType, BtfType];
  if (left.kind !== 'funcProto' || right.kind !== 'funcProto') return undefined;
  const [known, other] = [left.params.length, right.params.length];
  if (known !== other) return { what: 'the number of parameters', known: `${known}`, other: `${other}` };
  const pairs: [string, number, number][] = [
    ['the result', left.type, right.type],
    ...left.params.map((param, index): [string, number, number] => [
      `parameter ${index + 1}`,
      param.type,
      right.params[index]!.type,
    ]),
  ];
  for (const [what, one, two] of pairs) {
    const [x, y] = [
      { btf: a.btf, id: one },
      { btf: b.btf, id: two },
    ];
    const difference = typeDifference(what, x, y);
    if (difference) return difference;
  }
  return undefined;
}

/**
 * Whether two types mean the same to code: equal sizes and members. Qualifiers and typedefs do not
 * count, and behind a pointer a struct is known by its name.
 */
function isSame(a: TypeAt, b: TypeAt, whole = true, seen: Set<string> = new Set()): boolean {
  // A pair that is being compared, or was found equal, is not looked at again: types may be cyclic.
  const pair = `${a.id}:${b.id}:${whole}`;
  if (seen.has(pair)) return true;
  seen.add(pair);
  const [x, y] = [a.btf.resolve(a.id), b.btf.resolve(b.id)];
  const next = (one: number, two: number, all = whole): boolean =>
    isSame({ btf: a.btf, id: one }, { btf: b.btf, id: two }, all, seen);
  if (isComposite(x) && isComposite(y) && !whole) return x.name === y.name;
  switch (x.kind) {
    case 'int':
      return y.kind === 'int' && x.size === y.size && x.bits === y.bits && x.signed === y.signed;
    case 'float':
      return y.kind === 'float' && x.size === y.size;
    case 'enum':
    case 'enum64':
      return y.kind === x.kind && x.name === y.name && x.size === y.size;
    case 'ptr':
      return y.kind === 'ptr' && next(x.type, y.type, false);
    case 'array':
      return y.kind === 'array' && x.count === y.count && next(x.type, y.type);
    case 'struct':
    case 'union':
      return (
        y.kind === x.kind &&
        x.name === y.name &&
        x.size === y.size &&
        x.members.length === y.members.length &&
        x.members.every((member, index) => {
          const other = y.members[index]!;
          const alike =
            member.name === other.name &&
            member.offsetBits === other.offsetBits &&
            member.bitSize === other.bitSize;
          return alike && next(member.type, other.type);
        })
      );
    case 'fwd':
      return isComposite(y) && x.name === y.name;
    case 'funcProto':
      return y.kind === 'funcProto' && isSamePrototype(x, y, next);
    default:
      return x.kind === y.kind;
  }
}

function isComposite({ kind }: BtfType): boolean {
  return kind === 'struct' || kind === 'union' || kind === 'fwd';
}

function isSamePrototype(
  x: BtfFuncProto,
  y: BtfFuncProto,
  next: (one: number, two: number) => boolean,
): boolean {
  return (
    x.params.length === y.params.length &&
    next(x.type, y.type) &&
    x.params.every((param, index) => next(param.type, y.params[index]!.type))
  );
}

/** A type in a few words; of a pointer to an array, which is how maps carry numbers, the number. */
function describe({ btf, id }: TypeAt, depth = 0): string {
  const type = btf.resolve(id);
  if (depth > 3) return '…';
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'ptr': {
      const to = btf.resolve(type.type);
      return to.kind === 'array' ? `${to.count}` : `${describe({ btf, id: type.type }, depth + 1)} *`;
    }
    case 'array':
      return `${describe({ btf, id: type.type }, depth + 1)}[${type.count}]`;
    case 'int':
    case 'float':
      return type.name;
    case 'funcProto':
      return 'a function';
    default:
      return `${type.kind} ${type.name || '{…}'}`;
  }
}
