import type { Btf } from '../btf.ts';
import { BtfKind, type BtfKindName } from '../types.ts';
import { wordReader } from '../words.ts';
import { kindGroup } from './compat.ts';
import { essentialName } from './names.ts';

/** A type of the kernel that may be what a type of the program stands for. */
export interface Candidate {
  readonly btf: Btf;
  readonly type: number;
  /** undefined for the kernel itself. */
  readonly module: string | undefined;
}

/** What is looked for: a kind, and a name without flavor. */
export interface TypeQuery {
  readonly kind: BtfKindName;
  readonly name: string;
}

const keyOf = (kind: BtfKindName, name: string): string => `${kindGroup(kind)} ${name}`;

/** One per BTF: what was found stays true. */
const indexes: WeakMap<Btf, NameIndex> = new WeakMap();

function indexOf(btf: Btf): NameIndex {
  let index = indexes.get(btf);
  if (!index) {
    index = new NameIndex(btf);
    indexes.set(btf, index);
  }
  return index;
}

/**
 * Types of a BTF by essential name. A kernel has 130,000 types and a program asks for ten: an index
 * of all names would take 20 to 30 ms to make, one pass that looks for some at once takes two.
 */
class NameIndex {
  readonly #btf: Btf;
  readonly #known: Map<string, number[]> = new Map();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  find({ kind, name }: TypeQuery): readonly number[] {
    const key = keyOf(kind, name);
    const known = this.#known.get(key);
    if (known) return known;
    this.prepare([{ kind, name }]);
    return this.#known.get(key)!;
  }

  /** Looks for several in one pass. */
  prepare(queries: Iterable<TypeQuery>): void {
    const fresh = [...queries].filter(({ kind, name }) => !this.#known.has(keyOf(kind, name)));
    if (fresh.length === 0) return;
    let kinds = 0;
    const starts = new Uint8Array(0x10000);
    for (const { kind, name } of fresh) {
      this.#known.set(keyOf(kind, name), []);
      kinds |= 1 << BtfKind[kind];
      if (kindGroup(kind) === 'enum') kinds |= (1 << BtfKind.enum) | (1 << BtfKind.enum64);
      markStart(starts, name);
    }
    this.#scan(kinds, starts);
  }

  #scan(kinds: number, starts: Uint8Array): void {
    const btf = this.#btf;
    const { offsets, strings, base } = btf.parts;
    const word = wordReader(btf.bytes, offsets[0] ?? 0, btf.endian);
    const stringBase = base ? base.stringsEnd : 0;
    const count = offsets.length;
    for (let index = 0; index < count; index++) {
      const at = offsets[index]!;
      if (((kinds >>> ((word(at + 4) >>> 24) & 0x1f)) & 1) === 0) continue;
      const nameOffset = word(at);
      const own = nameOffset - stringBase;
      // Two bytes tell most names apart; only what passes is made a text.
      if (own >= 0 && starts[strings[own]! | (strings[own + 1]! << 8)] === 0) continue;
      const id = btf.firstId + index;
      this.#known.get(keyOf(btf.kindOf(id), essentialName(btf.string(nameOffset))))?.push(id);
    }
  }
}

/** Marks the first two bytes that a name, with or without flavor, may begin with. */
function markStart(starts: Uint8Array, name: string): void {
  const bytes = new TextEncoder().encode(name);
  const first = bytes[0] ?? 0;
  const seconds = bytes.length > 1 ? [bytes[1]!] : [0, 0x5f];
  for (const second of seconds) starts[first | (second << 8)] = 1;
}

/** The types of a kernel and of its modules, as CO-RE looks for them. */
export class CoreTarget {
  readonly btf: Btf;
  readonly #modules: () => ReadonlyMap<string, Btf> | undefined;

  /** @param modules asked only where the kernel itself has no candidate */
  constructor(btf: Btf, modules: () => ReadonlyMap<string, Btf> | undefined = () => undefined) {
    this.btf = btf;
    this.#modules = modules;
  }

  /** Looks for several types at once, which is faster than one after the other. */
  prepare(queries: Iterable<TypeQuery>): void {
    indexOf(this.btf).prepare(queries);
  }

  /** All types of a name and kind: the kernel's, or else those of its modules. */
  candidates(query: TypeQuery): readonly Candidate[] {
    const inKernel = candidatesIn(this.btf, query, undefined);
    if (inKernel.length > 0) return inKernel;
    return [...(this.#modules() ?? [])].flatMap(([module, btf]) => candidatesIn(btf, query, module));
  }
}

function candidatesIn(btf: Btf, query: TypeQuery, module: string | undefined): Candidate[] {
  return indexOf(btf)
    .find(query)
    .map((type) => ({ btf, type, module }));
}
