import type { BtfBuilder } from '../../btf/build.ts';
import { makeInfo } from '../../btf/layout.ts';
import type { Composite, CType, EnumType, FuncType } from './c-type.ts';
import type { Prototype, VariableDeclaration } from './declarations.ts';
import type { TypeRegistry } from './registry.ts';

/** As clang calls the type of an array's index. */
const ARRAY_INDEX = '__ARRAY_SIZE_TYPE__';

const NOWHERE = { start: 0, end: 0 };

/** Writes types into a BTF, each once. */
export class BtfTypes {
  readonly builder: BtfBuilder;
  readonly #registry: TypeRegistry;
  readonly #known: Map<CType, number> = new Map();
  /** Structs that are declared alone and stand for the kernel's of that name. */
  readonly #opaque: Map<CType, number> = new Map();
  /** Structs that have a number and are still without members: types may go round through pointers. */
  readonly #open: { readonly type: Composite; readonly id: number; readonly tail: number[] }[] = [];
  #isFilling = false;

  constructor(builder: BtfBuilder, registry: TypeRegistry) {
    this.builder = builder;
    this.#registry = registry;
  }

  /** The number of a type; 0 for void. */
  idOf(type: CType): number {
    const id = this.#id(type);
    this.#fill();
    return id;
  }

  /**
   * The number of a type for who compares it with the kernel's by its name: the root of a CO-RE
   * relocation. A struct that is only declared has no members there; as a FWD nobody would find it.
   */
  nominalIdOf(type: CType): number {
    const id = this.#nominal(type);
    this.#fill();
    return id;
  }

  /** A VAR. `type` may be that of the declaration with an array's length filled in. */
  variable(
    declared: Pick<VariableDeclaration, 'name' | 'type' | 'linkage' | 'declTags'>,
    type: CType = declared.type,
  ): number {
    const id = this.builder.variable(declared.name, this.idOf(type), declared.linkage);
    for (const tag of declared.declTags) this.builder.declTag(tag, id);
    return id;
  }

  /** A FUNC with its prototype. */
  func({ name, type, linkage, declTags: own }: Prototype): number {
    const id = this.builder.func(name, this.#proto(type, true), linkage);
    this.#fill();
    for (const tag of own) this.builder.declTag(tag, id);
    for (const [index, { declTags }] of type.params.entries())
      for (const tag of declTags) this.builder.declTag(tag, id, index);
    return id;
  }

  #id(type: CType): number {
    const known = this.#known.get(type);
    if (known !== undefined) return known;
    const id = this.#make(type);
    this.#known.set(type, id);
    return id;
  }

  #nominal(type: CType): number {
    if (type.kind === 'const' || type.kind === 'volatile')
      return this.builder[type.kind](this.#nominal(type.of));
    const isOpaque = (type.kind === 'struct' || type.kind === 'union') && !type.layout && !type.body;
    if (!isOpaque) return this.#id(type);
    let id = this.#opaque.get(type);
    if (id === undefined) {
      id = this.builder[type.kind](type.name, 0, []);
      this.#opaque.set(type, id);
    }
    return id;
  }

  #make(type: CType): number {
    const { builder } = this;
    switch (type.kind) {
      case 'void':
        return 0;
      case 'int':
        return builder.int(type.name, type.size, { signed: type.signed, bool: type.bool });
      case 'enum':
        return this.#enum(type);
      case 'struct':
      case 'union':
        return this.#composite(type);
      case 'typedef':
        return builder.typedef(type.name, this.#id(type.of));
      case 'ptr':
      case 'const':
      case 'volatile':
      case 'restrict':
        return builder[type.kind](this.#id(type.of));
      case 'typeTag':
        return builder.typeTag(type.name, this.#nominal(type.of));
      case 'array':
        return builder.array(this.#id(type.of), builder.int(ARRAY_INDEX, 4), type.count ?? 0);
      case 'func':
        return this.#proto(type, false);
    }
  }

  /** clang names parameters in the prototype of a function, and not in the type of a pointer to one. */
  #proto({ returns, params, variadic }: FuncType, named: boolean): number {
    const list = params.map(({ name, type }) => ({ name: named ? name : '', type: this.#id(type) }));
    return this.builder.funcProto(this.#id(returns), variadic ? [...list, { name: '', type: 0 }] : list);
  }

  #enum({ name, values, size, signed }: EnumType): number {
    const { builder } = this;
    const wide = size === 8;
    const tail = values.flatMap(({ name: key, value }) => {
      const low = Number(BigInt.asUintN(32, value));
      return wide
        ? [builder.string(key), low, Number(BigInt.asUintN(32, value >> 32n))]
        : [builder.string(key), low];
    });
    const info = makeInfo(wide ? 'enum64' : 'enum', values.length, signed);
    return builder.record({ nameOffset: builder.string(name), info, word: size, tail });
  }

  #composite(type: Composite): number {
    const { builder } = this;
    const isDefined = type.layout !== undefined || type.body !== undefined;
    const layout = isDefined ? this.#registry.layoutOf(type, type.definedAt ?? NOWHERE) : undefined;
    if (!layout) return builder.forward(type.name, type.kind);
    const tail: number[] = [];
    const hasBitFields = layout.members.some(({ bits }) => bits !== undefined);
    const info = makeInfo(type.kind, layout.members.length, hasBitFields);
    const id = builder.record({ nameOffset: builder.string(type.name), info, word: layout.size, tail });
    this.#open.push({ type, id, tail });
    return id;
  }

  /** Fills in the members of structs, one after the other: a list of them may be as long as the text. */
  #fill(): void {
    if (this.#isFilling) return;
    this.#isFilling = true;
    for (let next = this.#open.pop(); next; next = this.#open.pop()) {
      const { type, id, tail } = next;
      const { members } = this.#registry.layoutOf(type, NOWHERE)!;
      for (const { name, type: member, bits = 0, offsetBits } of members)
        tail.push(this.builder.string(name), this.#id(member), bits * 0x100_0000 + offsetBits);
      for (const [index, { declTags }] of members.entries())
        for (const tag of declTags) {
          this.builder.declTag(tag, id, index);
          this.#mention(tag);
        }
      for (const tag of type.body?.declTags ?? []) this.builder.declTag(tag, id);
    }
    this.#isFilling = false;
  }

  /** The kernel looks for what a list or tree contains by the name in `contains:NAME:field`. */
  #mention(tag: string): void {
    const name = /^contains:(\w+):/.exec(tag)?.[1];
    const type = name === undefined ? undefined : this.#registry.find(name);
    if (type) this.#id(type);
  }
}
