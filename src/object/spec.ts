import type { Btf } from '../btf/btf.ts';
import type { AttachType, MapType, ProgType } from '../isa/kernel-tables.generated.ts';
import type { Endian } from '../util/bytes.ts';

/** A type's number within the spec's {@link Btf}. */
export type BtfTypeId = number;

/**
 * What an object file, an assembly text or a builder describes, the same on every machine:
 * functions, maps, variables and what they need, targets by name. Frozen; what a user wants
 * different is an option of the load.
 */
export interface ObjectSpec {
  readonly endian: Endian;
  /** The text of the `license` section; empty where there is none. */
  readonly license: string;
  /** Every function by name, programs among them. */
  readonly functions: ReadonlyMap<string, FunctionSpec>;
  /** Legacy, BTF-defined and data sections alike. */
  readonly maps: ReadonlyMap<string, MapSpec>;
  readonly variables: ReadonlyMap<string, VariableSpec>;
  readonly externs: ReadonlyMap<string, ExternSpec>;
  readonly btf: Btf | undefined;
}

export type Linkage = 'static' | 'global' | 'weak';

export interface FunctionSpec {
  /** Unique in the object. A static function whose name is taken is called `name#2`, `name#3` …. */
  readonly name: string;
  /** The section's title as written, `?` included; several programs may share one. */
  readonly section: string;
  /** Byte offset of its first instruction in the section. */
  readonly sectionOffset: number;
  readonly linkage: Linkage;
  /**
   * True for a global function of hidden or internal visibility: to the verifier it is a static one,
   * checked where it is called and not by its declaration.
   */
  readonly hidden?: boolean;
  /** Slots of 8 bytes in the object's endianness. */
  readonly code: Uint8Array;
  /** Sorted by slot; addends folded in; targets by name. */
  readonly relocations: readonly Relocation[];
  readonly coreRelocations: readonly CoreRelocation[];
  readonly lines: LineTable;
  /** Its FUNC in the spec's BTF. */
  readonly type: BtfTypeId | undefined;
  /** undefined for a subprogram. */
  readonly program: ProgramKind | undefined;
}

/** How the kernel is to take a program. */
export interface ProgramKind {
  /** undefined where the section's name tells nothing: the load must name a type. */
  readonly progType: ProgType | undefined;
  readonly expectedAttachType: AttachType | 0;
  /** `prog_flags` of BPF_PROG_LOAD (BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS …). */
  readonly flags: number;
  /** What stands behind the section's prefix: `icmp` of `xdp/icmp`, `sched/sched_switch` of a tracepoint. */
  readonly attachTo: string | undefined;
  /** False for `SEC("?…")`. */
  readonly autoload: boolean;
}

/** What a slot of code refers to. `slot` is the first of an `lddw`. */
export type Relocation =
  | { readonly kind: 'map'; readonly slot: number; readonly map: string }
  | { readonly kind: 'mapValue'; readonly slot: number; readonly map: string; readonly offset: number }
  | { readonly kind: 'call'; readonly slot: number; readonly target: string }
  | { readonly kind: 'functionAddress'; readonly slot: number; readonly target: string }
  | {
      readonly kind: 'extern';
      readonly slot: number;
      readonly name: string;
      /** Where `link` found it: its type's number in the BTF of a kernel module. */
      readonly module?: { readonly name: string; readonly type: BtfTypeId };
    };

/** A `bpf_core_relo` of `.BTF.ext` (Linux, `include/uapi/linux/bpf.h`). */
export interface CoreRelocation {
  readonly slot: number;
  readonly type: BtfTypeId;
  /** Indexes of members and elements, `0:1:2`. */
  readonly access: string;
  /** `enum bpf_core_relo_kind`. */
  readonly kind: number;
}

export interface LineInfo {
  readonly slot: number;
  readonly file: string;
  /** Both from 1; column 0 where it is not known. */
  readonly line: number;
  readonly column: number;
  /** The text of the source line. */
  readonly text: string;
  /** Where the file's name and the text stand among the strings of the spec's BTF, if they do. */
  readonly fileOffset?: number;
  readonly textOffset?: number;
}

/** Sorted by slot; an entry holds until the next one. */
export type LineTable = readonly LineInfo[];

export interface MapSpec {
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `map_flags` of BPF_MAP_CREATE. */
  readonly flags: number;
  readonly extra: bigint;
  readonly numaNode: number | undefined;
  /**
   * `byName` is libbpf's; `objectNs` (for this object alone) and `globalNs` (shared by all) are
   * iproute2's; a number is one that the user gave a meaning.
   */
  readonly pinning: 'none' | 'byName' | 'objectNs' | 'globalNs' | number;
  readonly key: BtfTypeId | undefined;
  readonly value: BtfTypeId | undefined;
  /** The template of a map of maps. */
  readonly inner: MapSpec | undefined;
  readonly contents: readonly MapEntry[];
  /** True where user space may not write after the load (`.rodata`). */
  readonly freeze: boolean;
  readonly origin: 'legacy' | 'btf' | 'data' | 'language' | 'builder';
  /** For a map of type STRUCT_OPS; its `contents` hold the struct's bytes as the object has them. */
  readonly structOps?: StructOpsSpec;
  /** False for `SEC("?.struct_ops")`: made only when it is asked for. Left out, true. */
  readonly autocreate?: boolean;
}

