import { MapType } from '../../isa/kernel-tables.generated.ts';
import { MAP_DOCS } from '../../isa/map-docs.ts';
import { MAP_SIZES } from '../../isa/map-sizes.ts';
import { facts, type Page, type Shelf } from './page.ts';

type MapName = keyof typeof MapType;
const NAMES = Object.keys(MAP_DOCS) as MapName[];

/** How many entries an example asks for; what the kernel demands where it leaves no choice. */
function exampleEntries(name: MapName): number {
  if (name.endsWith('RINGBUF')) return 4096;
  if (name.endsWith('CGROUP_STORAGE')) return 0;
  return name === 'STRUCT_OPS' ? 1 : 64;
}

function exampleFlags(name: MapName): string | undefined {
  if (name === 'ARENA') return 'BPF_F_MMAPABLE';
  const allocates = name === 'LPM_TRIE' || /^(SK|INODE|TASK|CGRP)_STORAGE$/.test(name);
  return allocates ? 'BPF_F_NO_PREALLOC' : undefined;
}

/** A `.map` line that the assembler takes, with the sizes that it must have. */
export function exampleMap(name: MapName): string {
  const sizes = MAP_SIZES[name] ?? {};
  const flags = exampleFlags(name);
  const hasLongKey = name === 'LPM_TRIE' || name.endsWith('CGROUP_STORAGE');
  const options = [
    ...(sizes.key === undefined ? [`key=${hasLongKey ? 8 : 4}`] : []),
    ...(sizes.value === undefined ? ['value=8'] : []),
    ...(sizes.entries === undefined ? [`entries=${exampleEntries(name)}`] : []),
    ...(flags === undefined ? [] : [`flags=${flags}`]),
  ];
  const holdsMaps = name === 'ARRAY_OF_MAPS' || name === 'HASH_OF_MAPS';
  const inside = holdsMaps ? ['.map my_inner, array, key=4, value=8, entries=16'] : [];
  const map = [
    `.map my_map, ${name.toLowerCase()}`,
    ...(holdsMaps ? ['inner=my_inner'] : []),
    ...options,
  ].join(', ');
  return [...inside, map].join('\n');
}

function page(name: MapName): Page {
  const doc = MAP_DOCS[name]!;
  const sizes = MAP_SIZES[name] ?? {};
  const bytes = (text: string, size: number | undefined): string =>
    size === undefined || text.includes('byte') || text === 'none' ? text : `${text}, ${size} bytes`;
  return {
    kind: 'map',
    name: name.toLowerCase(),
    summary: doc.text,
    blocks: [
      { kind: 'text', text: doc.text },
      { kind: 'code', language: 'asm', text: exampleMap(name) },
      facts(
        ['number', `${MapType[name]}, BPF_MAP_TYPE_${name}`],
        ['keys', bytes(doc.key, sizes.key)],
        ['values', bytes(doc.value, sizes.value)],
        ['entries', doc.entries],
        ['helpers', doc.helpers.length === 0 ? undefined : doc.helpers.join(', ')],
        ['Linux', doc.since],
      ),
    ],
    data: {
      id: MapType[name],
      key: doc.key,
      value: doc.value,
      entries: doc.entries,
      sizes,
      helpers: doc.helpers,
      since: doc.since,
    },
  };
}

export const maps: Shelf = {
  kind: 'map',
  title: 'Map types',
  file: 'docs/reference/maps.md',
  introduction:
    'Maps hold what programs remember and what they share with user space. `entries` is `max_entries` of the kernel. The helpers are those that programs use a type with; user space uses bpf(2).',
  list: () => NAMES.map((name) => ({ name: name.toLowerCase(), summary: MAP_DOCS[name]!.text })),
  find: (name) => {
    const wanted = name.replace(/^BPF_MAP_TYPE_/, '').toUpperCase() as MapName;
    // A deprecated name is the same type.
    return NAMES.filter((known) => known === wanted || MapType[known] === MapType[wanted]).map(page);
  },
  spellings: () => NAMES.map((name) => name.toLowerCase()),
};
