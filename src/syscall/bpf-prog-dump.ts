import { toHex } from '../util/bytes.ts';
import { checkedBpf, pointer } from './bpf.ts';
import { infoAttr } from './bpf-attr.ts';
import { progInfoLayout } from './bpf-info-layout.ts';

/** A program's code as the kernel has it, with what it keeps of its debug information. */
export interface ProgDump {
  /** Instructions after the verifier's rewriting; empty where this process may not see them. */
  readonly xlated: Uint8Array;
  /** Machine code of all functions, one behind the other; empty without a JIT or the right to see it. */
  readonly jited: Uint8Array;
  /** Bytes of machine code of each function, the program itself first. */
  readonly jitedFunctionLengths: readonly number[];
  /** 16 hex digits each: of the program, then of its subprograms. */
  readonly tags: readonly string[];
  /** `struct bpf_func_info` records. */
  readonly funcInfo: Uint8Array;
  readonly funcInfoRecordSize: number;
  /** `struct bpf_line_info` records. */
  readonly lineInfo: Uint8Array;
  readonly lineInfoRecordSize: number;
}

/** `struct bpf_func_info` and `struct bpf_line_info` (Linux, `include/uapi/linux/bpf.h`). */
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const TAG_SIZE = 8;

function ask(fd: number, info: Uint8Array, held: readonly Uint8Array[], what: string): void {
  const attr = infoAttr.encode({ bpf_fd: fd, info_len: info.length, info: pointer(info) });
  checkedBpf('OBJ_GET_INFO_BY_FD', { attr, held: [info, ...held] }, `dump ${what}`);
}

/**
 * BPF_OBJ_GET_INFO_BY_FD twice: for how much there is, and for all of it. Addresses of the machine code
 * are not asked for.
 *
 * @throws {SyscallError}
 */
export function progDump(fd: number, what = 'the program'): ProgDump {
  const sizes = new Uint8Array(progInfoLayout.size);
  ask(fd, sizes, [], what);
  const there = progInfoLayout.decode(sizes);
  const xlated = new Uint8Array(there.xlated_prog_len);
  const jited = new Uint8Array(there.jited_prog_len);
  const lengths = new Uint8Array(4 * there.nr_jited_func_lens);
  const tags = new Uint8Array(TAG_SIZE * there.nr_prog_tags);
  const funcInfo = new Uint8Array(FUNC_INFO_SIZE * there.nr_func_info);
  const lineInfo = new Uint8Array(LINE_INFO_SIZE * there.nr_line_info);
  const bytes = progInfoLayout.encode({
    xlated_prog_len: xlated.length,
    xlated_prog_insns: pointer(xlated),
    jited_prog_len: jited.length,
    jited_prog_insns: pointer(jited),
    nr_jited_func_lens: there.nr_jited_func_lens,
    jited_func_lens: pointer(lengths),
    nr_prog_tags: there.nr_prog_tags,
    prog_tags: pointer(tags),
    nr_func_info: there.nr_func_info,
    func_info_rec_size: FUNC_INFO_SIZE,
    func_info: pointer(funcInfo),
    nr_line_info: there.nr_line_info,
    line_info_rec_size: LINE_INFO_SIZE,
    line_info: pointer(lineInfo),
  });
  ask(fd, bytes, [xlated, jited, lengths, tags, funcInfo, lineInfo], what);
  const got = progInfoLayout.decode(bytes);
  // The kernel takes an address away where this process may not see what would stand there.
  const shown = (address: bigint, content: Uint8Array): Uint8Array =>
    address === 0n ? new Uint8Array(0) : content;
  const lengthsView = new DataView(lengths.buffer);
  return {
    xlated: shown(got.xlated_prog_insns, xlated),
    jited: shown(got.jited_prog_insns, jited),
    jitedFunctionLengths: Array.from(
      { length: got.jited_func_lens === 0n ? 0 : lengths.length / 4 },
      (_, i) => lengthsView.getUint32(4 * i, true),
    ),
    tags: Array.from({ length: tags.length / TAG_SIZE }, (_, i) =>
      toHex(tags.subarray(i * TAG_SIZE, (i + 1) * TAG_SIZE)),
    ),
    funcInfo: shown(got.func_info, funcInfo),
    funcInfoRecordSize: FUNC_INFO_SIZE,
    lineInfo: shown(got.line_info, lineInfo),
    lineInfoRecordSize: LINE_INFO_SIZE,
  };
}
