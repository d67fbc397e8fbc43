import type { Btf } from '../btf.ts';
import type { BtfArray, BtfComposite, BtfEnum } from '../types.ts';
import { type Accessor, type AccessPath, isFlexibleArray, MAX_BIT_OFFSET } from './access.ts';
import { fieldsCompatible } from './compat.ts';
import { membersOf } from './members.ts';
import { essentialName } from './names.ts';

/** Why a type of the kernel does not have what an access asks for. */
export interface Mismatch {
  /** How many accessors were found before the one that was not. */
  readonly depth: number;
  /** The kernel's type in which it was looked for, resolved. */
  readonly within: number;
  /** A member of the right name was there, of an incompatible type. */
  readonly incompatible?: number;
}

export type Match = { readonly path: AccessPath } | { readonly mismatch: Mismatch };

/**
 * Looks for an access of the program's in a type of the kernel: members by name, wherever they
 * stand and however many anonymous structs hold them; elements by index.
 */
export function matchField(local: AccessPath, target: Btf, root: number): Match {
  return new FieldMatcher(local, target, root).run();
}

class FieldMatcher {
  readonly #local: AccessPath;
  readonly #target: Btf;
  readonly #root: number;
  readonly #accessors: Accessor[] = [];
  #bitOffset = 0;
  /** What the next accessor is looked for in. */
  #type: number;
  #incompatible: number | undefined;

  constructor(local: AccessPath, target: Btf, root: number) {
    this.#local = local;
    this.#target = target;
    this.#root = root;
    this.#type = root;
  }

  run(): Match {
    for (const [position, accessor] of this.#local.accessors.entries()) {
      const within = this.#target.resolve(this.#type).id;
      const found =
        accessor.name === undefined ? this.#element(accessor, position) : this.#member(accessor, within);
      if (!found || this.#bitOffset > MAX_BIT_OFFSET) {
        const incompatible = this.#incompatible;
        return { mismatch: { depth: position, within, ...(incompatible !== undefined && { incompatible }) } };
      }
    }
    return {
      path: {
        btf: this.#target,
        root: this.#root,
        accessors: this.#accessors,
        bitOffset: this.#bitOffset,
      },
    };
  }

  #element({ index }: Accessor, position: number): boolean {
    let type = this.#target.resolve(this.#type);
    if (position > 0) {
      if (type.kind !== 'array') return false;
      const array: BtfArray = type;
      if (index >= array.count && !isFlexibleArray(this.#target, this.#accessors.at(-1), array)) return false;
      type = this.#target.resolve(array.type);
    }
    this.#type = type.id;
    this.#accessors.push({ type: type.id, index, name: undefined });
    // An element 0 needs no size, which a declaration or void would not have.
    if (index > 0) this.#bitOffset += index * this.#target.sizeOf(type.id) * 8;
    return true;
  }

  #member(accessor: Accessor, within: number): boolean {
    const type = this.#target.type(within);
    if (type.kind !== 'struct' && type.kind !== 'union') return false;
    const owner = this.#local.btf.type(accessor.type) as BtfComposite;
    const wanted = owner.members[accessor.index]!.type;
    const name = accessor.name!;
    for (const member of membersOf(this.#target, type).get(name) ?? []) {
      if (!fieldsCompatible(this.#local.btf, wanted, this.#target, member.type)) {
        this.#incompatible = member.type;
        continue;
      }
      this.#accessors.push({ type: member.owner, index: member.index, name });
      this.#bitOffset += member.offsetBits;
      this.#type = member.type;
      return true;
    }
    return false;
  }
}

/** Looks for a value of an enum by its name, flavors left away on both sides. */
export function matchEnumValue(local: AccessPath, target: Btf, root: number): AccessPath | undefined {
  const type = target.resolve(root);
  if (type.kind !== 'enum' && type.kind !== 'enum64') return undefined;
  const index = valuesOf(type).get(essentialName(local.accessors[0]!.name!));
  if (index === undefined) return undefined;
  const accessor = { type: type.id, index, name: type.values[index]!.name };
  return { btf: target, root, accessors: [accessor], bitOffset: 0 };
}

const valueIndexes: WeakMap<BtfEnum, ReadonlyMap<string, number>> = new WeakMap();

/** The first value of each essential name. */
function valuesOf(type: BtfEnum): ReadonlyMap<string, number> {
  let known = valueIndexes.get(type);
  if (!known) {
    const out = new Map<string, number>();
    for (const [index, { name }] of type.values.entries()) {
      const essential = essentialName(name);
      if (!out.has(essential)) out.set(essential, index);
    }
    known = out;
    valueIndexes.set(type, known);
  }
  return known;
}
