import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import type { VariableSpec } from '../../object/spec.ts';
import { viewOf } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { BpfMap } from './map.ts';
import { decodeValue, encodeValue, type MapValue } from './map-codec.ts';
import { isMmapable } from './map-memory.ts';
import { SharedBytes } from './shared-bytes.ts';

/**
 * A global variable of a loaded object: a place in its data map, or in its arena. Where the kernel lets
 * the map's memory be shared (Linux 5.5), it is read and written there: nothing else is touched, and
 * values of 1, 2, 4 and 8 bytes are read and written whole. Where not, and for constants, reading and
 * writing take the whole data section through the kernel, so that a write undoes what a program wrote to
 * its neighbours in the same moment; `atomic` tells which.
 */
export class Variable {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** True for what lies in `.rodata`: fixed by the load. */
  readonly constant: boolean;
  readonly #spec: VariableSpec;
  readonly #map: BpfMap;
  /** false once the kernel has refused it. */
  #memory: SharedBytes | false | undefined;

  constructor(spec: VariableSpec, map: BpfMap) {
    this.name = spec.name;
    this.size = spec.size;
    this.constant = spec.constant;
    this.#spec = spec;
    this.#map = map;
  }

  /** Whether it is read and written whole, in one step. */
  get atomic(): boolean {
    return this.#shared()?.isAtomic(this.#spec.offset, this.size) === true;
  }

  /** 1, 2 and 4 bytes as an unsigned number, 8 as a bigint, others as bytes. */
  get(): MapValue {
    const { offset, size } = this.#spec;
    const shared = this.#shared();
    if (shared) return shared.load(offset, size);
    return decodeValue(viewOf(this.#section().subarray(offset, offset + size)), size);
  }

  /** Its bytes, whatever its size. */
  getBytes(): Uint8Array {
    const { offset, size } = this.#spec;
    const shared = this.#shared();
    if (!shared) return this.#section().slice(offset, offset + size);
    if (!shared.isAtomic(offset, size)) return shared.bytes.slice(offset, offset + size);
    const bytes = new Uint8Array(size);
    encodeValue(viewOf(bytes), shared.load(offset, size), size, 'value', this.name);
    return bytes;
  }

  /** @throws {TsbpfError} `VARIABLE_CONSTANT`, `VALUE_SIZE` @throws {OutOfRangeError} */
  set(value: MapValue): void {
    this.#expectVariable();
    const { offset, size, name } = this.#spec;
    const shared = this.#shared();
    if (shared) {
      const bytes = new Uint8Array(size);
      encodeValue(viewOf(bytes), value, size, 'value', `variable '${name}'`);
      shared.store(offset, bytes);
      return;
    }
    const section = this.#section();
    patchVariable(section, this.#spec, value);
    this.#map.set(0, section);
  }

  /**
   * Adds to a variable of 1, 2, 4 or 8 bytes in one step.
   *
   * @returns what it was before
   * @throws {TsbpfError} `VARIABLE_NOT_ATOMIC` where that cannot be done: see {@link atomic}
   */
  add(delta: number | bigint): MapValue {
    this.#expectVariable();
    const before = this.#shared()?.add(this.#spec.offset, this.size, BigInt(delta));
    if (before !== undefined) return before;
    throw new TsbpfError('VARIABLE_NOT_ATOMIC', `'${this.name}' cannot be changed in one step`, {
      hint: 'that takes 1, 2, 4 or 8 aligned bytes and a kernel that shares the memory of arrays (Linux 5.5)',
    });
  }

  #expectVariable(): void {
    if (!this.constant) return;
    throw new TsbpfError(
      'VARIABLE_CONSTANT',
      `'${this.name}' is a constant in ${this.#spec.map}: it is fixed once the object is loaded`,
      { hint: 'give its value in the variables option of the load' },
    );
  }

  /** @throws {TsbpfError} `CLOSED` */
  #shared(): SharedBytes | undefined {
    if (this.#memory === undefined) this.#memory = this.#share();
    if (this.#memory === false) return undefined;
    // Memory that was let go reads zeros, which nobody should take for a value.
    if (this.#map.fd.closed) throw new TsbpfError('CLOSED', `${this.#map.fd.what} is closed`);
    return this.#memory;
  }

  #share(): SharedBytes | false {
    const map = this.#map;
    // Constants are frozen: a mapping for writing is refused.
    if (this.constant || !isMmapable(map)) return false;
    // Raises CLOSED before anything is asked of the kernel.
    void map.fd.number;
    // It has no elements that could be read instead.
    if (map.type === MapType.ARENA) return new SharedBytes(this.#arenaBytes());
    try {
      return new SharedBytes(map.ownMapping().bytes);
    } catch {
      // Frozen, opened for reading only, or with locks and timers in it, which are not for everybody's eyes.
      return false;
    }
  }

  #arenaBytes(): Uint8Array {
    const { flags } = this.#map;
    if ((flags & MapFlag.SEGV_ON_FAULT) === 0) return this.#map.ownMapping().bytes;
    throw new TsbpfError(
      'ARENA_DATA_UNREACHABLE',
      `'${this.name}' lies in an arena with the flag SEGV_ON_FAULT, which ends a process that reads a page before a program has allocated it`,
      { hint: 'where one has, map.mmap() is the memory' },
    );
  }

  #section(): Uint8Array {
    const bytes = this.#map.getBytes(0);
    if (bytes) return bytes;
    throw new TsbpfError('VARIABLE_GONE', `the data map of '${this.name}' has no entry`);
  }
}

/** Writes a variable into the bytes of its section. @throws {TsbpfError} `VALUE_SIZE` @throws {OutOfRangeError} */
export function patchVariable(section: Uint8Array, spec: VariableSpec, value: MapValue): void {
  const { offset, size, name } = spec;
  encodeValue(viewOf(section.subarray(offset, offset + size)), value, size, 'value', `variable '${name}'`);
}
