import type { FlowReference } from '../../flow/graph.ts';
import type { ProgType } from '../../isa/kernel-tables.generated.ts';
import type { Endian } from '../../util/bytes.ts';

/** A function in the code that is checked. */
export interface CheckedFunction {
  readonly name: string;
  readonly slot: number;
  readonly slots: number;
  /** True for what a loader loads as a program, false for a function that programs call. */
  readonly isProgram: boolean;
  readonly progType?: ProgType | undefined;
}

/** One function, or all the functions of a section. */
export interface CheckInput {
  /** Slots of 8 bytes. */
  readonly code: Uint8Array;
  readonly endian: Endian;
  readonly functions: readonly CheckedFunction[];
  /**
   * What the bytes do not say, by slot: calls that a relocation resolves, addresses of maps. A call
   * without an entry is taken as its bytes have it.
   */
  readonly references?: ReadonlyMap<number, FlowReference>;
  /** Whether the licence lets helpers be called that are for the GPL only; undefined where there is none yet. */
  readonly gplCompatible: boolean | undefined;
  /** The bytes from the place on that the `lddw` at a slot loads the address of, where they are known and constant. */
  readonly readData?: (slot: number) => Uint8Array | undefined;
}

/** Something that the kernel will refuse, or that does not do what it looks like. */
export interface Finding {
  readonly slot: number;
  /** Stable, in kebab case. */
  readonly code: string;
  readonly severity: 'warning' | 'error';
  readonly message: string;
  /** What is written under the place. */
  readonly label?: string;
  readonly notes?: readonly { readonly slot: number; readonly message: string }[];
  /** What would mend it, and what the kernel says. */
  readonly help?: readonly string[];
}

/** The line of help that quotes the verifier. */
export function refusal(words: string): string {
  return `the kernel refuses this with '${words}'`;
}
