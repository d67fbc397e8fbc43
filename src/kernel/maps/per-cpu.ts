import { alignUp } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import { possibleCpus } from '../machine.ts';
import { decodeValue, encodeValue, type MapValue } from './map-codec.ts';

// One entry of a per-CPU map as user space reads and writes it (Linux, `kernel/bpf/syscall.c`): a value
// for each possible CPU, whether it is online or not, each from a multiple of 8 on.
//
//   0            stride         2 * stride
//   +-------+----+-------+----+--
//   | CPU 0 | pad| CPU 1 | pad| …          stride = value size, rounded up to 8
//   +-------+----+-------+----+--

/** Bytes from one CPU's value to the next. */
export function perCpuStride(valueSize: number): number {
  return alignUp(valueSize, 8);
}

/**
 * The layout of an entry of a per-CPU map, from that of one CPU's value: an array, a value for each
 * possible CPU. Values that are left out are zeros.
 *
 * @param cpus left out, as many as this kernel may ever have
 */
export function perCpuOf<T>(type: FieldType<T>, cpus: number = possibleCpus()): FieldType<T[]> {
  const stride = perCpuStride(type.size);
  return {
    size: stride * cpus,
    align: 8,
    zero: [],
    read: (view, offset, little) =>
      Array.from({ length: cpus }, (_, cpu) => type.read(view, offset + cpu * stride, little)),
    write(view, offset, values, little, path) {
      if (values.length > cpus) throw tooMany(path, values.length, cpus);
      new Uint8Array(view.buffer, view.byteOffset + offset, stride * cpus).fill(0);
      for (let cpu = 0; cpu < cpus; cpu++) {
        type.write(view, offset + cpu * stride, values[cpu] ?? type.zero, little, `${path}[${cpu}]`);
      }
    },
  };
}

function tooMany(path: string, given: number, cpus: number): TsbpfError {
  return new TsbpfError(
    'CPU_COUNT',
    `${path}: ${given} values were given, but there are ${cpus} possible CPUs`,
  );
}

/** The values of the entry of `size` bytes from `offset` on, CPU by CPU. */
export function decodePerCpu(
  from: DataView,
  valueSize: number,
  size: number = from.byteLength,
  offset = 0,
): MapValue[] {
  const stride = perCpuStride(valueSize);
  return Array.from({ length: Math.floor(size / stride) }, (_, cpu) =>
    decodeValue(from, valueSize, offset + cpu * stride),
  );
}

/**
 * Writes the entry of `size` bytes at `offset` of `into`: an array has a value for each CPU, anything
 * else is every CPU's. The bytes of a whole entry are taken as well.
 *
 * @throws {TsbpfError} `CPU_COUNT`, `VALUE_SIZE` @throws {OutOfRangeError}
 */
export function encodePerCpu(
  into: DataView,
  value: MapValue | readonly MapValue[],
  valueSize: number,
  what: string,
  size: number = into.byteLength,
  offset = 0,
): void {
  const bytes = new Uint8Array(into.buffer, into.byteOffset + offset, size);
  if (value instanceof Uint8Array && value.length === size) {
    bytes.set(value);
    return;
  }
  const stride = perCpuStride(valueSize);
  const cpus = Math.floor(size / stride);
  const each = typeof value === 'object' && !(value instanceof Uint8Array) ? value : undefined;
  if (each && each.length !== cpus) throw tooMany(`value of ${what}`, each.length, cpus);
  bytes.fill(0);
  for (let cpu = 0; cpu < cpus; cpu++) {
    const one = each ? each[cpu]! : (value as MapValue);
    encodeValue(into, one, valueSize, 'value', what, offset + cpu * stride);
  }
}
