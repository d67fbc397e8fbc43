import { readObject } from '../../src/elf/index.ts';
import { bind, extInfo, kernelBtf, link } from '../../src/object/index.ts';
import { TsbpfError } from '../../src/util/index.ts';

/** One damage to a file; places are parts of its length, from 0 up to 1. */
export type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'word'; readonly at: number; readonly value: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'splice'; readonly from: number; readonly at: number; readonly length: number };

export function mutate(original: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  let bytes = original.slice();
  for (const each of mutations) {
    const at = Math.floor(each.at * bytes.length);
    if (bytes.length < 4) break;
    if (each.kind === 'flip') bytes[at]! ^= 1 << each.bit;
    else if (each.kind === 'word')
      new DataView(bytes.buffer).setUint32(Math.min(at, bytes.length - 4) & ~3, each.value, true);
    else if (each.kind === 'cut') bytes = bytes.slice(0, at);
    else
      bytes.copyWithin(
        at,
        Math.floor(each.from * bytes.length),
        Math.floor(each.from * bytes.length) + each.length,
      );
  }
  return bytes;
}

/** Reads all that a file says; anything but a {@link TsbpfError} comes through. */
export function readAll(bytes: Uint8Array): 'read' | 'refused' {
  try {
    const spec = readObject(bytes);
    kernelBtf(spec);
    for (const name of spec.functions.keys()) {
      const linked = link(spec, name);
      extInfo(linked);
      bind(linked, { map: () => 3, mapValue: () => 4, extern: () => ({ src: 3, imm64: -1n }) });
    }
    return 'read';
  } catch (error) {
    if (error instanceof TsbpfError) return 'refused';
    throw error;
  }
}