/** A struct of functions that the kernel calls, of which some are programs of the object. */
export interface StructOpsSpec {
  /** The struct's name, by which the kernel knows it: `tcp_congestion_ops`. */
  readonly struct: string;
  /** True for `.struct_ops.link`: it is attached by a link and not by the update of the map. */
  readonly link: boolean;
  /** In the order of the struct; functions that are not named here are left to the kernel. */
  readonly programs: readonly StructOpsProgram[];
}

export interface StructOpsProgram {
  readonly member: string;
  /** Byte offset of the pointer in the struct as the object has it. */
  readonly offset: number;
  readonly program: string;
}

/** An initial entry: a tail-call slot, an inner map, or the bytes of a data section. */
export type MapEntry =
  | { readonly kind: 'program'; readonly key: number; readonly program: string }
  | { readonly kind: 'map'; readonly key: number; readonly map: string }
  | { readonly kind: 'bytes'; readonly key: Uint8Array; readonly value: Uint8Array };

/** A global variable: a place in a data map. */
export interface VariableSpec {
  readonly name: string;
  /** The data map's name: `.data`, `.bss`, `.rodata`, `.rodata.config` …. */
  readonly map: string;
  readonly offset: number;
  readonly size: number;
  /** Of its VAR's type. */
  readonly type: BtfTypeId | undefined;
  /** True in `.rodata*`: settable before the load only. */
  readonly constant: boolean;
}

export interface ExternSpec {
  readonly name: string;
  readonly kind: 'kfunc' | 'ksym' | 'kconfig' | 'map' | 'function' | 'unknown';
  readonly weak: boolean;
  readonly type: BtfTypeId | undefined;
}

/** A ReadonlyMap, or whatever answers as one. */
export interface Lookup<T> {
  get(name: string): T | undefined;
}

/** What is known of a kernel. Every member may be missing; nobody here fetches it. */
export interface KernelFacts {
  /** `LINUX_VERSION_CODE`: major << 16 | minor << 8 | patch. */
  readonly version?: number | undefined;
  readonly btf?: Btf | undefined;
  readonly moduleBtf?: ReadonlyMap<string, Btf> | undefined;
  /** The kernel's configuration: `CONFIG_HZ` is `250`, `CONFIG_BPF` is `y`, a text keeps its quotes. */
  readonly kconfig?: Lookup<string> | undefined;
  /** Addresses of the kernel's symbols. */
  readonly kallsyms?: Lookup<bigint> | undefined;
  /** `bpf_get_attach_cookie()` is there. Left out, what the version says. */
  readonly hasBpfCookie?: boolean | undefined;
  /** System calls take their arguments in a `struct pt_regs`. Left out, what the BTF or the symbols say. */
  readonly hasSyscallWrapper?: boolean | undefined;
  readonly possibleCpus?: number | undefined;
}

/**
 * An instruction that cannot run on the kernel that a program was linked for, replaced by a call of
 * a helper that does not exist: the verifier refuses it if it can be reached, and removes it if not.
 */
export interface PoisonedInsn {
  readonly slot: number;
  /** How many slots it takes, 2 for an `lddw`. */
  readonly slots: number;
  /** The number of the helper, as the verifier's `invalid func unknown#…` prints it. */
  readonly helper: number;
  /** What is missing, in words. */
  readonly reason: string;
}

/** One function's place in a linked program. */
export interface LinkedFunction {
  readonly name: string;
  /** Its first slot. */
  readonly slot: number;
  readonly slots: number;
  readonly type: BtfTypeId | undefined;
}

/**
 * One program as a whole: its code followed by the functions that it reaches, calls and function
 * addresses resolved, maps and externs still by name.
 */
export interface LinkedProgram {
  readonly name: string;
  readonly section: string;
  readonly endian: Endian;
  readonly license: string;
  readonly kind: ProgramKind;
  readonly code: Uint8Array;
  /** In code order; the entry is the first. */
  readonly functions: readonly LinkedFunction[];
  /** Only `map`, `mapValue` and `extern` are left. */
  readonly relocations: readonly Relocation[];
  /** Already applied, where the object has types. */
  readonly coreRelocations: readonly CoreRelocation[];
  /** Sorted by slot. */
  readonly poisoned: readonly PoisonedInsn[];
  readonly lines: LineTable;
  readonly btf: Btf | undefined;
}

/** Answers what names stand for. Values are what the machine at hand needs: descriptors, addresses, handles. */
export interface Resolver {
  /** The imm of an `lddw` of kind MAP_FD. */
  map(name: string): number;
  /** The imm of an `lddw` of kind MAP_VALUE; the offset is kept. */
  mapValue(name: string): number;
  /** The 64-bit value and pseudo source of an extern, or undefined where there is none. */
  extern?(name: string, use: 'call' | 'load'): { readonly src: number; readonly imm64: bigint } | undefined;
}
