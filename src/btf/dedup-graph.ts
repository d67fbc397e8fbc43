import type { Btf } from './btf.ts';
import { flagOfInfo } from './layout.ts';
import { type BtfRecord, kindOfRecord, mapRecord, readRecord } from './record.ts';
import type { BtfKindName } from './types.ts';

const VOID: BtfRecord = { nameOffset: 0, info: 0, word: 0, tail: [] };

/** The types of a BTF while equal ones are found: each points at the one that stands for it. */
export class DedupGraph {
  readonly btf: Btf;
  readonly typeCount: number;
  readonly #records: BtfRecord[] = [VOID];
  readonly #kinds: BtfKindName[] = ['void'];
  readonly #canonical: Uint32Array;
  readonly #shapes: Map<number, string> = new Map();

  constructor(btf: Btf) {
    this.btf = btf;
    this.typeCount = btf.typeCount;
    this.#canonical = Uint32Array.from({ length: btf.typeCount }, (_, id) => id);
    // Equal texts get one offset, the first; from then on names compare as numbers.
    const texts = new Map<string, number>([['', 0]]);
    const string = (offset: number): number => {
      const text = btf.string(offset);
      const known = texts.get(text);
      if (known === undefined) texts.set(text, offset);
      return known ?? offset;
    };
    for (let id = 1; id < btf.typeCount; id++) {
      const record = mapRecord(readRecord(btf, id), (type) => type, string);
      this.#records.push(record);
      this.#kinds.push(kindOfRecord(record));
    }
  }

  /** The type's words, its strings being comparable as numbers. */
  record(id: number): BtfRecord {
    return this.#records[id]!;
  }

  kind(id: number): BtfKindName {
    return this.#kinds[id]!;
  }

  /** All of a type but the types that it refers to, as a text to compare. */
  shape(id: number): string {
    let shape = this.#shapes.get(id);
    if (shape === undefined) {
      const { nameOffset, info, word, tail } = mapRecord(
        this.record(id),
        () => 0,
        (offset) => offset,
      );
      shape = `${nameOffset},${info},${word},${tail.join()}`;
      this.#shapes.set(id, shape);
    }
    return shape;
  }

  /** What a declaration declares. */
  forwardKind(id: number): 'struct' | 'union' {
    return flagOfInfo(this.record(id).info) ? 'union' : 'struct';
  }

  /** The type that stands for another: itself, as long as none was found. */
  canonical(id: number): number {
    const map = this.#canonical;
    let root = id;
    while (map[root] !== root) root = map[root]!;
    // Paths are shortened as they are walked.
    for (let at = id; at !== root; ) {
      const next = map[at]!;
      map[at] = root;
      at = next;
    }
    return root;
  }

  /** Lets `by` stand for `id`; a type of the base is not replaced. */
  replace(id: number, by: number): void {
    const from = this.canonical(id);
    const to = this.canonical(by);
    if (from !== to && from >= this.btf.firstId) this.#canonical[from] = to;
  }
}
