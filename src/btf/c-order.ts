import type { Btf } from './btf.ts';
import type { CDeclarations } from './c-declarations.ts';
import { readRecord, typesOf } from './record.ts';
import type { BtfType } from './types.ts';

/**
 * Types within each other without a name between them. The kernel's deepest have fewer than 20;
 * a stack of calls holds some thousands.
 */
const MAX_DEPTH = 500;
/** Visits of types in all: a kernel's BTF takes a twentieth of it. */
const MAX_STEPS = 1 << 24;

/** Names of ARM vector types that GCC has built in and clang has not. */
const MISSING_BASE_TYPES: Readonly<Record<string, string>> = {
  __Poly8_t: 'unsigned char',
  __Poly16_t: 'unsigned short',
  __Poly64_t: 'unsigned long long',
  __Poly128_t: 'unsigned __int128',
};
/** Every C compiler has it built in, so no header may define it. */
const BUILT_IN_TYPEDEF = '__builtin_va_list';

const UNSEEN = 0;
const ACTIVE = 1;
const DONE = 2;

/**
 * Decides in what order definitions are printed. A type must stand before one that embeds it; one
 * that only points at it does with a forward declaration.
 */
export class COrder {
  readonly #btf: Btf;
  readonly #declarations: CDeclarations;
  readonly #ordered: Uint8Array;
  readonly #emitted: Uint8Array;
  readonly #forwarded: Uint8Array;
  #referenced: Uint8Array | undefined;
  readonly #chunks: string[] = [];
  #queue: number[] = [];
  #stepsLeft: number = MAX_STEPS;

  constructor(btf: Btf, declarations: CDeclarations) {
    this.#btf = btf;
    this.#declarations = declarations;
    this.#ordered = new Uint8Array(btf.typeCount);
    this.#emitted = new Uint8Array(btf.typeCount);
    this.#forwarded = new Uint8Array(btf.typeCount);
    this.#ordered[0] = DONE;
    this.#emitted[0] = DONE;
  }

  get text(): string {
    return this.#chunks.join('');
  }

