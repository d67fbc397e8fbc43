import type { DedupGraph } from './dedup-graph.ts';
import { vlenOfInfo } from './layout.ts';
import { type BtfRecord, typesOf } from './record.ts';

/**
 * Pairs of types that are compared in all, as a multiple of their number. A kernel's types beside
 * themselves take 21; a file made to compare everything with everything stops here, and keeps some
 * twins.
 */
const MAX_PAIRS_PER_TYPE = 50;
/** Small files may compare as much as one with so many types. */
const MIN_TYPES = 10_000;
/** Arrays of arrays and anonymous structs within each other; C code has three or four. */
const MAX_IDENTICAL_DEPTH = 16;

/**
 * Finds structs and unions that are equal with all that they refer to. Two are compared by walking
 * both graphs at once under the assumption that what was paired on the way is equal; if the walk
 * finds no contradiction, it is.
 */
export class DedupStructs {
  readonly #graph: DedupGraph;
  readonly #byShape: Map<string, number[]> = new Map();
  /** During one comparison: the candidate's type that is taken for one of the representative's. */
  readonly #assumed: Map<number, number> = new Map();
  #pairsLeft: number;

  constructor(graph: DedupGraph) {
    this.#graph = graph;
    this.#pairsLeft = Math.max(graph.typeCount, MIN_TYPES) * MAX_PAIRS_PER_TYPE;
  }

  merge(): void {
    const graph = this.#graph;
    for (let id = 1; id < graph.typeCount; id++) {
      const kind = graph.kind(id);
      if ((kind !== 'struct' && kind !== 'union') || graph.canonical(id) !== id) continue;
      const shape = graph.shape(id);
      const known = this.#byShape.get(shape);
      if (known === undefined) this.#byShape.set(shape, [id]);
      else if (id < graph.btf.firstId || this.#pairsLeft <= 0 || !this.#mergeInto(id, known)) known.push(id);
    }
  }

  #mergeInto(id: number, known: readonly number[]): boolean {
    for (const representative of known) {
      if (this.#graph.canonical(representative) !== representative) continue;
      if (!this.#isEqual(id, representative)) continue;
      this.#mergeAssumed();
      this.#graph.replace(id, representative);
      return true;
    }
    return false;
  }

  /** The types are equal if all pairs are, so the order in which they are taken does not matter. */
  #isEqual(candidate: number, representative: number): boolean {
    this.#assumed.clear();
    const pairs: number[] = [candidate, representative];
    while (pairs.length > 0) {
      const right = pairs.pop()!;
      const left = pairs.pop()!;
      if (this.#pairsLeft-- <= 0 || !this.#comparePair(left, right, pairs)) return false;
    }
    return true;
  }

  /** Compares two types themselves and leaves what they refer to in `pairs`. */
  #comparePair(candidate: number, unresolved: number, pairs: number[]): boolean {
    const graph = this.#graph;
    if (graph.canonical(candidate) === graph.canonical(unresolved)) return true;
    // A declaration that is already known to stand for a definition is taken for that.
    const other = graph.kind(unresolved) === 'fwd' ? graph.canonical(unresolved) : unresolved;
    const assumed = this.#assumed.get(other);
    if (assumed !== undefined) return assumed === candidate || this.#isIdentical(assumed, candidate, 0);
    this.#assumed.set(other, candidate);

    const left = graph.record(candidate);
    const right = graph.record(other);
    if (left.nameOffset !== right.nameOffset) return false;
    const leftKind = graph.kind(candidate);
    const rightKind = graph.kind(other);
    if (leftKind === 'fwd' && rightKind !== 'fwd') return graph.forwardKind(candidate) === rightKind;
    if (rightKind === 'fwd' && leftKind !== 'fwd') {
      // A declaration in the base cannot be completed, so what refers to it cannot stand for this.
      return other >= graph.btf.firstId && graph.forwardKind(other) === leftKind;
    }
    if (leftKind.startsWith('enum') && rightKind.startsWith('enum')) return isSameEnum(left, right);
    if (graph.shape(candidate) !== graph.shape(other)) return false;
    const leftTypes = typesOf(left);
    const rightTypes = typesOf(right);
    for (const [index, type] of leftTypes.entries()) pairs.push(type, rightTypes[index]!);
    return true;
  }

  /**
   * Compilers write the same array, or the same anonymous struct, several times for the members
   * of one struct, where another object has it once.
   */
  #isIdentical(a: number, b: number, depth: number): boolean {
    const graph = this.#graph;
    if (graph.canonical(a) === graph.canonical(b)) return true;
    const kind = graph.kind(a);
    if (depth > MAX_IDENTICAL_DEPTH || kind !== graph.kind(b)) return false;
    if (kind !== 'array' && kind !== 'struct' && kind !== 'union' && kind !== 'ptr') return false;
    if (this.#pairsLeft-- <= 0) return false;
    if (graph.shape(a) !== graph.shape(b)) return false;
    const others = typesOf(graph.record(b));
    return typesOf(graph.record(a)).every((type, index) =>
      this.#isIdentical(type, others[index]!, depth + 1),
    );
  }

  /** What was assumed has turned out true: named structs and declarations within are merged as well. */
  #mergeAssumed(): void {
    const graph = this.#graph;
    for (const [rightId, leftId] of this.#assumed) {
      const right = graph.canonical(rightId);
      const left = graph.canonical(leftId);
      const leftKind = graph.kind(left);
      const rightKind = graph.kind(right);
      if (leftKind === 'fwd' || rightKind === 'fwd') {
        if (leftKind !== 'fwd') graph.replace(right, left);
        else if (rightKind !== 'fwd') graph.replace(left, right);
      } else if (leftKind === 'struct' || leftKind === 'union') graph.replace(left, right);
    }
  }
}

function isSameEnum(left: BtfRecord, right: BtfRecord): boolean {
  if (vlenOfInfo(left.info) === 0 || vlenOfInfo(right.info) === 0) return true;
  return left.info === right.info && left.word === right.word && left.tail.join() === right.tail.join();
}
