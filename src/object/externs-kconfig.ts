import type { Btf } from '../btf/btf.ts';
import type { BtfType } from '../btf/types.ts';
import { MapFlag, MapType } from '../isa/kernel-tables.generated.ts';
import { alignUp, encodeText, viewOf } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import { plainMap } from './maps-legacy.ts';
import type { ExternSpec, KernelFacts, MapSpec, ObjectSpec, VariableSpec } from './spec.ts';

/** The data map that holds the kernel's configuration for a program. */
export const KCONFIG_MAP = '.kconfig';

/** How a value of a configuration is written into a variable. */
type KconfigKind = 'bool' | 'tristate' | 'char' | 'int' | 'text';

/** All values of a kernel's configuration together take less; a text beyond this is a damaged file. */
const MAX_KCONFIG_BYTES = 1 << 20;

interface KconfigVariable {
  readonly name: string;
  readonly weak: boolean;
  readonly kind: KconfigKind;
  readonly signed: boolean;
  readonly size: number;
  readonly align: number;
  readonly offset: number;
  /** Of its VAR's type. */
  readonly type: number;
}

interface KconfigLayout {
  readonly size: number;
  readonly variables: ReadonlyMap<string, KconfigVariable>;
}

/** Specs are frozen, so a layout is made once. */
const layouts: WeakMap<ObjectSpec['externs'], KconfigLayout> = new WeakMap();

/**
 * Where each configuration extern of an object lies: by falling alignment, rising size and name, as
 * other loaders lay them out.
 *
 * @throws {TsbpfError} `KCONFIG_TYPE` for a variable of a type that no configuration value has
 */
function layoutOf({ externs, btf }: ObjectSpec): KconfigLayout {
  const known = layouts.get(externs);
  if (known) return known;
  const all = [...externs.values()].filter(({ kind }) => kind === 'kconfig');
  const shaped = all.flatMap((extern) => (btf ? [shapeOf(btf, extern)] : []));
  shaped.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  const variables = new Map<string, KconfigVariable>();
  for (const shape of shaped) {
    const offset = alignUp(end, shape.align);
    end = offset + shape.size;
    variables.set(shape.name, { ...shape, offset });
  }
  if (end > MAX_KCONFIG_BYTES)
    throw new TsbpfError(
      'KCONFIG_TYPE',
      `the configuration externs take ${end} bytes, more than ${MAX_KCONFIG_BYTES}`,
    );
  const layout = { size: end, variables };
  layouts.set(externs, layout);
  return layout;
}

/** The place of a configuration extern in the `.kconfig` map. */
export function kconfigOffset(spec: ObjectSpec, name: string): number | undefined {
  return layoutOf(spec).variables.get(name)?.offset;
}

function shapeOf(btf: Btf, { name, weak, type }: ExternSpec): Omit<KconfigVariable, 'offset'> {
  const declared = type === undefined ? undefined : btf.type(type);
  const id = declared?.kind === 'var' ? declared.type : 0;
  const resolved = btf.resolve(id);
  const kind = kindOf(btf, resolved);
  if (kind === undefined)
    throw new TsbpfError('KCONFIG_TYPE', `extern ${name} is of a type that no configuration value has`, {
      hint: 'declare it as bool, char, an integer, enum libbpf_tristate or an array of char',
    });
  const size = btf.sizeOf(id);
  const align = kind === 'text' ? 1 : size;
  return { name, weak, kind, signed: resolved.kind === 'int' && resolved.signed, size, align, type: id };
}

function kindOf(btf: Btf, type: BtfType): KconfigKind | undefined {
  switch (type.kind) {
    case 'int':
      if (type.bool) return type.size === 1 ? 'bool' : undefined;
      if (type.size === 1) return 'char';
      return [2, 4, 8].includes(type.size) ? 'int' : undefined;
    case 'enum':
    case 'enum64':
      return type.name === 'libbpf_tristate' ? 'tristate' : undefined;
    case 'array': {
      const element = btf.resolve(type.type);
      return element.kind === 'int' && element.size === 1 && !element.bool && type.count > 0
        ? 'text'
        : undefined;
    }
    default:
      return undefined;
  }
}

