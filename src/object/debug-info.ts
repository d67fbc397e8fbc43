import type { Btf } from '../btf/btf.ts';
import type { CoreRelocationRecord, ExtRecords, FuncInfoRecord, LineInfoRecord } from '../btf/ext.ts';
import { SLOT_SIZE } from '../isa/codec.ts';
import type { Context } from './context.ts';
import type { FunctionCut } from './functions.ts';
import { LINE_WORDS } from './line-words.ts';
import type { CoreRelocation, LineInfo, LineTable } from './spec.ts';

interface Placed {
  readonly byteOffset: number;
}

/** What `.BTF.ext` says of each function. */
export class DebugInfo {
  readonly #context: Context;
  readonly #sorted: WeakMap<readonly Placed[], readonly Placed[]> = new WeakMap();
  readonly #sortedWords: Map<string, Uint32Array> = new Map();

  /** The first section of each name: `.BTF.ext` knows names alone. */
  readonly #sectionOf: Map<string, number> = new Map();

  constructor(context: Context) {
    this.#context = context;
    for (const [index, { name }] of context.object.sections.entries())
      if (context.roles[index] === 'code' && !this.#sectionOf.has(name)) this.#sectionOf.set(name, index);
  }

  /** A function's FUNC: by place, or by name where there is no `.BTF.ext`. */
  type(section: string, cut: FunctionCut): number | undefined {
    const { ext, btf } = this.#context;
    const records: readonly FuncInfoRecord[] = this.#ofSection(ext?.functions, section, cut);
    const first = records[lowerBound(records, cut.start)];
    if (first?.byteOffset === cut.start && btf?.btf.kindOf(first.type) === 'func') return first.type;
    return btf?.func(cut.name);
  }

  coreRelocations(section: string, cut: FunctionCut): readonly CoreRelocation[] {
    const { ext, btf } = this.#context;
    const records = this.#within(ext?.coreRelocations, section, cut);
    if (!btf || records.length === 0) return NONE;
    const out = records.map((record: CoreRelocationRecord): CoreRelocation => {
      btf.btf.kindOf(record.type);
      return Object.freeze({
        slot: this.#slot(record, cut),
        type: record.type,
        access: btf.btf.string(record.accessOffset),
        kind: record.kind,
      });
    });
    return Object.freeze(out);
  }

  /**
   * The source lines of a function, made when they are first asked for: an object has a record for
   * nearly every instruction, and most loads never look at one.
   */
  lines(section: string, cut: FunctionCut): () => LineTable {
    const { ext, btf } = this.#context;
    if (!btf || !ext) return () => NONE;
    const { lines } = ext;
    let made: LineTable | undefined;
    return () => {
      made ??= Object.freeze(
        this.#within(lines, section, cut).map((record) => this.#line(record, cut, btf.btf)),
      );
      return made;
    };
  }

  /** The same as words, for {@link lineWords}. */
  lineWords(section: string, cut: FunctionCut): () => Uint32Array {
    const { ext, btf } = this.#context;
    if (!btf || !ext || this.#sectionOf.get(section) !== cut.section) return () => new Uint32Array();
    return () => {
      const all = this.#wordsInOrder(section);
      const words = all.slice(wordsBound(all, cut.start), wordsBound(all, cut.end));
      for (let at = 0; at < words.length; at += LINE_WORDS) {
        words[at] = this.#slot({ byteOffset: words[at]! }, cut);
        const text = Math.max(words[at + 1]!, words[at + 2]!);
        // Tells what is wrong.
        if (text >= btf.btf.stringsEnd) btf.btf.string(text);
      }
      return words;
    };
  }

  #wordsInOrder(section: string): Uint32Array {
    const known = this.#sortedWords.get(section);
    if (known) return known;
    const { lines } = this.#context.ext!;
    let words = lines.words(section);
    let last = 0;
    for (let at = 0; at < words.length; at += LINE_WORDS) {
      if (words[at]! < last) {
        words = sortedRecords(words);
        break;
      }
      last = words[at]!;
    }
    this.#sortedWords.set(section, words);
    return words;
  }

  #line(record: LineInfoRecord, cut: FunctionCut, btf: Btf): LineInfo {
    const { line, column, fileOffset, textOffset } = record;
    return {
      slot: this.#slot(record, cut),
      file: btf.string(fileOffset),
      line,
      column,
      text: btf.string(textOffset),
      fileOffset,
      textOffset,
    };
  }

  #slot({ byteOffset }: Placed, cut: FunctionCut): number {
    if (byteOffset % SLOT_SIZE === 0) return (byteOffset - cut.start) / SLOT_SIZE;
    throw this.#context.error(
      'BTF_BAD_RECORD',
      `functions/${cut.name}`,
      `byte ${byteOffset} of its section begins no instruction`,
    );
  }

  /** All records of a function's section. */
  #ofSection<T extends Placed>(
    records: ExtRecords<T> | undefined,
    name: string,
    cut: FunctionCut,
  ): readonly T[] {
    if (!records || this.#sectionOf.get(name) !== cut.section) return NONE;
    return this.#inOrder(records.of(name));
  }

  #within<T extends Placed>(
    records: ExtRecords<T> | undefined,
    name: string,
    cut: FunctionCut,
  ): readonly T[] {
    const sorted = this.#ofSection(records, name, cut);
    if (sorted.length === 0) return NONE;
    return sorted.slice(lowerBound(sorted, cut.start), lowerBound(sorted, cut.end));
  }

  #inOrder<T extends Placed>(records: readonly T[]): readonly T[] {
    if (records.length < 2) return records;
    const known = this.#sorted.get(records) as readonly T[] | undefined;
    if (known) return known;
    const inOrder = records.every(
      (record, index) => index === 0 || records[index - 1]!.byteOffset <= record.byteOffset,
    );
    const sorted = inOrder ? records : [...records].sort((a, b) => a.byteOffset - b.byteOffset);
    this.#sorted.set(records, sorted);
    return sorted;
  }
}

const NONE: readonly never[] = Object.freeze([]);

function lowerBound(records: readonly Placed[], byteOffset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (records[middle]!.byteOffset < byteOffset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** As `lowerBound`, in words: where the first record at or behind a byte offset begins. */
function wordsBound(words: Uint32Array, byteOffset: number): number {
  let low = 0;
  let high = words.length / LINE_WORDS;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle * LINE_WORDS]! < byteOffset) low = middle + 1;
    else high = middle;
  }
  return low * LINE_WORDS;
}

function sortedRecords(words: Uint32Array): Uint32Array {
  const order = Array.from({ length: words.length / LINE_WORDS }, (_, index) => index * LINE_WORDS);
  order.sort((a, b) => words[a]! - words[b]!);
  const out = new Uint32Array(words.length);
  for (const [index, from] of order.entries())
    out.set(words.subarray(from, from + LINE_WORDS), index * LINE_WORDS);
  return out;
}
