import { MapType, ProgType } from '../isa/kernel-tables.generated.ts';
import { kindOfTypeName } from '../object/section-names.ts';
import type { ProgramKind } from '../object/spec.ts';
import { TsbpfError } from '../util/errors.ts';
import { didYouMean } from '../util/suggest.ts';

/** BPF_OBJ_NAME_LEN without its NUL. */
const MAX_NAME_LENGTH = 15;

/**
 * A name as the kernel takes it: letters, digits, `_` and `.`, 15 bytes; anything else becomes `_`.
 *
 * @example `kernelName('xdp-root')` is `'xdp_root'`.
 */
export function kernelName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, MAX_NAME_LENGTH);
}

function lowerNames(table: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  // The first name of a number wins: aliases such as CGROUP_STORAGE_DEPRECATED stand beside the plain one.
  for (const [name, value] of Object.entries(table)) {
    if (!names.has(value) || name.length < names.get(value)!.length) names.set(value, name.toLowerCase());
  }
  return names;
}

const mapTypeNames = lowerNames(MapType);
const progTypeNames = lowerNames(ProgType);

/** `prog_array` for MapType.PROG_ARRAY; `type 99` for one that is not known here. */
export function mapTypeName(type: number): string {
  return mapTypeNames.get(type) ?? `type ${type}`;
}

/** `sched_cls` for ProgType.SCHED_CLS; `type 99` for one that is not known here. */
export function progTypeName(type: number): string {
  return progTypeNames.get(type) ?? `type ${type}`;
}

/**
 * A program type by number or name: `xdp`, `sched_cls`, or what a section title may begin with.
 *
 * @throws {TsbpfError} `PROG_TYPE_UNKNOWN`
 */
export function programKindOf(type: ProgType | string): ProgramKind {
  const name = typeof type === 'number' ? progTypeName(type) : type;
  const kind = kindOfTypeName(name);
  if (kind) return kind;
  const names = [...progTypeNames.values()].filter((known) => known !== 'unspec');
  throw new TsbpfError('PROG_TYPE_UNKNOWN', `there is no program type '${name}'`, {
    hint: didYouMean(name.toLowerCase(), names)[0] ?? `known types: ${names.join(', ')}`,
  });
}
