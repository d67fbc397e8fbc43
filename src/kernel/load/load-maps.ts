import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { adjustMap, type MapAdjustments } from '../../object/adjust-map.ts';
import type { MapSpec, ObjectSpec, VariableSpec } from '../../object/spec.ts';
import type { Fd } from '../../syscall/fd.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { StructOpsPlan } from '../attach/struct-ops-plan.ts';
import { type KernelFeatures, kernelFeatures } from '../features/features.ts';
import { possibleCpus } from '../machine.ts';
import { BpfMap } from '../maps/map.ts';
import type { MapValue } from '../maps/map-codec.ts';
import { patchVariable } from '../maps/variable.ts';
import { mapTypeName } from '../names.ts';
import { expectRoom, fillArena, joinArena } from './load-arena.ts';
import { type VariableValue, variableContent } from './load-variables.ts';
import type { Token } from './token.ts';

/** What a load may change about maps. */
export interface MapLoadOptions {
  /** Maps to use in place of the object's own, by name. Their contents are left as they are. */
  readonly maps?: Readonly<Record<string, BpfMap>> | undefined;
  /**
   * Initial values of global variables, constants and those in an arena among them: numbers and bytes, and what else
   * their BTF types have: text for `char[]`, objects for structs, arrays.
   */
  readonly variables?: Readonly<Record<string, VariableValue>> | undefined;
  /**
   * Other shapes of maps, by name: sizes, flags, the inner map of a map of maps, and where to pin it.
   *
   * @example `{ glb_tables: { inner: { type: MapType.ARRAY, keySize: 4, valueSize: 8, maxEntries: 65536 } } }`
   */
  readonly mapOptions?: Readonly<Record<string, MapLoadAdjustments>> | undefined;
  /** The directory, in a BPF file system, of maps that ask to be pinned by their name. */
  readonly pinPath?: string | undefined;
}

/** What a map becomes, and where it is pinned. */
export interface MapLoadAdjustments extends MapAdjustments {
  /** Taken from there where it is pinned already; false: not pinned, whatever the object says. */
  readonly pin?: string | false;
}

/** A map of a collection and how it came to be. */
export interface LoadedMap {
  readonly map: BpfMap;
  /** False for maps that were there before: given by the caller, or found at their pin. */
  readonly created: boolean;
  /** True where the caller gave it. */
  readonly given: boolean;
  /** Where it is to be pinned once everything has succeeded. */
  readonly pinAt: string | undefined;
}

type Opened = (map: BpfMap) => BpfMap;

/** What maps are made with besides. */
interface MapMakers {
  readonly structs?: StructOpsPlan;
  readonly token?: Token | undefined;
  readonly features?: KernelFeatures | undefined;
}

/** LIBBPF_PIN_BY_NAME. */
const PIN_BY_NAME = 1;

/** Types whose entries must be as the spec says, or are sized by the machine. */
function maxEntriesOf({ type, maxEntries }: MapSpec): number {
  // One slot a CPU is what every user of a perf event array means by leaving it out.
  return maxEntries === 0 && type === MapType.PERF_EVENT_ARRAY ? possibleCpus() : maxEntries;
}

/**
 * Creates, opens or takes over every map of an object, and fills the data sections.
 *
 * @param own called with each map as soon as it is open, so that a failure closes it
 * @throws {TsbpfError} `MAP_UNKNOWN`, `VARIABLE_UNKNOWN`, `MAP_INCOMPATIBLE`, `PIN_PATH_MISSING`, `ARENA_TOO_SMALL` … @throws {SyscallError}
 */
export function loadMaps(
  spec: ObjectSpec,
  options: MapLoadOptions,
  btf: Fd | undefined,
  own: Opened,
  use: MapMakers = {},
): Map<string, LoadedMap> {
  expectKnown('map', Object.keys(options.maps ?? {}), spec.maps, 'MAP_UNKNOWN');
  expectKnown('map', Object.keys(options.mapOptions ?? {}), spec.maps, 'MAP_UNKNOWN');
  expectKnown('variable', Object.keys(options.variables ?? {}), spec.variables, 'VARIABLE_UNKNOWN');
  const loaded = new Map<string, LoadedMap>();
  const wanted = [...spec.maps.values()]
    .map((map) => adjusted(map, options))
    .filter((map) => (map.structOps && use.structs ? !use.structs.leavesOut(map) : map.autocreate !== false));
  for (const mapSpec of wanted) {
    const entry = loadMap(mapSpec, options, btf, own, use);
    loaded.set(mapSpec.name, entry);
    refuseVariablesOfGiven(spec, mapSpec, entry, options);
    if (entry.map.type === MapType.ARENA) expectRoom(spec, mapSpec, entry.map);
  }
  for (const mapSpec of wanted) fillMap(spec, mapSpec, loaded, options);
  return loaded;
}

