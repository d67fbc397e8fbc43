import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { mapTypeName } from '../names.ts';

/** What maps in a map have to have in common (Linux, `bpf_map_meta_equal()` in `kernel/bpf/map_in_map.c`). */
export interface InnerShape {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** Map types whose size counts as well, unless BPF_F_INNER_MAP says that it does not. */
const SIZED: readonly number[] = [MapType.ARRAY, MapType.PERCPU_ARRAY];

/** What differs between the shape that a map of maps was made with and a map that shall go in; undefined where nothing does. */
export function innerDifference(template: InnerShape, given: InnerShape): string | undefined {
  const sized = SIZED.includes(template.type) && (template.flags & MapFlag.INNER_MAP) === 0;
  const rows: readonly (readonly [string, string | number, string | number])[] = [
    ['type', mapTypeName(template.type), mapTypeName(given.type)],
    ['key size', template.keySize, given.keySize],
    ['value size', template.valueSize, given.valueSize],
    ['flags', `0x${template.flags.toString(16)}`, `0x${given.flags.toString(16)}`],
    ...(sized ? [['maxEntries', template.maxEntries, given.maxEntries] as const] : []),
  ];
  const found = rows.find(([, wants, has]) => wants !== has);
  return found && `its inner maps have ${found[0]} ${found[1]}, but the one given has ${found[2]}`;
}
