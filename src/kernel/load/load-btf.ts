import { parseBtf, sanitiseBtf } from '../../btf/index.ts';
import { extInfo, kernelBtf } from '../../object/index.ts';
import type { LinkedProgram, ObjectSpec } from '../../object/spec.ts';
import { type ProgBtfParams, tryBtfLoad } from '../../syscall/bpf-prog.ts';
import { Errno } from '../../syscall/errno.ts';
import { Fd } from '../../syscall/fd.ts';
import { arrayOf, type Struct, struct, u32 } from '../../util/struct.ts';
import { type KernelFeatures, kernelFeatures } from '../features/features.ts';
import { allowMemory } from '../features/features-fallback.ts';

/** `struct bpf_func_info` (Linux, `include/uapi/linux/bpf.h`). */
const funcInfoLayout: Struct<{ insn_off: typeof u32; type_id: typeof u32 }> = struct('bpf_func_info', {
  insn_off: u32,
  type_id: u32,
});
/** Bytes of a `struct bpf_line_info`. */
const LINE_INFO_SIZE = 16;

/**
 * Loads an object's BTF, without what this kernel does not know; undefined where the object has none, or
 * the kernel does not take it.
 */
export function loadBtf(
  spec: ObjectSpec,
  features?: KernelFeatures,
  token?: { readonly fd: Fd },
): Fd | undefined {
  const bytes = kernelBtf(spec);
  if (bytes === undefined) return undefined;
  // Types serve the tools that look at a program later, and calls from subprograms; without them
  // the program is the same.
  allowMemory(features);
  const load = (btf: Uint8Array): number => tryBtfLoad(btf, undefined, token?.fd.number);
  let result = load(features ? sanitised(bytes, features) : bytes);
  // Only now: what a kernel does not take costs questions, and kernels of today take all of it.
  if (result === -Errno.EINVAL && !features) {
    const changed = sanitised(bytes, kernelFeatures());
    if (changed !== bytes) result = load(changed);
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
  return {
    fd: btf.number,
    funcInfoRecordSize: funcInfoLayout.size,
    funcInfo: encode(
      funcInfo,
      functions.map(({ slot, type }) => ({ insn_off: slot, type_id: type })),
    ),
    lineInfoRecordSize: LINE_INFO_SIZE,
    // The kernel takes words as this machine has them.
    lineInfo: new Uint8Array(lines.buffer, lines.byteOffset, lines.byteLength),
  };
}

function encode<T>(type: ReturnType<typeof arrayOf<T>>, values: readonly T[]): Uint8Array {
  const bytes = new Uint8Array(type.size);
  type.write(new DataView(bytes.buffer), 0, values, true, 'info');
  return bytes;
}
