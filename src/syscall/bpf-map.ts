import { BpfCmd } from '../isa/kernel-tables.generated.ts';
import { checkRange } from '../util/errors.ts';
import { bpf, checkedBpf, pointer } from './bpf.ts';
import { mapCreateAttr, mapElementAttr } from './bpf-attr.ts';
import { TOKEN_FD } from './bpf-token.ts';
import { addressOf, INT_MAX, invoke } from './native.ts';

/** What BPF_MAP_CREATE is given. Sizes in bytes. */
export interface MapCreateParams {
  /** As the kernel takes it: at most 15 bytes of letters, digits, `_` and `.`. */
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  readonly extra?: bigint;
  readonly numaNode?: number | undefined;
  readonly innerMapFd?: number | undefined;
  readonly btfFd?: number | undefined;
  readonly btfKeyTypeId?: number | undefined;
  readonly btfValueTypeId?: number | undefined;
  /** Structs of functions: the value's type among the kernel's. */
  readonly kernelValueTypeId?: number | undefined;
  /** Where that number counts: a module's types; left out, the kernel's. */
  readonly kernelValueBtfFd?: number | undefined;
  readonly tokenFd?: number | undefined;
}

/** BPF_MAP_CREATE. @returns the descriptor, or minus the errno */
export function tryMapCreate(params: MapCreateParams): number {
  const attr = mapCreateAttr.encode({
    map_type: params.type,
    key_size: params.keySize,
    value_size: params.valueSize,
    max_entries: params.maxEntries,
    map_flags: ((params.flags ?? 0) | (params.tokenFd === undefined ? 0 : TOKEN_FD)) >>> 0,
    inner_map_fd: params.innerMapFd ?? 0,
    numa_node: params.numaNode ?? 0,
    map_name: params.name,
    btf_fd: params.btfFd ?? 0,
    btf_key_type_id: params.btfFd === undefined ? 0 : (params.btfKeyTypeId ?? 0),
    btf_value_type_id: params.btfFd === undefined ? 0 : (params.btfValueTypeId ?? 0),
    btf_vmlinux_value_type_id: params.kernelValueTypeId ?? 0,
    map_extra: params.extra ?? 0n,
    value_type_btf_obj_fd: params.kernelValueBtfFd ?? 0,
    map_token_fd: params.tokenFd ?? 0,
  });
  return bpf('MAP_CREATE', { attr, held: [] });
}

const KEY = 1;
const VALUE = 2;

/**
 * The buffers of one map's element commands, laid out once: an attr, a key, a value. Write the key
 * (and value) into them, call, read the value. Every call answers with 0 or minus the errno.
 */
export class MapElementCall {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly #attr: Uint8Array;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #held: readonly Uint8Array[];
  readonly #address: number;
  /** Which addresses the attr holds: KEY and VALUE, or-ed. */
  #pointing = 0;

  constructor(keySize: number, valueSize: number) {
    checkRange('key size', keySize, 0, INT_MAX);
    checkRange('value size', valueSize, 0, INT_MAX);
    this.key = new Uint8Array(keySize);
    // GET_NEXT_KEY writes a key into the value's place.
    this.value = new Uint8Array(Math.max(valueSize, keySize));
    this.#attr = new Uint8Array(mapElementAttr.size);
    this.#words = new Uint32Array(this.#attr.buffer);
    this.#view = new DataView(this.#attr.buffer);
    this.#held = [this.#attr, this.key, this.value];
    this.#address = addressOf(this.#attr);
  }

  lookup(fd: number, flags = 0): number {
    this.#point(KEY | VALUE);
    return this.#call(BpfCmd.MAP_LOOKUP_ELEM, fd, flags);
  }

  /** Reads and removes; without a key for queues and stacks. */
  take(fd: number, flags = 0): number {
    this.#point(KEY | VALUE);
    return this.#call(BpfCmd.MAP_LOOKUP_AND_DELETE_ELEM, fd, flags);
  }

  update(fd: number, flags = 0): number {
    this.#point(KEY | VALUE);
    return this.#call(BpfCmd.MAP_UPDATE_ELEM, fd, flags);
  }

  delete(fd: number): number {
    this.#point(KEY);
    return this.#call(BpfCmd.MAP_DELETE_ELEM, fd, 0);
  }

  /** Writes the key after `key` into `value`; the first one where `first` is true. */
  nextKey(fd: number, first: boolean): number {
    this.#point(first ? VALUE : KEY | VALUE);
    return this.#call(BpfCmd.MAP_GET_NEXT_KEY, fd, 0);
  }

  /** Sets those addresses and clears the others: members that a command does not know must be 0, or it answers EINVAL. */
  #point(at: number): void {
    // Reads and writes of elements, nearly all calls, need no change.
    if (at === this.#pointing) return;
    const { key, value } = mapElementAttr.offsets;
    this.#view.setBigUint64(key, at & KEY ? pointer(this.key) : 0n, true);
    this.#view.setBigUint64(value, at & VALUE ? pointer(this.value) : 0n, true);
    this.#pointing = at;
  }

  #call(command: number, fd: number, flags: number): number {
    // Words in the order of the machine: every architecture that is supported is little-endian.
    const words = this.#words;
    words[FD_WORD] = fd;
    words[FLAGS_WORD] = flags;
    words[FLAGS_WORD + 1] = flags / WORD;
    return invoke('bpf', this.#held, command, this.#address, mapElementAttr.size);
  }
}

const WORD = 2 ** 32;
const FD_WORD = mapElementAttr.offsets.map_fd / 4;
const FLAGS_WORD = mapElementAttr.offsets.flags / 4;

/** BPF_MAP_FREEZE: user space may not write any more. @throws {SyscallError} */
export function mapFreeze(fd: number, what: string): void {
  const attr = mapElementAttr.encode({ map_fd: fd });
  checkedBpf('MAP_FREEZE', { attr, held: [] }, `freeze ${what}`);
}
