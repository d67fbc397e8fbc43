import { MapFlag, MapType } from '../../isa/kernel-tables.generated.ts';
import { MAP_SIZES } from '../../isa/map-sizes.ts';
import type { MapSpec } from '../../object/spec.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Argument, Range } from '../syntax/ast.ts';
import type { CType } from '../types/c-type.ts';
import { parseTypeName } from '../types/declarations.ts';
import { Arguments } from './arguments.ts';
import type { Assembler, DirectiveStatement } from './assembler.ts';

/** A `.map` line with the `.entry` lines that follow it. */
export interface MapDeclaration {
  readonly range: Range;
  readonly typeName: string;
  readonly spec: Omit<MapSpec, 'contents'>;
  readonly entries: { readonly key: number; readonly target: string; readonly range: Range }[];
  /** The map that tells what those inside are like. */
  readonly inner: (Range & { readonly name: string }) | undefined;
}

const OPTIONS = ['key', 'value', 'entries', 'flags', 'extra', 'numa', 'pinning', 'inner'] as const;
type OptionName = (typeof OPTIONS)[number];

const MEANING: Readonly<Record<OptionName, string>> = {
  key: 'the size of a key in bytes',
  value: 'the size of a value in bytes',
  entries: 'the number of entries',
  flags: 'map flags such as BPF_F_NO_PREALLOC',
  extra: 'map_extra, a number',
  numa: 'a NUMA node',
  pinning: "'by_name' or 'none'",
  inner: 'the name of a map like those inside',
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
  const types = readTypes(assembler, options);
  const sizes = types && readSizes(args, name.name, typeName as keyof typeof MapType, { options, types });
  const rest = readRest(args, options);
  const inner = readInner(args, options, type);
  if (!types || !sizes || !rest || inner === 'broken') return undefined;
  const { debug } = assembler;
  const described = STORAGE.has(type) ? typesOfStorage(assembler, types, sizes) : types;
  const spec = {
    name: name.name,
    type,
    ...sizes,
    ...rest,
    key: described.key && debug.types.idOf(described.key.type),
    value: described.value && debug.types.idOf(described.value.type),
    inner: undefined,
    freeze: false,
    origin: 'language' as const,
  };
  return { range: name, typeName: typeName.toLowerCase(), spec, entries: [], inner };
}

type Option = Extract<Argument, { kind: 'option' | 'typed' }>;
type Options = Map<OptionName, Option>;

/** A key's or value's type, which tells its size. */
interface SizedType {
  readonly type: CType;
  readonly size: number;
}

type Types = Readonly<Partial<Record<'key' | 'value', SizedType>>>;

function readOptions(args: Arguments): Options | undefined {
  const options: Options = new Map();
  let sound = true;
  for (; args.more; args.skip()) {
    const arg = args.peek()!;
    const problem = optionProblem(arg, options);
    if (problem) {
      args.error(
        arg.kind === 'option' || arg.kind === 'typed' ? arg.nameRange : arg,
        problem.message,
        problem.help,
      );
      sound = false;
    } else if (arg.kind === 'option' || arg.kind === 'typed') options.set(arg.name as OptionName, arg);
  }
  return sound ? options : undefined;
}