const LINE = /^(CONFIG_\w+)=(.*)$/gm;

/**
 * Reads a kernel's configuration as `/proc/config.gz` and `/boot/config-*` hold it; what is not
 * set is not in the result.
 *
 * @example `parseKconfig('CONFIG_HZ=250\n# CONFIG_X is not set\n').get('CONFIG_HZ')` is `'250'`.
 */
export function parseKconfig(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(LINE)].map((match) => [match[1]!, match[2]!.trimEnd()]));
}

/**
 * The spec with a `.kconfig` data map, read-only and frozen, that holds the values of its
 * configuration externs, and a variable for each. The spec itself where it has none.
 *
 * @throws {TsbpfError} `EXTERN_UNRESOLVED` for one that is neither known nor weak, `KCONFIG_TYPE`,
 * `KCONFIG_VALUE`
 */
export function withKconfig(spec: ObjectSpec, facts: KernelFacts): ObjectSpec {
  const { size, variables } = layoutOf(spec);
  if (size === 0 || spec.maps.has(KCONFIG_MAP)) return spec;
  const value = new Uint8Array(size);
  const view = viewOf(value);
  for (const variable of variables.values()) writeValue(spec, facts, view, variable);
  const map: MapSpec = Object.freeze({
    ...plainMap(KCONFIG_MAP, MapType.ARRAY, 'data'),
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: MapFlag.RDONLY_PROG,
    value: spec.btf?.findByName(KCONFIG_MAP, 'datasec'),
    contents: Object.freeze([Object.freeze({ kind: 'bytes', key: new Uint8Array(4), value } as const)]),
    freeze: true,
  });
  const specs = [...variables.values()].map(
    ({ name, offset, size: bytes, type }): VariableSpec =>
      Object.freeze({ name, map: KCONFIG_MAP, offset, size: bytes, type, constant: true }),
  );
  return Object.freeze({
    ...spec,
    maps: new Map([...spec.maps, [KCONFIG_MAP, map]]),
    variables: new Map([...spec.variables, ...specs.map((variable) => [variable.name, variable] as const)]),
  });
}

function writeValue(
  { endian }: ObjectSpec,
  facts: KernelFacts,
  view: DataView,
  variable: KconfigVariable,
): void {
  const { name, weak } = variable;
  const text = name.startsWith('CONFIG_') ? facts.kconfig?.get(name) : virtualValue(name, facts);
  if (text === undefined) {
    if (weak) return;
    throw unresolved(name, facts);
  }
  if (/^[ynm]$/.test(text)) writeTristate(view, variable, text, endian === 'little');
  else if (text.startsWith('"')) writeText(view, variable, text);
  else writeNumber(view, variable, text, endian === 'little');
}

function unresolved(name: string, facts: KernelFacts): TsbpfError {
  if (!name.startsWith('CONFIG_'))
    return new TsbpfError('EXTERN_UNRESOLVED', `extern ${name}: nothing is known of it`, {
      hint: 'names are CONFIG_…, LINUX_KERNEL_VERSION, LINUX_HAS_BPF_COOKIE and LINUX_HAS_SYSCALL_WRAPPER',
    });
  const why = facts.kconfig
    ? "is not set in the kernel's configuration"
    : "needs the kernel's configuration, which is not known";
  return new TsbpfError('EXTERN_UNRESOLVED', `extern ${name} ${why}`, {
    hint: `declare it __weak to have zero then: extern … ${name} __kconfig __weak;`,
  });
}

/** The release that brought bpf_get_attach_cookie(). */
const BPF_COOKIE_VERSION = (5 << 16) | (15 << 8);

