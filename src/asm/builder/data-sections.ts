import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import type { MapSpec, VariableSpec } from '../../object/spec.ts';
import { alignUp } from '../../util/bytes.ts';
import type { DataType } from './data-types.ts';
import type { ObjectTypes } from './object-types.ts';

export type DataSectionName = '.data' | '.bss' | '.rodata';

interface Placed {
  readonly name: string;
  readonly type: DataType<unknown>;
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** The global variables of an object, laid out as they are declared. */
export class DataSections {
  readonly #sections: Map<DataSectionName, { readonly placed: Placed[]; size: number }> = new Map();

  /** @returns the offset in the section */
  add(section: DataSectionName, name: string, type: DataType<unknown>, bytes: Uint8Array): number {
    let known = this.#sections.get(section);
    if (!known) {
      known = { placed: [], size: 0 };
      this.#sections.set(section, known);
    }
    const offset = alignUp(known.size, type.align);
    known.placed.push({ name, type, bytes, offset });
    known.size = offset + type.size;
    return offset;
  }

  finish(types: ObjectTypes): { readonly maps: MapSpec[]; readonly variables: VariableSpec[] } {
    const maps: MapSpec[] = [];
    const variables: VariableSpec[] = [];
    for (const [section, { placed, size }] of this.#sections) {
      const content = new Uint8Array(size);
      for (const { name, type, bytes, offset } of placed) {
        content.set(bytes, offset);
        const number = types.of(type);
        types.place(section, { type: types.btf.variable(name, number, 'global'), offset, size: type.size });
        const constant = section === '.rodata';
        variables.push(
          Object.freeze({ name, map: section, offset, size: type.size, type: number, constant }),
        );
      }
      maps.push(dataMap(section, content, types.section(section, size)));
    }
    return { maps, variables };
  }
}

/** An array of one entry, as the kernel wants it for direct access. */
function dataMap(name: DataSectionName, content: Uint8Array, value: number | undefined): MapSpec {
  const constant = name === '.rodata';
  const entry = Object.freeze({ kind: 'bytes', key: new Uint8Array(4), value: content } as const);
  return Object.freeze({
    name,
    type: MapType.ARRAY,
    keySize: 4,
    valueSize: content.length,
    maxEntries: 1,
    flags: constant ? MapFlag.RDONLY_PROG : 0,
    extra: 0n,
    numaNode: undefined,
    pinning: 'none',
    key: undefined,
    value,
    inner: undefined,
    contents: Object.freeze(name === '.bss' ? [] : [entry]),
    freeze: constant,
    origin: 'data',
  });
}
