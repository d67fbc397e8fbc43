import type { Endian } from '../../util/bytes.ts';
import type { Code } from './code.ts';
import type { ContextOf } from './context.ts';
import type { DataType, Given } from './data-types.ts';
import type {
  ExternHandle,
  FunctionHandle,
  KfuncHandle,
  MapHandle,
  ProgramHandle,
  VariableHandle,
} from './handles.ts';
import type { KfuncName, SectionContexts } from './instructions.generated.ts';
import type { EntryOf, KeyOf, MapOptions } from './map-options.ts';

/** A section's title: those that say what their programs are, with a target behind `/` where they take one. */
export type SectionTitle = keyof SectionContexts | `${keyof SectionContexts}/${string}` | (string & {});

export interface ObjectOptions {
  /** `GPL`, `Dual MIT/GPL` …: the kernel asks for it before it allows certain helpers. */
  readonly license?: string;
  /** `little` by default. */
  readonly endian?: Endian;
  /** False leaves out where instructions were written, which takes a few microseconds each. */
  readonly places?: boolean;
  /** Reads a source file, so that messages and the verifier's log can quote the line. */
  readonly source?: (file: string) => string | undefined;
}

/** What a function is to those that call it: by default `int name(void)`, checked where it is called. */
export interface FunctionOptions<C> {
  /** `global` functions are checked once, by their types alone. */
  readonly linkage?: 'static' | 'global';
  /** By name, in order; `ctx` stands for the context of the programs that call it. */
  readonly params?: Readonly<Record<string, DataType<never> | DataType<unknown> | 'ctx'>>;
  readonly returns?: DataType<never> | DataType<unknown> | 'void';
  /** The section whose programs call it, for `p.ctx` and parameters that are `ctx`. */
  readonly context?: C;
}

/** What a function of the kernel takes and gives, where that is not known by its name. */
export interface KfuncOptions {
  readonly params?: Readonly<Record<string, DataType<never> | DataType<unknown>>>;
  readonly returns?: DataType<never> | DataType<unknown> | 'void';
  /** True where the program can do without it. */
  readonly weak?: boolean;
}

/** Declares what an object consists of. */
export interface ObjectBuilder {
  map<const O extends MapOptions>(name: string, options: O): MapHandle<KeyOf<O>, EntryOf<O>>;
  /** A global variable: in `.data`, or `.bss` where it is zero or has no initial value. */
  variable<T>(name: string, type: DataType<T>, initial?: Given<T>): VariableHandle<T>;
  /** A global constant in `.rodata`: it may be changed before the load, not after. */
  constant<T>(name: string, type: DataType<T>, value: Given<T>): VariableHandle<T>;
  /** A program. Its body runs when everything has been declared, so it may use what is declared below. */
  program<const S extends SectionTitle>(
    name: string,
    section: S,
    body: (p: Code<ContextOf<S>>) => void,
  ): ProgramHandle;
  /** A function that programs call, in `.text`. */
  function(name: string, body: (p: Code<undefined>) => void): FunctionHandle;
  function<const S extends SectionTitle = 'syscall'>(
    name: string,
    options: FunctionOptions<S>,
    body: (p: Code<ContextOf<S>>) => void,
  ): FunctionHandle;
  /** A function of the kernel. What those of Linux 6.18 take and give is known. */
  kfunc(name: KfuncName | (string & {}), options?: KfuncOptions): KfuncHandle;
  /** A variable of the kernel; without a type only its address is known. */
  ksym(
    name: string,
    type?: DataType<never> | DataType<unknown>,
    options?: { readonly weak?: boolean },
  ): ExternHandle;
  /** A value of the kernel's configuration: `CONFIG_HZ`. */
  kconfig(
    name: string,
    type: DataType<never> | DataType<unknown>,
    options?: { readonly weak?: boolean },
  ): ExternHandle;
}
