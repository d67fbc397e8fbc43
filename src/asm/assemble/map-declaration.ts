import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import type { MapSpec } from '../../object/spec.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Argument, Expr, Range } from '../syntax/ast.ts';
import { Arguments } from './arguments.ts';
import type { Assembler, DirectiveStatement } from './assembler.ts';

/** A `.map` line with the `.entry` lines that follow it. */
export interface MapDeclaration {
  readonly range: Range;
  readonly typeName: string;
  readonly spec: Omit<MapSpec, 'contents'>;
  readonly entries: { readonly key: number; readonly target: string; readonly range: Range }[];
}

/** Sizes that a map type has no choice about, or that can be left out. */
interface TypeDefaults {
  readonly key?: number;
  readonly value?: number;
  readonly entries?: number;
}

const HOLDS_DESCRIPTORS: TypeDefaults = { key: 4, value: 4 };
const KEYLESS: TypeDefaults = { key: 0 };
const RING: TypeDefaults = { key: 0, value: 0 };
const STORAGE: TypeDefaults = { key: 4, entries: 0 };

const DEFAULTS: Readonly<Partial<Record<keyof typeof MapType, TypeDefaults>>> = {
  PROG_ARRAY: HOLDS_DESCRIPTORS,
  // As many as there are CPUs, which the loader knows.
  PERF_EVENT_ARRAY: { ...HOLDS_DESCRIPTORS, entries: 0 },
  CGROUP_ARRAY: HOLDS_DESCRIPTORS,
  ARRAY_OF_MAPS: HOLDS_DESCRIPTORS,
  HASH_OF_MAPS: { value: 4 },
  DEVMAP: HOLDS_DESCRIPTORS,
  DEVMAP_HASH: HOLDS_DESCRIPTORS,
  CPUMAP: HOLDS_DESCRIPTORS,
  XSKMAP: HOLDS_DESCRIPTORS,
  SOCKMAP: HOLDS_DESCRIPTORS,
  QUEUE: KEYLESS,
  STACK: KEYLESS,
  BLOOM_FILTER: KEYLESS,
  RINGBUF: RING,
  USER_RINGBUF: RING,
  ARENA: RING,
  SK_STORAGE: STORAGE,
  INODE_STORAGE: STORAGE,
  TASK_STORAGE: STORAGE,
  CGRP_STORAGE: STORAGE,
};

const OPTIONS = ['key', 'value', 'entries', 'flags', 'extra', 'numa', 'pinning'] as const;
type OptionName = (typeof OPTIONS)[number];

const MEANING: Readonly<Record<OptionName, string>> = {
  key: 'the size of a key in bytes',
  value: 'the size of a value in bytes',
  entries: 'the number of entries',
  flags: 'map flags such as BPF_F_NO_PREALLOC',
  extra: 'map_extra, a number',
  numa: 'a NUMA node',
  pinning: "'by_name' or 'none'",
};

const MAX_U32 = 2 ** 32 - 1;

/** Names of map types as they are written here: `prog_array`. */
function mapTypeNames(): string[] {
  return Object.keys(MapType).map((name) => name.toLowerCase());
}

/** `.map NAME, TYPE, key=4, value=8, entries=16` */
export function declareMap(assembler: Assembler, line: DirectiveStatement): MapDeclaration | undefined {
  const args = new Arguments(assembler, line);
  const name = args.name('the name of the map');
  const typeArg = name && args.name("the map's type, such as 'hash'");
  if (!name || !typeArg) return undefined;
  const typeName = typeArg.name.replace(/^BPF_MAP_TYPE_/, '').toUpperCase();
  const type = (MapType as Readonly<Record<string, number>>)[typeName] as MapType | undefined;
  if (type === undefined)
    return args.error(
      typeArg,
      `there is no map type '${typeArg.name}'`,
      didYouMean(typeArg.name, mapTypeNames()),
    );
  const options = readOptions(args);
  if (!options) return undefined;
  const sizes = readSizes(args, name.name, typeName as keyof typeof MapType, options);
  const rest = readRest(args, options);
  if (!sizes || !rest) return undefined;
  const spec = {
    name: name.name,
    type,
    ...sizes,
    ...rest,
    key: undefined,
    value: undefined,
    inner: undefined,
    freeze: false,
    origin: 'language' as const,
  };
  return { range: name, typeName: typeName.toLowerCase(), spec, entries: [] };
}

type Options = Map<OptionName, Extract<Argument, { kind: 'option' }>>;

