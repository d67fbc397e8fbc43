import type { Btf } from './btf.ts';
import type { BtfBuilder } from './build.ts';
import { mapRecord, readRecord, typesOf } from './record.ts';

/**
 * Copies types from a BTF into a builder, each with all that it refers to and each once. Nothing
 * is lost on the way: bit offsets of integers, flags and the order of members stay.
 *
 * @example
 * ```ts
 * const target = new BtfBuilder();
 * const first = new BtfCopier(a, target);
 * const second = new BtfCopier(b, target);
 * const event = first.id(a.findByName('event', 'struct')!); // its number in the target
 * second.all();
 * const merged = dedupBtf(parseBtf(target.build(a.endian)));
 * ```
 */
export class BtfCopier {
  readonly source: Btf;
  readonly target: BtfBuilder;
  readonly #ids: Map<number, number> = new Map([[0, 0]]);

  constructor(source: Btf, target: BtfBuilder) {
    this.source = source;
    this.target = target;
    // A target that goes on from the same base shares its types.
    if (target.base && target.base === source.base)
      for (let id = 1; id < source.firstId; id++) this.#ids.set(id, id);
  }

  /**
   * The number in the target of a type of the source, which is copied if it was not.
   *
   * @throws {FormatError} `BTF_NO_SUCH_TYPE`, `BTF_BAD_STRING`
   */
  id(sourceId: number): number {
    if (!this.#ids.has(sourceId)) this.#copy(sourceId);
    return this.#ids.get(sourceId)!;
  }

  /** Copies every type that is the source's own. */
  all(): void {
    for (let id = this.source.firstId; id < this.source.typeCount; id++) this.id(id);
  }

  /** The string offset in the target of a string of the source. */
  string(sourceOffset: number): number {
    return this.target.string(this.source.string(sourceOffset));
  }

  /** Numbers for all that is reachable come first, so that cycles need nothing special. */
  #copy(root: number): void {
    const first = this.target.nextId;
    const order = [root];
    this.#ids.set(root, first);
    for (let index = 0; index < order.length; index++) {
      for (const type of typesOf(readRecord(this.source, order[index]!))) {
        if (this.#ids.has(type)) continue;
        this.#ids.set(type, first + order.length);
        order.push(type);
      }
    }
    for (const id of order) {
      const record = readRecord(this.source, id);
      this.target.record(
        mapRecord(
          record,
          (type) => this.#ids.get(type)!,
          (offset) => this.string(offset),
        ),
      );
    }
  }
}
