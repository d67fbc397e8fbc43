import { alignUp } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import type { PlacedFunction } from './lower-code.ts';
import type { ObjectDraft } from './object-draft.ts';
import { RelocationType, SectionFlag } from './relocatable.ts';
import type { MapSpec, ObjectSpec, StructOpsSpec } from './spec.ts';

const POINTER_SIZE = 8;

/** A section of structs of functions, each at its place. */
export interface StructOpsSection {
  readonly maps: readonly {
    readonly map: MapSpec;
    readonly structOps: StructOpsSpec;
    readonly offset: number;
  }[];
  /** Bytes. */
  readonly size: number;
}

/** The sections that structs of functions go into, by name: `.struct_ops`, `?.struct_ops.link`. */
export function structOpsSections(spec: ObjectSpec): ReadonlyMap<string, StructOpsSection> {
  const out = new Map<string, { maps: StructOpsSection['maps'][number][]; size: number }>();
  for (const map of spec.maps.values()) {
    const { structOps } = map;
    if (!structOps) continue;
    const name = `${map.autocreate === false ? '?' : ''}.struct_ops${structOps.link ? '.link' : ''}`;
    const section = out.get(name) ?? { maps: [], size: 0 };
    out.set(name, section);
    const offset = alignUp(section.size, POINTER_SIZE);
    section.maps.push({ map, structOps, offset });
    section.size = offset + map.valueSize;
  }
  return out;
}

/** Writes structs of functions; a pointer that the spec names a program for is left to a relocation. */
export function lowerStructOps(
  spec: ObjectSpec,
  draft: ObjectDraft,
  functions: ReadonlyMap<string, PlacedFunction>,
): void {
  for (const [name, { maps, size }] of structOpsSections(spec)) {
    const bytes = new Uint8Array(size);
    const section = draft.section({ name, flags: SectionFlag.ALLOC | SectionFlag.WRITE, bytes });
    for (const { map, structOps, offset } of maps) {
      const [entry] = map.contents;
      if (entry?.kind === 'bytes') bytes.set(entry.value.subarray(0, map.valueSize), offset);
      const common = { type: 'object', binding: 'global' } as const;
      draft.symbol({ name: map.name, section, value: offset, size: map.valueSize, ...common });
      for (const { member, offset: within, program } of structOps.programs) {
        const target = functions.get(program);
        if (!target || within < 0 || within + POINTER_SIZE > map.valueSize)
          throw new TsbpfError(
            'RELOCATION_UNKNOWN',
            `${map.name}.${member} refers to ${program} at byte ${within}: there is no such program or no such place`,
          );
        bytes.fill(0, offset + within, offset + within + POINTER_SIZE);
        draft.relocate(section, offset + within, RelocationType.R_BPF_64_ABS64, target.symbol);
      }
    }
  }
}
