import type { VariableSpec } from '../../object/spec.ts';
import { viewOf } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { BpfMap } from './map.ts';
import { decodeValue, encodeValue, type MapValue } from './map-codec.ts';

/**
 * A global variable of a loaded object: a place in its data map. Reading and writing take the whole
 * data section through the kernel, so a write undoes what a program wrote to its neighbours in the
 * same moment.
 */
export class Variable {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** True for what lies in `.rodata`: fixed by the load. */
  readonly constant: boolean;
  readonly #spec: VariableSpec;
  readonly #map: BpfMap;

  constructor(spec: VariableSpec, map: BpfMap) {
    this.name = spec.name;
    this.size = spec.size;
    this.constant = spec.constant;
    this.#spec = spec;
    this.#map = map;
  }

  /** 1, 2 and 4 bytes as an unsigned number, 8 as a bigint, others as bytes. */
  get(): MapValue {
    const { offset, size } = this.#spec;
    return decodeValue(viewOf(this.#section().subarray(offset, offset + size)), size);
  }

  /** Its bytes, whatever its size. */
  getBytes(): Uint8Array {
    const { offset, size } = this.#spec;
    return this.#section().slice(offset, offset + size);
  }

  /** @throws {TsbpfError} `VARIABLE_CONSTANT`, `VALUE_SIZE` @throws {OutOfRangeError} */
  set(value: MapValue): void {
    if (this.constant) {
      throw new TsbpfError(
        'VARIABLE_CONSTANT',
        `'${this.name}' is a constant in ${this.#spec.map}: it is fixed once the object is loaded`,
        { hint: 'give its value in the variables option of the load' },
      );
    }
    const section = this.#section();
    patchVariable(section, this.#spec, value);
    this.#map.set(0, section);
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
