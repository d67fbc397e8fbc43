import type { Btf } from '../../btf/index.ts';
import { progInfo } from '../../syscall/bpf-info.ts';
import { progDump } from '../../syscall/bpf-prog-dump.ts';
import { viewOf } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { Program } from '../load/program.ts';
import { prototypeText } from './btf-prototype.ts';
import { btfById } from './loaded-btf.ts';

/** One function of a program in the kernel. */
export interface DumpedFunction {
  /** Of its first instruction, counted in slots of 8 bytes. */
  readonly slot: number;
  /** Undefined where the program was loaded without BTF. */
  readonly name: string | undefined;
  /** As in C: `int sub(int a)`. */
  readonly prototype: string | undefined;
  /** 16 hex digits. */
  readonly tag: string | undefined;
}

/** The source line that the code from a slot on comes from. */
export interface DumpedLine {
  readonly slot: number;
  /** Without the spaces that it begins with. */
  readonly text: string;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
}

/** A program's code as the kernel has it. */
export interface ProgramDump {
  readonly id: number;
  readonly name: string;
  /** Instructions as the verifier rewrote them, 8 bytes each; a map stands as its number. */
  readonly xlated: Uint8Array;
  /** Machine code of each function, the program itself first; empty without a JIT. */
  readonly jited: readonly Uint8Array[];
  /** 16 hex digits of each function, the program itself first. */
  readonly tags: readonly string[];
  /** In the order of their slots; empty where it was loaded without BTF. */
  readonly functions: readonly DumpedFunction[];
  readonly lines: readonly DumpedLine[];
}

/** The bytes that are used of `struct bpf_line_info::line_col` for the line; the rest is the column. */
const LINE_SHIFT = 10;
const COLUMN_MASK = 0x3ff;

function functionsOf(bytes: Uint8Array, size: number, btf: Btf, tags: readonly string[]): DumpedFunction[] {
  const view = viewOf(bytes);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, index) => {
    const type = btf.type(view.getUint32(index * size + 4, true));
    return {
      slot: view.getUint32(index * size, true),
      name: type.name || undefined,
      prototype: prototypeText(btf, type) || undefined,
      tag: tags[index],
    };
  });
}

function linesOf(bytes: Uint8Array, size: number, btf: Btf): DumpedLine[] {
  const view = viewOf(bytes);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, index) => {
    const at = index * size;
    const position = view.getUint32(at + 12, true);
    return {
      slot: view.getUint32(at, true),
      text: btf.string(view.getUint32(at + 8, true)).trimStart(),
      file: btf.string(view.getUint32(at + 4, true)),
      line: position >>> LINE_SHIFT,
      column: position & COLUMN_MASK,
    };
  });
}

function splitJited(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  if (bytes.length === 0) return [];
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths.length > 0 ? lengths : [bytes.length]) {
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  return parts;
}

/**
 * A program's code as the kernel has it: after the verifier, and after the JIT, with the functions and source
 * lines that it was loaded with.
 *
 * @param program a program, or the kernel's number of one
 * @throws {SyscallError} ENOENT, EPERM
 * @throws {TsbpfError} `CODE_HIDDEN` where this process may not see the code
 *
 * @example `xlatedText(programDump(12), { linum: true })`
 */
export function programDump(program: Program | number): ProgramDump {
  if (typeof program === 'number') {
    using opened = Program.openById(program);
    return programDump(opened);
  }
  const { fd } = program;
  const { id, name, btfId } = progInfo(fd.number, fd.what);
  const dump = progDump(fd.number, fd.what);
  if (dump.xlated.length === 0) {
    throw new TsbpfError('CODE_HIDDEN', `the kernel does not show the code of ${fd.what}`, {
      hint: 'it takes CAP_SYS_ADMIN, and where net.core.bpf_jit_harden is 2 CAP_SYS_ADMIN of the first user namespace',
    });
  }
  const btf = btfById(btfId);
  const functions = btf ? functionsOf(dump.funcInfo, dump.funcInfoRecordSize, btf, dump.tags) : [];
  return {
    id,
    name: functions[0]?.name?.startsWith(name) ? functions[0].name : name,
    xlated: dump.xlated,
    jited: splitJited(dump.jited, dump.jitedFunctionLengths),
    tags: dump.tags,
    functions,
    lines: btf ? linesOf(dump.lineInfo, dump.lineInfoRecordSize, btf) : [],
  };
}