function readOptions(args: Arguments): Options | undefined {
  const options: Options = new Map();
  let sound = true;
  for (; args.more; args.skip()) {
    const arg = args.peek()!;
    const problem = optionProblem(arg, options);
    if (problem) {
      args.error(arg.kind === 'option' ? arg.nameRange : arg, problem.message, problem.help);
      sound = false;
    } else if (arg.kind === 'option') options.set(arg.name as OptionName, arg);
  }
  return sound ? options : undefined;
}

function optionProblem(
  arg: Argument,
  options: Options,
): { readonly message: string; readonly help: string[] } | undefined {
  if (arg.kind !== 'option')
    return { message: 'expected an option such as key=4', help: [`the options are ${OPTIONS.join(', ')}`] };
  if (!OPTIONS.includes(arg.name as OptionName)) {
    const help = didYouMean(arg.name, OPTIONS);
    return {
      message: `a map has no option '${arg.name}'`,
      help: help.length > 0 ? help : [`the options are ${OPTIONS.join(', ')}`],
    };
  }
  return options.has(arg.name as OptionName)
    ? { message: `'${arg.name}' is given twice`, help: [] }
    : undefined;
}

function readSizes(
  args: Arguments,
  map: string,
  typeName: keyof typeof MapType,
  options: Options,
): Pick<MapSpec, 'keySize' | 'valueSize' | 'maxEntries'> | undefined {
  const defaults = DEFAULTS[typeName] ?? {};
  const read = (option: 'key' | 'value' | 'entries'): number | undefined => {
    const given = options.get(option);
    if (given) return args.valueOf(given.value, MEANING[option], 0, MAX_U32);
    if (defaults[option] !== undefined) return defaults[option];
    return args.error(args.line, `map '${map}' needs '${option}=', ${MEANING[option]}`);
  };
  const [keySize, valueSize, maxEntries] = [read('key'), read('value'), read('entries')];
  if (keySize === undefined || valueSize === undefined || maxEntries === undefined) return undefined;
  return { keySize, valueSize, maxEntries };
}

function readRest(
  args: Arguments,
  options: Options,
): Pick<MapSpec, 'flags' | 'extra' | 'numaNode' | 'pinning'> | undefined {
  const read = (option: OptionName): number | undefined => {
    const given = options.get(option);
    return given ? args.valueOf(given.value, MEANING[option], 0, MAX_U32) : 0;
  };
  const [flags, extra, numa] = [read('flags'), read('extra'), read('numa')];
  const pinning = readPinning(args, options.get('pinning')?.value);
  if (flags === undefined || extra === undefined || numa === undefined || pinning === undefined)
    return undefined;
  const onNode = options.has('numa');
  return {
    flags: onNode ? flags | MapFlag.NUMA_NODE : flags,
    extra: BigInt(extra),
    numaNode: onNode ? numa : undefined,
    pinning,
  };
}

function readPinning(args: Arguments, value: Expr | undefined): 'none' | 'byName' | undefined {
  if (!value) return 'none';
  if (value.kind === 'name' && value.name === 'by_name') return 'byName';
  if (value.kind === 'name' && value.name === 'none') return 'none';
  return args.error(value, `pinning is ${MEANING.pinning}`);
}

/** `.entry KEY, PROGRAM`: what the map holds from the start. */
export function declareEntry(assembler: Assembler, line: DirectiveStatement): void {
  if (assembler.mapIsBroken) return;
  const args = new Arguments(assembler, line);
  const map = assembler.maps[assembler.maps.length - 1];
  if (!map) {
    args.error(line.nameRange, "'.entry' belongs below a '.map' line");
    return;
  }
  if (map.spec.type !== MapType.PROG_ARRAY) {
    args.error(line.nameRange, `a map of type '${map.typeName}' cannot have programs as entries`, [
      "a 'prog_array' can",
    ]);
    return;
  }
  const last = Math.max(0, map.spec.maxEntries - 1);
  const key = args.number(`the slot of map '${map.spec.name}'`, 0, last);
  const target = key === undefined ? undefined : args.name('the name of a program');
  if (key === undefined || !target || !args.end()) return;
  const twin = map.entries.find((entry) => entry.key === key);
  if (twin)
    assembler.problems.error(
      line.args[0]!,
      'defined-twice',
      `slot ${key} of map '${map.spec.name}' is filled twice`,
      {
        labels: [assembler.problems.label(twin.range, 'first filled here')],
      },
    );
  else map.entries.push({ key, target: target.name, range: { start: target.start, end: target.end } });
}
