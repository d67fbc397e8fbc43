import { CONTEXT_STRUCTS, CONTEXT_TYPEDEFS } from '../../isa/context-structs.generated.ts';
import type { Range } from '../syntax/ast.ts';
import { type CText, type Evaluate, type ProblemSink, Stop } from './c-text.ts';
import { type Composite, type CType, depthOf, type EnumType, type Layout } from './c-type.ts';
import { makeContextStruct } from './contexts.ts';
import { Cursor } from './cursor.ts';
import { type Extent, Layouts } from './layout.ts';
import { TypeReader } from './parse-type.ts';
import { scalarTypes } from './scalars.ts';
import type { TypeNames } from './type-names.ts';

/** What belongs to the kernel has no place in the text. */
const NOWHERE: Range = { start: 0, end: 0 };

/**
 * The types of a file by name: integers and the kernel's contexts are there from the start, the rest
 * is declared. Problems go to the sink that it was made with; what is answered after one is undefined.
 */
export class TypeRegistry implements TypeNames {
  readonly problems: ProblemSink;
  /** Asks whoever knows the names of the file for the value of an expression; may be set later. */
  evaluate: Evaluate | undefined;
  readonly #layouts: Layouts;
  readonly #tags: Map<string, Composite | EnumType> = new Map();
  readonly #typedefs: Map<string, { readonly type: CType; readonly range: Range }> = new Map();
  readonly #constants: Map<string, bigint> = new Map();
  readonly #constantRanges: Map<string, Range> = new Map();

  constructor(problems: ProblemSink, evaluate?: Evaluate) {
    this.problems = problems;
    this.evaluate = evaluate;
    this.#layouts = new Layouts(problems);
  }

  /** Values of enumerations, by name. */
  get constants(): ReadonlyMap<string, bigint> {
    return this.#constants;
  }

  /** Where a value of an enumeration was defined. */
  constantRange(name: string): Range | undefined {
    return this.#constantRanges.get(name);
  }

  find(name: string): CType | undefined {
    return (
      this.#typedefs.get(name)?.type ??
      scalarTypes().get(name) ??
      this.#tags.get(name) ??
      this.#context(name) ??
      this.#contextTypedef(name)
    );
  }

  tag(kind: 'struct' | 'union' | 'enum', name: string, range: Range): Composite | EnumType {
    const known = this.#tags.get(name) ?? this.#context(name);
    if (known?.kind === kind) return known;
    if (known) {
      this.problems.error(
        range,
        'wrong-kind',
        `'${name}' is ${withArticle(known.kind)}, not ${withArticle(kind)}`,
        {
          labels: known.definedAt ? [this.problems.label(known.definedAt, 'defined here')] : [],
        },
      );
      throw new Stop();
    }
    if (kind === 'enum') {
      this.problems.error(range, 'unknown-type', `there is no enum '${name}'`, {
        help: this.problems.suggest(name, this.#tags.keys()),
      });
      throw new Stop();
    }
    const made: Composite = { kind, name, definedAt: undefined, body: undefined, layout: undefined };
    this.#tags.set(name, made);
    return made;
  }

  *all(): Generator<string> {
    yield* this.#typedefs.keys();
    yield* this.#tags.keys();
    yield* scalarTypes().keys();
    yield* Object.keys(CONTEXT_STRUCTS);
  }

  addConstant(name: string, value: bigint, range: Range): void {
    const first = this.#constantRanges.get(name);
    if (first) this.#twice(range, name, first);
    else {
      this.#constants.set(name, value);
      this.#constantRanges.set(name, { start: range.start, end: range.end });
    }
  }

  addEnum(type: EnumType): void {
    if (type.name === '') return;
    const known = this.#tags.get(type.name);
    if (known) this.#twice(type.definedAt!, type.name, known.definedAt);
    else this.#tags.set(type.name, type);
  }

  addTypedef(name: string, type: CType, range: Range): void {
    const known = this.#typedefs.get(name);
    if (known) {
      this.#twice(range, name, known.range);
      return;
    }
    const typedef: CType = { kind: 'typedef', name, of: type, depth: depthOf(type) };
    this.#typedefs.set(name, { type: typedef, range: { start: range.start, end: range.end } });
  }

  /**
   * The struct or union that a definition is about; undefined after having reported that there is one.
   * A definition of the text takes the place of the kernel's.
   */
  define(kind: 'struct' | 'union', name: string, range: Range): Composite | undefined {
    const known = this.#tags.get(name);
    if (known && (known.kind !== kind || known.definedAt)) {
      this.#twice(range, name, known.definedAt);
      return undefined;
    }
    const made: Composite =
      known?.kind === kind && !known.layout
        ? known
        : { kind, name, definedAt: undefined, body: undefined, layout: undefined };
    made.definedAt = { start: range.start, end: range.end };
    this.#tags.set(name, made);
    return made;
  }

  /** A reader of a part of the text. */
  reader(text: CText): TypeReader {
    return new TypeReader(new Cursor(text, this.problems, this.evaluate), this);
  }

  /** Size and alignment, or undefined after having reported at `range` why a type has none. */
  extentOf(type: CType, range: Range): Extent | undefined {
    return this.#layouts.extentOf(type, range);
  }

  /** Bytes. */
  sizeOf(type: CType, range: Range): number | undefined {
    return this.extentOf(type, range)?.size;
  }

  alignOf(type: CType, range: Range): number | undefined {
    return this.extentOf(type, range)?.align;
  }

  layoutOf(type: Composite, range: Range): Layout | undefined {
    return this.#layouts.layoutOf(type, range);
  }

  /** Lays out all that was defined and reports what cannot be. Call it when all declarations are read. */
  finish(): void {
    for (const type of this.#tags.values())
      if (type.kind !== 'enum' && type.body) this.layoutOf(type, type.definedAt ?? NOWHERE);
  }

  /** Types that the text defines, in its order. */
  *defined(): Generator<CType> {
    for (const type of this.#tags.values()) if (type.definedAt) yield type;
    for (const { type } of this.#typedefs.values()) yield type;
  }

  #context(name: string): Composite | undefined {
    if (!Object.hasOwn(CONTEXT_STRUCTS, name)) return undefined;
    const known = this.#tags.get(name);
    if (known && known.kind !== 'enum') return known;
    const made = makeContextStruct(this, name as keyof typeof CONTEXT_STRUCTS, (type) =>
      this.#tags.set(name, type),
    );
    return made;
  }

  #contextTypedef(name: string): CType | undefined {
    if (!Object.hasOwn(CONTEXT_TYPEDEFS, name)) return undefined;
    const of = this.reader({ text: CONTEXT_TYPEDEFS[name as keyof typeof CONTEXT_TYPEDEFS] }).typeName();
    this.addTypedef(name, of, NOWHERE);
    return this.#typedefs.get(name)!.type;
  }

  #twice(range: Range, name: string, first: Range | undefined): void {
    this.problems.error(range, 'defined-twice', `'${name}' is defined twice`, {
      label: 'defined again',
      labels: first ? [this.problems.label(first, 'first defined here')] : [],
    });
  }
}

function withArticle(kind: 'struct' | 'union' | 'enum'): string {
  return `${kind === 'enum' ? 'an' : 'a'} ${kind}`;
}