  /** Prints a type with all that it needs, unless that stands already. */
  print(id: number): void {
    this.#queue = [];
    this.#order(id, false, 0);
    for (const type of this.#queue) this.#emit(type, 0, 0);
  }

  /**
   * Queues the definitions that a type needs, the innermost first.
   *
   * @returns whether the type is named or defined at the top, so that who refers to it through a
   *   pointer may be printed
   */
  #order(id: number, throughPtr: boolean, depth: number): boolean {
    if (this.#ordered[id] === DONE) return true;
    this.#checkDepth(id, depth);
    const type = this.#btf.type(id);
    switch (type.kind) {
      case 'int':
      case 'float':
      case 'func':
      case 'var':
      case 'datasec':
      case 'declTag':
        this.#ordered[id] = DONE;
        return false;
      case 'ptr': {
        const strong = this.#order(type.type, true, depth + 1);
        this.#ordered[id] = DONE;
        return strong;
      }
      case 'array':
        return this.#order(type.type, false, depth + 1);
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'typeTag':
        return this.#order(type.type, throughPtr, depth + 1);
      case 'funcProto': {
        let strong = this.#order(type.type, throughPtr, depth + 1);
        for (const param of type.params) if (this.#order(param.type, throughPtr, depth + 1)) strong = true;
        return strong;
      }
      case 'struct':
      case 'union':
        return this.#orderComposite(id, type, throughPtr, depth);
      case 'enum':
      case 'enum64':
      case 'fwd':
        if (type.name !== '' || !this.#isReferenced(id)) this.#queue.push(id);
        this.#ordered[id] = DONE;
        return true;
      case 'typedef':
        // Through a pointer a forward declaration of what it names would do, if that has a name.
        if (!this.#order(type.type, throughPtr, depth + 1) && throughPtr) return false;
        this.#queue.push(id);
        this.#ordered[id] = DONE;
        return true;
      case 'void':
        return true;
    }
  }

  /** Asked of types without a name alone: it takes a pass over all types. */
  #isReferenced(id: number): boolean {
    this.#referenced ??= referencedTypes(this.#btf);
    return this.#referenced[id] !== 0;
  }

  #orderComposite(
    id: number,
    type: BtfType & { kind: 'struct' | 'union' },
    throughPtr: boolean,
    depth: number,
  ): boolean {
    const named = type.name !== '';
    if (this.#ordered[id] === ACTIVE) {
      if (throughPtr && named) return false;
      throw this.#btf.error('BTF_CYCLE', `types/${id}`, `the ${type.kind} ${type.name} holds itself`);
    }
    if (throughPtr && named) return false;
    this.#ordered[id] = ACTIVE;
    for (const member of type.members) this.#order(member.type, false, depth + 1);
    if (named) this.#queue.push(id);
    this.#ordered[id] = DONE;
    return true;
  }

  /**
   * Prints the definition of a type at the top, or, within `container`, what has to be declared
   * before that can be defined.
   */
  #emit(id: number, container: number, depth: number): void {
    if (this.#emitted[id] === DONE) return;
    this.#checkDepth(id, depth);
    const type = this.#btf.type(id);
    if (this.#emitted[id] === ACTIVE) {
      this.#emitActive(id, type, container);
      return;
    }
    switch (type.kind) {
      case 'int':
        this.#emitMissingBaseType(type.name);
        this.#emitted[id] = DONE;
        return;
      case 'enum':
      case 'enum64':
        if (container === 0) this.#define(this.#declarations.enumDefinition(type, 0));
        this.#emitted[id] = DONE;
        return;
      case 'ptr':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'typeTag':
      case 'array':
        this.#emit(type.type, container, depth + 1);
        return;
      case 'fwd':
        this.#define(this.#declarations.forward(type));
        this.#emitted[id] = DONE;
        return;
      case 'typedef':
        this.#emitted[id] = ACTIVE;
        this.#emit(type.type, id, depth + 1);
        if (!this.#forwarded[id]) this.#emitTypedef(type);
        this.#emitted[id] = DONE;
        return;
      case 'struct':
      case 'union':
        this.#emitComposite(id, type, container, depth);
        return;
      case 'funcProto':
        this.#emit(type.type, container, depth + 1);
        for (const param of type.params) this.#emit(param.type, container, depth + 1);
        return;
      case 'void':
      case 'func':
      case 'var':
      case 'datasec':
      case 'declTag':
      case 'float':
        return;
    }
  }

  /** A type that is being printed is needed by something within it. */
  #emitActive(id: number, type: BtfType, container: number): void {
    if (this.#forwarded[id]) return;
    if (type.kind === 'struct' || type.kind === 'union') {
      if (id === container || type.name === '') return;
      this.#define(this.#declarations.forward(type));
      this.#forwarded[id] = 1;
    } else if (type.kind === 'typedef') {
      this.#emitTypedef(type);
      this.#forwarded[id] = 1;
    }
  }

  #emitComposite(
    id: number,
    type: BtfType & { kind: 'struct' | 'union' },
    container: number,
    depth: number,
  ): void {
    const top = container === 0;
    const named = type.name !== '';
    this.#emitted[id] = ACTIVE;
    if (top || !named) {
      for (const member of type.members) this.#emit(member.type, named ? id : container, depth + 1);
    } else if (!this.#forwarded[id] && id !== container) {
      this.#define(this.#declarations.forward(type));
      this.#forwarded[id] = 1;
    }
    if (top) this.#define(this.#declarations.compositeDefinition(type, 0));
    this.#emitted[id] = top ? DONE : UNSEEN;
  }

  #emitTypedef(type: BtfType & { readonly type: number }): void {
    if (type.name !== BUILT_IN_TYPEDEF) this.#define(this.#declarations.typedef(type));
  }

  #emitMissingBaseType(name: string): void {
    const known = Object.hasOwn(MISSING_BASE_TYPES, name) ? MISSING_BASE_TYPES[name] : undefined;
    if (known) this.#define(`typedef ${known} ${name}`);
  }

  #define(text: string): void {
    this.#chunks.push(text, ';\n\n');
  }

  #checkDepth(id: number, depth: number): void {
    if (this.#stepsLeft-- <= 0)
      throw this.#btf.error('BTF_TOO_LARGE', `types/${id}`, `printing takes more than ${MAX_STEPS} steps`);
    if (depth > MAX_DEPTH)
      throw this.#btf.error(
        'BTF_CYCLE',
        `types/${id}`,
        `${MAX_DEPTH} types lie within each other, or they refer to each other in a circle`,
      );
  }
}

/** By type: 1 where another one refers to it. */
function referencedTypes(btf: Btf): Uint8Array {
  const referenced = new Uint8Array(btf.typeCount);
  for (let id = 1; id < btf.typeCount; id++) {
    const types = typesOf(readRecord(btf, id));
    // An enumeration that only a function returns is printed at the top as well: its values would
    // not be seen otherwise.
    for (const type of btf.kindOf(id) === 'funcProto' ? types.slice(1) : types) referenced[type] = 1;
  }
  return referenced;
}
