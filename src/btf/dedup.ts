import type { Btf } from './btf.ts';
import { BtfBuilder } from './build.ts';
import { DedupGraph } from './dedup-graph.ts';
import { DedupStructs } from './dedup-structs.ts';
import { mapRecord, readRecord, typesOf } from './record.ts';
import type { BtfKindName } from './types.ts';

export interface DedupedBtf {
  /** The types that are left; strings may be added before it is built. */
  readonly builder: BtfBuilder;
  /** By the number that a type had: its number now. */
  readonly ids: Uint32Array;
}

/**
 * Makes one type of those that say the same: strings, integers and enumerations by content,
 * structs and unions by the whole graph that they refer to (so that a list node that points at
 * itself is found equal to its twin), declarations by the one definition of their name, pointers
 * and the like by what they refer to. Variables and sections stay as they are. The types of a
 * base are never changed, and others are replaced by them where they are equal.
 *
 * @throws {FormatError} `BTF_NO_SUCH_TYPE`, `BTF_BAD_STRING`
 *
 * @example
 * ```ts
 * const { builder, ids } = dedupBtf(merged);
 * const bytes = builder.build(merged.endian);
 * const event = ids[oldEventId]!;
 * ```
 */
export function dedupBtf(btf: Btf): DedupedBtf {
  const graph = new DedupGraph(btf);
  mergePrimitives(graph);
  new DedupStructs(graph).merge();
  resolveForwards(graph);
  mergeReferences(graph);
  return compact(graph);
}

const PRIMITIVES: ReadonlySet<BtfKindName> = new Set(['int', 'float', 'fwd', 'enum', 'enum64']);

/** Types that refer to nothing are equal when their words are. */
function mergePrimitives(graph: DedupGraph): void {
  const known = new Map<string, number>();
  const enumerations = new Map<number, number[]>();
  for (let id = 1; id < graph.typeCount; id++) {
    const kind = graph.kind(id);
    if (!PRIMITIVES.has(kind)) continue;
    const record = graph.record(id);
    const key = `${record.nameOffset},${record.info},${record.word},${record.tail.join()}`;
    const twin = known.get(key);
    if (twin !== undefined) graph.replace(id, twin);
    else {
      known.set(key, id);
      if (kind.startsWith('enum') && record.nameOffset !== 0) {
        const named = enumerations.get(record.nameOffset) ?? [];
        enumerations.set(record.nameOffset, [...named, id]);
      }
    }
  }
  for (const ids of enumerations.values()) mergeEnumForwards(graph, ids);
}

/** An enumeration without values is the declaration of the one that has some. */
function mergeEnumForwards(graph: DedupGraph, ids: readonly number[]): void {
  const full = ids.find((id) => graph.record(id).tail.length > 0);
  if (full === undefined) return;
  for (const id of ids) if (graph.record(id).tail.length === 0) graph.replace(id, full);
}

/** A declaration becomes the definition of its name, where there is exactly one. */
function resolveForwards(graph: DedupGraph): void {
  const definitions = new Map<string, number>();
  const forwards: number[] = [];
  for (let id = 1; id < graph.typeCount; id++) {
    if (graph.canonical(id) !== id) continue;
    const kind = graph.kind(id);
    const { nameOffset } = graph.record(id);
    if (kind === 'fwd') forwards.push(id);
    else if ((kind === 'struct' || kind === 'union') && nameOffset !== 0) {
      // A struct and a union may not share a tag: then neither is taken.
      const key = String(nameOffset);
      definitions.set(key, definitions.has(key) ? 0 : id);
    }
  }
  for (const id of forwards) {
    const definition = definitions.get(String(graph.record(id).nameOffset));
    if (definition && graph.kind(definition) === graph.forwardKind(id)) graph.replace(id, definition);
  }
}

const REFERENCES: ReadonlySet<BtfKindName> = new Set([
  'ptr',
  'const',
  'volatile',
  'restrict',
  'typedef',
  'typeTag',
  'array',
  'funcProto',
  'func',
  'declTag',
]);

const UNSEEN = 0;
const ENTERED = 1;
const SETTLED = 2;

/**
 * What remains is equal when its words are, once the types in them stand for their
 * representatives; those are settled first, without recursion.
 */
function mergeReferences(graph: DedupGraph): void {
  const known = new Map<string, number>();
  const state = new Uint8Array(graph.typeCount);
  for (let root = 1; root < graph.typeCount; root++) {
    const stack = [root];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (state[id] === SETTLED || !REFERENCES.has(graph.kind(id)) || graph.canonical(id) !== id) continue;
      const record = graph.record(id);
      const below = typesOf(record).map((type) => graph.canonical(type));
      // A second visit comes when all below is settled, or when a type refers to itself through
      // pointers alone, which C cannot say; that one stays as it is.
      if (state[id] === UNSEEN) {
        state[id] = ENTERED;
        stack.push(id);
        for (const type of below) if (state[type] === UNSEEN) stack.push(type);
        continue;
      }
      state[id] = SETTLED;
      const { info, nameOffset, word, tail } = mapRecord(
        record,
        (type) => graph.canonical(type),
        (offset) => offset,
      );
      const key = `${nameOffset},${info},${word},${tail.join()}`;
      const twin = known.get(key);
      if (twin === undefined) known.set(key, id);
      else graph.replace(id, twin);
    }
  }
}
/** Numbers what is left anew and writes it. */
function compact(graph: DedupGraph): DedupedBtf {
  const { btf } = graph;
  const ids = new Uint32Array(btf.typeCount);
  const builder = new BtfBuilder(btf.base ? { base: btf.base } : {});
  let next = builder.nextId;
  for (let id = 1; id < btf.typeCount; id++) {
    if (graph.canonical(id) === id) ids[id] = id < btf.firstId ? id : next++;
  }
  for (let id = 1; id < btf.typeCount; id++) ids[id] = ids[graph.canonical(id)]!;
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (graph.canonical(id) !== id) continue;
    builder.record(
      mapRecord(
        readRecord(btf, id),
        (type) => ids[type]!,
        (offset) => builder.string(btf.string(offset)),
      ),
    );
  }
  return { builder, ids };
}