function adjusted(spec: MapSpec, { mapOptions }: MapLoadOptions): MapSpec {
  const { pin: _, ...adjustments } = mapOptions?.[spec.name] ?? {};
  return adjustMap(spec, adjustments);
}

function expectKnown(
  noun: string,
  names: readonly string[],
  known: ReadonlyMap<string, unknown>,
  code: string,
): void {
  const name = names.find((wanted) => !known.has(wanted));
  if (name === undefined) return;
  const there = [...known.keys()];
  throw new TsbpfError(code, `the object has no ${noun} '${name}'; it has: ${there.join(', ') || 'none'}`, {
    hint: didYouMean(name, there)[0],
  });
}

function loadMap(
  spec: MapSpec,
  options: MapLoadOptions,
  btf: Fd | undefined,
  own: Opened,
  { structs, token, features }: MapMakers,
): LoadedMap {
  const given = options.maps?.[spec.name];
  const maxEntries = maxEntriesOf(spec);
  if (given) {
    expectCompatible(given, spec, undefined, 'the map given for it');
    return { map: own(given.duplicate()), created: false, given: true, pinAt: undefined };
  }
  const pinAt = pinPathOf(spec, options);
  if (pinAt !== undefined && existsSync(pinAt)) {
    const map = own(BpfMap.openPinned(pinAt));
    expectCompatible(map, spec, maxEntries, `the one pinned at ${pinAt}`);
    expectFlags(map, spec, pinAt);
    return { map, created: false, given: false, pinAt: undefined };
  }
  const map = own(
    spec.structOps && structs
      ? structs.create(spec, btf, token)
      : createMap({ ...spec, flags: flagsOf(spec, features) }, maxEntries, btf, token),
  );
  return { map, created: true, given: false, pinAt };
}

/** Variables are read and written in shared memory where the kernel has that for arrays; constants are not written. */
function flagsOf(
  { flags, origin, freeze, type }: MapSpec,
  features: KernelFeatures = kernelFeatures(),
): number {
  if (origin !== 'data' || freeze || type !== MapType.ARRAY) return flags;
  return features.ask('kernel/mmapable-arrays').state === 'yes' ? flags | MapFlag.MMAPABLE : flags;
}

function createMap(spec: MapSpec, maxEntries: number, btf: Fd | undefined, token?: Token): BpfMap {
  const { name, type, keySize, valueSize, flags, extra, numaNode, key, value, inner } = spec;
  const innerMap = inner && createMap(inner, inner.maxEntries, undefined, token);
  try {
    // The key of a data section has no type.
    const typed = btf && value !== undefined && (key !== undefined || spec.origin === 'data');
    return BpfMap.create({
      name,
      type,
      keySize,
      valueSize,
      maxEntries,
      flags,
      extra,
      numaNode,
      innerMap,
      token,
      btf: typed ? { fd: btf, keyTypeId: key ?? 0, valueTypeId: value } : undefined,
    });
  } finally {
    innerMap?.close();
  }
}

/** PIN_GLOBAL_NS of iproute2, where nothing else is said. */
const GLOBAL_PINS = '/sys/fs/bpf/tc/globals';

function globalPins({ name }: MapSpec): string {
  try {
    mkdirSync(GLOBAL_PINS, { recursive: true });
    return GLOBAL_PINS;
  } catch (cause) {
    throw new TsbpfError(
      'PIN_PATH_MISSING',
      `map '${name}' asks to be pinned in ${GLOBAL_PINS}, which cannot be made`,
      { cause, hint: 'mount -t bpf bpf /sys/fs/bpf, or give pinPath' },
    );
  }
}

function pinPathOf(spec: MapSpec, options: MapLoadOptions): string | undefined {
  const asked = options.mapOptions?.[spec.name]?.pin;
  if (asked !== undefined) return asked === false ? undefined : asked;
  if (spec.pinning === 'none') return undefined;
  if (typeof spec.pinning === 'number' && spec.pinning !== PIN_BY_NAME) return undefined;
  if (options.pinPath === undefined && spec.pinning === 'globalNs') {
    return join(globalPins(spec), spec.name);
  }
  if (options.pinPath !== undefined) return join(options.pinPath, spec.name);
  throw new TsbpfError(
    'PIN_PATH_MISSING',
    `map '${spec.name}' asks to be pinned by its name, but not where`,
    {
      hint: "give pinPath, for example '/sys/fs/bpf'",
    },
  );
}

