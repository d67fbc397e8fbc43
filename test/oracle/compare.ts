import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { possibleCpus } from '../../src/kernel/machine.ts';
import { bind, extInfo, kernelBtf, link, type MapSpec, type ObjectSpec } from '../../src/object/index.ts';
import type { OracleMap, OracleObject } from './libbpf.ts';

/** What is compared of an object: text and numbers, the same from either side. */
export interface Facts {
  readonly programs: Readonly<Record<string, readonly string[]>>;
  readonly maps: Readonly<Record<string, object>>;
}

export function factsOfLibbpf({ programs, maps }: OracleObject): Facts {
  return {
    programs: Object.fromEntries([...programs].map(([name, { slots }]) => [name, slots])),
    maps: Object.fromEntries(
      [...maps].filter(([, map]) => isPlain(map)).map(([name, map]) => [name, mapOfLibbpf(map)]),
    ),
  };
}

/** Our side, with maps under the numbers that libbpf gave them. */
export function factsOfOurs(spec: ObjectSpec, { programs, fds }: OracleObject): Facts {
  const fdOf = (name: string): number => {
    const fd = fds.get(name);
    if (fd === undefined) throw new Error(`libbpf knows no map '${name}'`);
    return fd;
  };
  return {
    programs: Object.fromEntries(
      [...programs.keys()].map((name) => [
        name,
        slotsOf(bind(link(spec, name), { map: fdOf, mapValue: fdOf })),
      ]),
    ),
    maps: Object.fromEntries(
      [...spec.maps.values()].filter(isPlain).map((map) => [map.name, mapOfOurs(map)]),
    ),
  };
}

/** What the kernel is given of an object's types: the bytes, and slot and type of each program's functions. */
export interface TypeFacts {
  readonly btf: string | undefined;
  readonly functions: Readonly<Record<string, readonly (readonly number[])[]>>;
}

export function typesOfLibbpf({ programs, btf }: OracleObject): TypeFacts {
  return {
    btf,
    functions: Object.fromEntries([...programs].map(([name, { functions }]) => [name, functions])),
  };
}

export function typesOfOurs(spec: ObjectSpec, { programs, btf }: OracleObject): TypeFacts {
  const types = kernelBtf(spec);
  return {
    // libbpf leaves the types away where it needs none of them.
    btf: types && btf !== undefined ? Buffer.from(types).toString('hex') : undefined,
    functions: Object.fromEntries(
      [...programs].map(([name, { functions }]) => [
        name,
        // Ours finds a function's type by its name where libbpf needs .BTF.ext.
        functions.length === 0
          ? []
          : extInfo(link(spec, name)).functions.map(({ slot, type }) => [slot, type]),
      ]),
    ),
  };
}

/** A struct of functions has the running kernel's size in libbpf, and the object's here. */
function isPlain({ type }: { readonly type: number }): boolean {
  return type !== MapType.STRUCT_OPS;
}

function slotsOf(code: Uint8Array): readonly string[] {
  return Buffer.from(code).toString('hex').match(/.{16}/g) ?? [];
}

/** The kernel wants 4 bytes, and one entry a CPU is meant where a number is left out; libbpf leaves the first to the user. */
function perfEventArray(map: {
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
}): object {
  return map.type === MapType.PERF_EVENT_ARRAY
    ? {
        keySize: map.keySize || 4,
        valueSize: map.valueSize || 4,
        maxEntries: map.maxEntries || possibleCpus(),
      }
    : {};
}

/** libbpf maps data sections into memory, which is a choice of the load and none of the object. */
const CHOICE = MapFlag.MMAPABLE;

function mapOfLibbpf(map: OracleMap): object {
  const { slots, numaNode, pinned, frozen, initial, flags, inner, ...rest } = map;
  return {
    ...rest,
    ...perfEventArray(map),
    flags: initial === '' ? flags : flags & ~CHOICE,
    numaNode,
    pinned,
    frozen,
    initial,
    inner,
    slots: Object.fromEntries(slots),
  };
}

function mapOfOurs(map: MapSpec): object {
  const { type, keySize, valueSize, maxEntries, flags, extra, inner } = map;
  const slots = map.contents.flatMap((entry): [number, string][] =>
    entry.kind === 'bytes' ? [] : [[entry.key, entry.kind === 'program' ? entry.program : entry.map]],
  );
  return {
    type,
    keySize,
    valueSize,
    maxEntries,
    ...perfEventArray(map),
    // The kernel looks at the node with this flag only; libbpf leaves the flag to the user.
    flags: map.numaNode === undefined ? flags : flags & ~MapFlag.NUMA_NODE,
    extra,
    numaNode: map.numaNode ?? 0,
    pinned: map.pinning !== 'none',
    frozen: map.freeze,
    initial: initialOf(map),
    inner: inner && [inner.type, inner.keySize, inner.valueSize, inner.maxEntries, inner.flags],
    slots: Object.fromEntries(slots),
  };
}

function initialOf({ origin, contents, valueSize }: MapSpec): string {
  if (origin !== 'data') return '';
  const [entry] = contents;
  return Buffer.from(entry?.kind === 'bytes' ? entry.value : new Uint8Array(valueSize)).toString('hex');
}
