import type { DataType } from './data-types.ts';
import type { MapTypeName } from './map-options.ts';

/** A program of the object, for tail-call slots. */
export interface ProgramHandle {
  readonly kind: 'program';
  readonly name: string;
  readonly section: string;
}

/** A function that programs call: `p.call(fn)`, or whose address they give away: `p.loadFunction(r2, fn)`. */
export interface FunctionHandle {
  readonly kind: 'function';
  readonly name: string;
}

/** A function of the kernel. */
export interface KfuncHandle {
  readonly kind: 'kfunc';
  readonly name: string;
}

/** A variable of the kernel, or a value of its configuration. */
export interface ExternHandle {
  readonly kind: 'ksym' | 'kconfig';
  readonly name: string;
}

/** A global variable. */
export interface VariableHandle<T = unknown> {
  readonly kind: 'variable';
  readonly name: string;
  readonly type: DataType<T>;
  /** The data map that it lies in, and where: `.data`, `.bss` or `.rodata`. */
  readonly map: string;
  readonly offset: number;
}

/** A map of the object. `K` and `V` are what its entries are given as. */
export interface MapHandle<K = unknown, V = unknown> {
  readonly kind: 'map';
  readonly name: string;
  readonly type: MapTypeName;
  /**
   * An entry that the map has from the start: a program in a `prog_array`, a map in a map of maps, a
   * value elsewhere. ELF objects hold the first two only.
   */
  set(key: K, value: V): void;
}
