import { parseBtf, sanitiseBtf } from '../../btf/index.ts';
import { extInfo, kernelBtf } from '../../object/index.ts';
import type { LinkedProgram, ObjectSpec } from '../../object/spec.ts';
import { type ProgBtfParams, tryBtfLoad } from '../../syscall/bpf-prog.ts';
import { Errno } from '../../syscall/errno.ts';
import { Fd } from '../../syscall/fd.ts';
import { arrayOf, type Struct, struct, u32 } from '../../util/struct.ts';
import { type KernelFeatures, kernelFeatures } from '../features/features.ts';
import { allowMemory } from '../features/features-fallback.ts';

/** `struct bpf_func_info` and `struct bpf_line_info` (Linux, `include/uapi/linux/bpf.h`). */
const funcInfoLayout: Struct<{ insn_off: typeof u32; type_id: typeof u32 }> = struct('bpf_func_info', {
  insn_off: u32,
  type_id: u32,
});
const lineInfoLayout: Struct<{
  insn_off: typeof u32;
  file_name_off: typeof u32;
  line_off: typeof u32;
  line_col: typeof u32;
}> = struct('bpf_line_info', { insn_off: u32, file_name_off: u32, line_off: u32, line_col: u32 });

/** BPF_LINE_INFO_LINE_NUM's shift: line and column share a word, the column with 10 bits. */
const LINE_SHIFT = 10;
const MAX_COLUMN = 2 ** LINE_SHIFT - 1;
const MAX_LINE = 2 ** (32 - LINE_SHIFT) - 1;

/**
 * Loads an object's BTF, without what this kernel does not know; undefined where the object has none, or
 * the kernel does not take it.
 */
export function loadBtf(spec: ObjectSpec, features?: KernelFeatures): Fd | undefined {
  const bytes = kernelBtf(spec);
  if (bytes === undefined) return undefined;
  // Types serve the tools that look at a program later, and calls from subprograms; without them
  // the program is the same.
  allowMemory(features);
  let result = tryBtfLoad(features ? sanitised(bytes, features) : bytes);
  // Only now: what a kernel does not take costs questions, and kernels of today take all of it.
  if (result === -Errno.EINVAL && !features) {
    const changed = sanitised(bytes, kernelFeatures());
    if (changed !== bytes) result = tryBtfLoad(changed);
  }
  return result < 0 ? undefined : new Fd(result, "the object's BTF");
}

/** The same bytes where a kernel takes all of them. */
function sanitised(bytes: Uint8Array, features: KernelFeatures): Uint8Array {
  const taken = features.btf();
  return Object.values(taken).includes(false) ? sanitiseBtf(parseBtf(bytes), taken) : bytes;
}

/** Function and line records of a program; undefined where it has none. */
export function progBtf(linked: LinkedProgram, btf: Fd | undefined): ProgBtfParams | undefined {
  if (btf === undefined) return undefined;
  const { functions, lines } = extInfo(linked);
  if (functions.length === 0) return undefined;
  const funcInfo = arrayOf(funcInfoLayout, functions.length);
  const lineInfo = arrayOf(lineInfoLayout, lines.length);
  return {
    fd: btf.number,
    funcInfoRecordSize: funcInfoLayout.size,
    funcInfo: encode(
      funcInfo,
      functions.map(({ slot, type }) => ({ insn_off: slot, type_id: type })),
    ),
    lineInfoRecordSize: lineInfoLayout.size,
    lineInfo: encode(
      lineInfo,
      lines.map(({ slot, fileOffset, textOffset, line, column }) => ({
        insn_off: slot,
        file_name_off: fileOffset,
        line_off: textOffset,
        // A line past the field's end is shown as the last one that it can hold.
        line_col: Math.min(line, MAX_LINE) * 2 ** LINE_SHIFT + Math.min(column, MAX_COLUMN),
      })),
    ),
  };
}

function encode<T>(type: ReturnType<typeof arrayOf<T>>, values: readonly T[]): Uint8Array {
  const bytes = new Uint8Array(type.size);
  type.write(new DataView(bytes.buffer), 0, values, true, 'info');
  return bytes;
}
