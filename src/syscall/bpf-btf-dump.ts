import { decodeCString } from '../util/bytes.ts';
import { checkedBpf, pointer } from './bpf.ts';
import { infoAttr } from './bpf-attr.ts';
import { btfInfoLayout } from './bpf-info-layout.ts';

/** What the kernel tells of a BTF. */
export interface BtfObjectInfo {
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  /** `vmlinux` or a module's; empty for that of an object. */
  readonly name: string;
  readonly ofKernel: boolean;
}

/** MODULE_NAME_LEN is less (Linux, `include/linux/moduleparam.h`). */
const MAX_BTF_NAME = 64;

function ask(fd: number, content: Uint8Array, what: string): BtfObjectInfo {
  const name = new Uint8Array(MAX_BTF_NAME);
  const info = btfInfoLayout.encode({
    btf: pointer(content.length === 0 ? undefined : content),
    btf_size: content.length,
    name: pointer(name),
    name_len: name.length,
  });
  const attr = infoAttr.encode({ bpf_fd: fd, info_len: info.length, info: pointer(info) });
  checkedBpf('OBJ_GET_INFO_BY_FD', { attr, held: [info, name, content] }, `ask about ${what}`);
  const { id, btf_size: size, kernel_btf } = btfInfoLayout.decode(info);
  return { id, size, name: decodeCString(name), ofKernel: kernel_btf !== 0 };
}

/** BPF_OBJ_GET_INFO_BY_FD of a BTF. @throws {SyscallError} */
export function btfObjectInfo(fd: number, what = 'the BTF'): BtfObjectInfo {
  return ask(fd, new Uint8Array(0), what);
}

/** The BTF itself. @throws {SyscallError} */
export function btfObjectBytes(fd: number, what = 'the BTF'): Uint8Array {
  const bytes = new Uint8Array(btfObjectInfo(fd, what).size);
  ask(fd, bytes, what);
  return bytes;
}