function virtualValue(name: string, facts: KernelFacts): string | undefined {
  switch (name) {
    case 'LINUX_KERNEL_VERSION':
      return facts.version?.toString();
    case 'LINUX_HAS_BPF_COOKIE': {
      const has = facts.hasBpfCookie ?? (facts.version && facts.version >= BPF_COOKIE_VERSION);
      return has === undefined ? undefined : String(Number(has));
    }
    case 'LINUX_HAS_SYSCALL_WRAPPER': {
      const has = facts.hasSyscallWrapper ?? hasSyscallWrapper(facts);
      return has === undefined ? undefined : String(Number(has));
    }
    default:
      return undefined;
  }
}

/** bpf(2) by the name that it has with a wrapper, on each architecture that has them (Linux, ARCH_HAS_SYSCALL_WRAPPER). */
const WRAPPED = ['x64', 'arm64', 's390x', 'riscv', 'powerpc', 'loongarch'].map((arch) => `__${arch}_sys_bpf`);

function hasSyscallWrapper({ btf, kallsyms }: KernelFacts): boolean | undefined {
  if (kallsyms) return WRAPPED.some((name) => kallsyms.get(name) !== undefined);
  return btf && WRAPPED.some((name) => btf.findByName(name, 'func') !== undefined);
}

const TRISTATE: Readonly<Record<string, number>> = { n: 0, y: 1, m: 2 };

function writeTristate(view: DataView, variable: KconfigVariable, text: string, little: boolean): void {
  const { kind, offset, size, name } = variable;
  if (kind === 'bool' && text !== 'm') view.setUint8(offset, Number(text === 'y'));
  else if (kind === 'char') view.setUint8(offset, text.charCodeAt(0));
  else if (kind === 'tristate') writeInt(view, offset, size, BigInt(TRISTATE[text]!), little);
  else throw wrongType(name, text, kind === 'bool' ? 'enum libbpf_tristate' : 'bool or enum libbpf_tristate');
}

function writeText(view: DataView, { kind, name, offset, size }: KconfigVariable, text: string): void {
  if (kind !== 'text') throw wrongType(name, text, 'an array of char');
  if (text.length < 2 || !text.endsWith('"'))
    throw new TsbpfError('KCONFIG_VALUE', `${name}=${text} is a text without end`);
  const bytes = encodeText(text.slice(1, -1)).subarray(0, size - 1);
  for (const [index, byte] of bytes.entries()) view.setUint8(offset + index, byte);
}

function writeNumber(view: DataView, variable: KconfigVariable, text: string, little: boolean): void {
  const { kind, name, offset, size, signed } = variable;
  const value = parseNumber(text);
  if (value === undefined)
    throw new TsbpfError('KCONFIG_VALUE', `${name}=${text} is no number, text or y, n, m`);
  if (kind === 'text' || kind === 'tristate') throw wrongType(name, text, 'an integer');
  const bits = size * 8;
  const max = kind === 'bool' ? 1n : (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
  const min = signed ? -(1n << BigInt(bits - 1)) : 0n;
  if (value < min || value > max)
    throw new TsbpfError(
      'KCONFIG_VALUE',
      `${name}=${text} does not fit ${size === 1 ? 'the byte' : `the ${size} bytes`} of its extern`,
      {
        hint: 'declare it with a wider type',
      },
    );
  writeInt(view, offset, size, value, little);
}

function parseNumber(text: string): bigint | undefined {
  if (/^-\d+$/.test(text)) return BigInt(text);
  // As the C library reads a number: a leading 0 is for octal digits.
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^(?:\d+|0[xX][0-9a-fA-F]+)$/.test(text) ? BigInt(text) : undefined;
}

function writeInt(view: DataView, offset: number, size: number, value: bigint, little: boolean): void {
  for (let index = 0; index < size; index++) {
    const at = little ? index : size - 1 - index;
    view.setUint8(offset + at, Number((value >> BigInt(8 * index)) & 0xffn));
  }
}

function wrongType(name: string, text: string, wanted: string): TsbpfError {
  return new TsbpfError('KCONFIG_VALUE', `${name}=${text} does not fit the type of its extern`, {
    hint: `declare it as ${wanted}`,
  });
}