function expectCompatible(map: BpfMap, spec: MapSpec, maxEntries: number | undefined, which: string): void {
  const differing = [
    ['type', mapTypeName(map.type), mapTypeName(spec.type)],
    ['key size', map.keySize, spec.keySize],
    ['value size', map.valueSize, spec.valueSize],
    ...(maxEntries === undefined ? [] : [['maxEntries', map.maxEntries, maxEntries]]),
  ].find(([, has, wants]) => has !== wants);
  if (!differing) return;
  const [attribute, has, wants] = differing;
  throw new TsbpfError(
    'MAP_INCOMPATIBLE',
    `map '${spec.name}' wants ${attribute} ${wants}, but ${which} has ${attribute} ${has}`,
  );
}

/**
 * A map that was pinned with other flags behaves otherwise: it may not be written to by programs, say. Which ones the
 * kernel keeps: Linux, `kernel/bpf/syscall.c`, bpf_map_flags_retain_permanent(); a devmap gets one of its own.
 */
function expectFlags(map: BpfMap, { name, flags, origin, type, numaNode }: MapSpec, pinAt: string): void {
  let ignored = MapFlag.RDONLY | MapFlag.WRONLY | MapFlag.ZERO_SEED;
  if (type === MapType.DEVMAP || type === MapType.DEVMAP_HASH) ignored |= MapFlag.RDONLY_PROG;
  // Whoever made it, it serves as well.
  if (origin === 'data') ignored |= MapFlag.MMAPABLE;
  const wants = (flags | (numaNode === undefined ? 0 : MapFlag.NUMA_NODE)) & ~ignored;
  const has = map.flags & ~ignored;
  if (wants === has) return;
  throw new TsbpfError(
    'MAP_INCOMPATIBLE',
    `map '${name}' wants flags ${flagNames(wants)}, but the one pinned at ${pinAt} has flags ${flagNames(has)}`,
  );
}

function flagNames(flags: number): string {
  const names = Object.entries(MapFlag).flatMap(([name, flag]) => (flags & flag ? [name] : []));
  return names.join(', ') || 'none';
}

function refuseVariablesOfGiven(
  spec: ObjectSpec,
  map: MapSpec,
  { created }: LoadedMap,
  options: MapLoadOptions,
): void {
  if (created) return;
  const name = Object.keys(options.variables ?? {}).find(
    (name) => spec.variables.get(name)?.map === map.name,
  );
  if (name === undefined) return;
  throw new TsbpfError(
    'VARIABLE_NOT_OURS',
    `variable '${name}' lives in '${map.name}', which existed before and is left as it is`,
    { hint: 'set it after the load' },
  );
}

function fillMap(
  spec: ObjectSpec,
  mapSpec: MapSpec,
  loaded: ReadonlyMap<string, LoadedMap>,
  options: MapLoadOptions,
): void {
  const { map, created } = loaded.get(mapSpec.name)!;
  if (!created && map.type === MapType.ARENA) joinArena(spec, mapSpec, map);
  // The values of structs of functions hold programs, which are loaded later.
  if (!created || mapSpec.structOps) return;
  const variables = Object.entries(options.variables ?? {}).flatMap(([name, value]) => {
    const variable = spec.variables.get(name)!;
    return variable.map === mapSpec.name ? [[variable, variableContent(spec, variable, value)] as const] : [];
  });
  if (map.type === MapType.ARENA) fillArena(spec, mapSpec, map, variables);
  else if (mapSpec.origin === 'data') fillSection(map, mapSpec, variables);
  else {
    for (const entry of mapSpec.contents) {
      if (entry.kind === 'bytes') map.set(entry.key, entry.value);
      else if (entry.kind === 'map') map.set(entry.key, innerOf(loaded, mapSpec, entry.map));
    }
  }
  if (mapSpec.freeze) map.freeze();
}

function fillSection(
  map: BpfMap,
  spec: MapSpec,
  variables: readonly (readonly [VariableSpec, MapValue])[],
): void {
  const section = new Uint8Array(spec.valueSize);
  const [first] = spec.contents;
  if (first?.kind === 'bytes') section.set(first.value.subarray(0, section.length));
  for (const [variable, value] of variables) patchVariable(section, variable, value);
  // The kernel makes its entries of zeros; .bss needs no call.
  if (section.some((byte) => byte !== 0)) map.set(0, section);
}

function innerOf(loaded: ReadonlyMap<string, LoadedMap>, outer: MapSpec, name: string): BpfMap {
  const inner = loaded.get(name);
  if (inner) return inner.map;
  throw new TsbpfError('INNER_MAP_MISSING', `a slot of '${outer.name}' names '${name}', which is no map`);
}