function optionProblem(
  arg: Argument,
  options: Options,
): { readonly message: string; readonly help: string[] } | undefined {
  if (arg.kind !== 'option' && arg.kind !== 'typed')
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

/** The text of an option's value as C's type, where it is one. */
function textOf(
  assembler: Assembler,
  option: Option,
): { readonly text: string; readonly base: number } | undefined {
  if (option.kind === 'typed') return { text: option.text.text, base: option.text.start };
  const { value } = option;
  if (value.kind !== 'name') return undefined;
  // What nothing is called is rather the type that was meant than the size.
  const { types } = assembler.language;
  const isType = types.find(value.name) !== undefined || !assembler.isDefined(value.name);
  return isType ? { text: value.name, base: value.start } : undefined;
}

/** Types of keys and values; undefined after a problem. */
function readTypes(assembler: Assembler, options: Options): Types | undefined {
  const { types } = assembler.language;
  const found: Partial<Record<'key' | 'value', SizedType>> = {};
  for (const which of ['key', 'value'] as const) {
    const option = options.get(which);
    const text = option && textOf(assembler, option);
    if (!text) continue;
    const type = parseTypeName(types, text);
    const size = type && types.sizeOf(type, { start: text.base, end: text.base + text.text.length });
    if (!type || size === undefined) return undefined;
    found[which] = { type, size };
  }
  return found;
}

const STORAGE: ReadonlySet<number> = new Set([
  MapType.SK_STORAGE,
  MapType.INODE_STORAGE,
  MapType.TASK_STORAGE,
  MapType.CGRP_STORAGE,
]);

/** These the kernel creates only with types (Linux, `bpf_local_storage_map_alloc_check`): what was not told is bytes. */
function typesOfStorage({ language }: Assembler, types: Types, { valueSize }: { valueSize: number }): Types {
  const made = (text: string, size: number): SizedType => ({
    type: parseTypeName(language.types, { text })!,
    size,
  });
  return {
    key: types.key ?? made('int', 4),
    value: types.value ?? made(`unsigned char[${valueSize}]`, valueSize),
  };
}

const HOLDS_MAPS: ReadonlySet<number> = new Set([MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS]);

function readInner(
  args: Arguments,
  options: Options,
  type: MapType,
): (Range & { readonly name: string }) | undefined | 'broken' {
  const option = options.get('inner');
  if (!option) {
    if (!HOLDS_MAPS.has(type)) return undefined;
    args.error(args.line, "a map of maps needs 'inner=', the name of a map like those inside");
    return 'broken';
  }
  if (option.kind === 'option' && option.value.kind === 'name' && HOLDS_MAPS.has(type)) return option.value;
  args.error(
    option,
    HOLDS_MAPS.has(type) ? "'inner=' takes the name of a map" : 'only maps of maps have something inside',
  );
  return 'broken';
}

function readSizes(
  args: Arguments,
  map: string,
  typeName: keyof typeof MapType,
  { options, types }: { readonly options: Options; readonly types: Types },
): Pick<MapSpec, 'keySize' | 'valueSize' | 'maxEntries'> | undefined {
  const defaults = MAP_SIZES[typeName] ?? {};
  const read = (option: 'key' | 'value' | 'entries'): number | undefined => {
    const typed = option === 'entries' ? undefined : types[option];
    if (typed) return typed.size;
    const given = options.get(option);
    if (given) return numberOf(args, given, option);
    if (defaults[option] !== undefined) return defaults[option];
    const type = option === 'entries' ? '' : `the type of a ${option} or `;
    return args.error(args.line, `map '${map}' needs '${option}=', ${type}${MEANING[option]}`);
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
    return given ? numberOf(args, given, option) : 0;
  };
  const [flags, extra, numa] = [read('flags'), read('extra'), read('numa')];
  const pinning = readPinning(args, options.get('pinning'));
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

function numberOf(args: Arguments, option: Option, name: OptionName): number | undefined {
  if (option.kind === 'option') return args.valueOf(option.value, MEANING[name], 0, MAX_U32);
  return args.error(option.text, `'${option.text.text}' is no number`);
}

function readPinning(args: Arguments, option: Option | undefined): 'none' | 'byName' | undefined {
  if (!option) return 'none';
  const value = option.kind === 'option' && option.value.kind === 'name' ? option.value.name : undefined;
  if (value === 'by_name') return 'byName';
  if (value === 'none') return 'none';
  return args.error(option.kind === 'option' ? option.value : option.text, `pinning is ${MEANING.pinning}`);
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
  const holdsMaps = map.spec.type === MapType.ARRAY_OF_MAPS;
  if (map.spec.type !== MapType.PROG_ARRAY && !holdsMaps) {
    args.error(line.nameRange, `a map of type '${map.typeName}' cannot have entries from the start`, [
      "a 'prog_array' can have programs, an 'array_of_maps' maps",
    ]);
    return;
  }
  const last = Math.max(0, map.spec.maxEntries - 1);
  const key = args.number(`the slot of map '${map.spec.name}'`, 0, last);
  const target = key === undefined ? undefined : args.name(`the name of a ${holdsMaps ? 'map' : 'program'}`);
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
