import { CONTEXT_STRUCTS } from '../../isa/context-structs.generated.ts';
import type { SectionContexts } from './instructions.generated.ts';
import type { Immediate } from './methods.ts';
import type { Register, Register64 } from './registers.ts';

type Structs = typeof CONTEXT_STRUCTS;

/** The structs that programs are given: `xdp_md`, `__sk_buff` …. */
export type ContextName = keyof Structs;

type Titles = keyof SectionContexts;

/** What stands before the target in a title: of `xdp/icmp` and `?xdp/icmp` what `xdp` says. */
type PrefixContext<S extends string> = {
  [K in Titles]: S extends `${K}/${string}` ? SectionContexts[K] : never;
}[Titles];

/**
 * The name of the struct that a section's programs are given; `undefined` where they are given none
 * that is known, and any where the title is not known to the compiler.
 */
export type ContextOf<S extends string> = string extends S
  ? ContextName
  : S extends `?${infer Rest}`
    ? ContextOf<Rest>
    : S extends Titles
      ? SectionContexts[S]
      : [PrefixContext<S>] extends [never]
        ? undefined
        : PrefixContext<S>;

/** Fields that a load reads whole; bit fields are not among them. */
type PlainFields<F> = {
  [K in keyof F]: F[K] extends readonly [number, number, string] ? K : never;
}[keyof F] &
  string;

/** The field names of a context, for completion. */
export type ContextField<C> = C extends ContextName ? PlainFields<Structs[C]['fields']> : never;

/** Loads and stores of the context's fields by their names. */
export interface ContextAccess<C, T> {
  /**
   * `dst = ctx->field`
   *
   * @param base where the context is: `r1` at the program's start
   * @param index of a field that is an array
   */
  load(dst: Register, field: ContextField<C>, base?: Register64, index?: number): T;
  /** `ctx->field = value` */
  store(field: ContextField<C>, value: Register | Immediate, base?: Register64, index?: number): T;
  /** Bytes from the context's start. */
  offset(field: ContextField<C>): number;
}

/** One field's place, by what the table says. */
export interface ContextFieldPlace {
  readonly offset: number;
  /** Bytes of it, or of one element. */
  readonly size: number;
  /** Elements; 1 for what is no array. */
  readonly count: number;
}

type Row = readonly [number, number, string, ...number[]];

/** Where a field of a context is, or undefined where it has none of that name. */
export function contextField(context: ContextName, field: string): ContextFieldPlace | undefined {
  const fields = CONTEXT_STRUCTS[context].fields as Readonly<Record<string, Row>>;
  const row = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (!row || row.length > 3) return undefined;
  const [offset, bytes, type] = row;
  const count = Number(/\[(\d+)\]$/.exec(type)?.[1] ?? 1);
  return { offset, size: bytes / count, count };
}

export function contextFields(context: ContextName): string[] {
  const fields = CONTEXT_STRUCTS[context].fields as Readonly<Record<string, Row>>;
  return Object.keys(fields).filter((name) => fields[name]!.length === 3);
}
