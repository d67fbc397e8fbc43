import { TsbpfError } from '../../util/errors.ts';
import type { Btf } from '../btf.ts';
import type { BtfEnum, BtfFuncProto, BtfInt, BtfKindName, BtfType } from '../types.ts';
import { essentialName, namesMatch } from './names.ts';

/** How deep function types may hold function types, as other loaders have it. */
const MAX_DEPTH = 32;
/** Comparing two types of a real kernel takes some hundred steps; types that hold each other could take forever. */
const MAX_STEPS = 1 << 18;

/** Counts steps down and refuses when they are used up. */
export class StepBudget {
  #left: number = MAX_STEPS;

  spend(steps = 1): void {
    this.#left -= steps;
    if (this.#left < 0)
      throw new TsbpfError(
        'CORE_TOO_COMPLEX',
        'the types hold each other so often that they cannot be compared',
      );
  }
}

/** A kind as candidates are told apart by: both widths of enums are one. */
export function kindGroup(kind: BtfKindName): BtfKindName {
  return kind === 'enum64' ? 'enum' : kind;
}

const sameKind = (a: BtfType, b: BtfType): boolean => kindGroup(a.kind) === kindGroup(b.kind);
/** Integers of old compilers that are bit fields by themselves are compatible with nothing. */
const areWholeInts = (a: BtfInt, b: BtfType): boolean => a.bitOffset === 0 && (b as BtfInt).bitOffset === 0;

/**
 * Whether a member of the kernel can stand for the program's of the same name: both structs, both
 * pointers, both integers of whatever size, arrays of such, enums and forward declarations of one name.
 */
export function fieldsCompatible(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  let a = local.resolve(localId);
  let b = target.resolve(targetId);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (isComposite(a) && isComposite(b)) return true;
    if (!sameKind(a, b)) return false;
    switch (a.kind) {
      case 'ptr':
      case 'float':
        return true;
      case 'fwd':
      case 'enum':
      case 'enum64':
        return a.name === '' || b.name === '' || essentialName(a.name) === essentialName(b.name);
      case 'int':
        return areWholeInts(a, b);
      case 'array':
        a = local.resolve(a.type);
        b = target.resolve((b as typeof a & { type: number }).type);
        break;
      default:
        return false;
    }
  }
  return false;
}

const isComposite = (type: BtfType): boolean => type.kind === 'struct' || type.kind === 'union';

/**
 * Whether two types whose names agree are of one shape as far as kinds go; sizes and members do not
 * count. This is what existence of a type, its size and its number ask, and the prototypes of
 * kernel functions.
 */
export function typesCompatible(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  if (!sameKind(local.type(localId), target.type(targetId))) return false;
  return compatible(local, localId, target, targetId, MAX_DEPTH, new StepBudget());
}

function compatible(
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
  level: number,
  budget: StepBudget,
): boolean {
  let a = local.resolve(localId);
  let b = target.resolve(targetId);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    budget.spend();
    if (!sameKind(a, b)) return false;
    switch (a.kind) {
      case 'void':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'fwd':
        return true;
      case 'int':
        return areWholeInts(a, b);
      case 'ptr':
      case 'array':
        break;
      case 'funcProto': {
        const same = paramsAgree(a, b, (x, y) => compatible(local, x, target, y, level - 1, budget));
        if (level <= 0 || !same) return false;
        break;
      }
      default:
        return false;
    }
    a = local.resolve(a.type);
    b = target.resolve((b as { readonly type: number } & BtfType).type);
  }
  return false;
}

function paramsAgree(
  a: BtfFuncProto,
  b: BtfType,
  agree: (local: number, target: number) => boolean,
): boolean {
  const others = (b as BtfFuncProto).params;
  return (
    a.params.length === others.length && a.params.every(({ type }, index) => agree(type, others[index]!.type))
  );
}

/**
 * Whether the kernel's type has all that the program's has: every member by name with a matching
 * type, every value of an enum, integers of the same size and sign. Behind a pointer structs
 * need only have the same name.
 */
export function typesMatch(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  return new Matcher(local, target).matches(localId, targetId, false, MAX_DEPTH);
}

class Matcher {
  readonly #local: Btf;
  readonly #target: Btf;
  readonly #budget: StepBudget = new StepBudget();

  constructor(local: Btf, target: Btf) {
    this.#local = local;
    this.#target = target;
  }

  matches(localId: number, targetId: number, behindPtr: boolean, level: number): boolean {
    if (level <= 0) return false;
    let a = this.#local.resolve(localId);
    let b = this.#target.resolve(targetId);
    let isBehindPtr = behindPtr;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      this.#budget.spend();
      if (!namesMatch(a.name, b.name)) return false;
      switch (a.kind) {
        case 'void':
          return b.kind === 'void';
        case 'fwd':
          if (a.kind === b.kind) return a.union === b.union;
          return isBehindPtr && b.kind === (a.union ? 'union' : 'struct');
        case 'enum':
        case 'enum64':
          return (b.kind === 'enum' || b.kind === 'enum64') && this.#valuesMatch(a, b);
        case 'struct':
        case 'union':
          if (isBehindPtr) return a.kind === b.kind || (b.kind === 'fwd' && b.union === (a.kind === 'union'));
          return a.kind === b.kind && this.#membersMatch(a, b, level);
        case 'int':
          return b.kind === 'int' && a.size === b.size && a.signed === b.signed;
        case 'ptr':
          if (b.kind !== 'ptr') return false;
          isBehindPtr = true;
          break;
        case 'array':
          if (b.kind !== 'array' || a.count !== b.count) return false;
          break;
        case 'funcProto': {
          const same = (x: number, y: number): boolean => this.matches(x, y, isBehindPtr, level - 1);
          if (b.kind !== 'funcProto' || !paramsAgree(a, b, same)) return false;
          break;
        }
        default:
          return false;
      }
      a = this.#local.resolve(a.type);
      b = this.#target.resolve(b.type);
    }
    return false;
  }

  #membersMatch(
    a: Extract<BtfType, { kind: 'struct' | 'union' }>,
    b: Extract<BtfType, { kind: 'struct' | 'union' }>,
    level: number,
  ): boolean {
    if (a.members.length > b.members.length) return false;
    return a.members.every((member) =>
      b.members.some((other) => {
        this.#budget.spend();
        return namesMatch(member.name, other.name) && this.matches(member.type, other.type, false, level - 1);
      }),
    );
  }

  #valuesMatch(a: BtfEnum, b: BtfEnum): boolean {
    if (a.values.length > b.values.length) return false;
    this.#budget.spend(b.values.length);
    const names = new Set(b.values.map(({ name }) => essentialName(name)));
    return a.values.every(({ name }) => names.has(essentialName(name)));
  }
}
