import type { Btf } from './btf.ts';
import type { BtfEnum } from './types.ts';
import { bytesKey, type ComposedShape, type MemberShape, valueShape } from './value-shape.ts';

/** Types within each other by value. */
const MAX_DEPTH = 100;

export interface BtfToTypeScriptOptions {
  /** Types to print, with all that they hold; by default every named struct, union and enumeration. */
  readonly roots?: Iterable<number>;
  /** Makes a type's name of the one in C; that itself by default. */
  readonly rename?: (name: string) => string;
}

/**
 * TypeScript declarations for values of C types: an interface for each struct and union, a constant
 * object for each enumeration.
 *
 * | C | TypeScript |
 * |---|---|
 * | `_Bool` | `boolean` |
 * | integers of up to 4 bytes | `number` |
 * | integers of 8 and 16 bytes, pointers | `bigint` |
 * | enumerations | `number`, or `bigint` of 8 bytes, since flags are combined; the values are a constant |
 * | `float`, `double` | `number` |
 * | `char[n]` | `string`, up to the first NUL |
 * | other arrays of bytes | `Uint8Array` |
 * | other arrays | `T[]` |
 * | struct | interface; members of anonymous structs stand among the others |
 * | union | interface with `bytes` and, optional, each view of them |
 * | anonymous union in a struct | member `union0`, `union1` … |
 *
 * {@link btfCodec} reads and writes exactly these.
 *
 * @throws {FormatError} `BTF_NO_SUCH_TYPE`, `BTF_CYCLE`
 *
 * @example
 * ```ts
 * btfToTypeScript(btf, { roots: [btf.findByName('event', 'struct')!] });
 * // export interface event {
 * //   pid: number;
 * // }
 * ```
 */
export function btfToTypeScript(btf: Btf, options: BtfToTypeScriptOptions = {}): string {
  const printer = new BtfTypeScript(btf, options);
  for (const id of options.roots ?? namedTypes(btf)) printer.typeOf(id);
  return printer.text;
}

function* namedTypes(btf: Btf): Generator<number> {
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if (('members' in type || 'values' in type) && type.name !== '') yield id;
  }
}

/**
 * Prints TypeScript for some types, one after the other, for who needs their names as well.
 *
 * @example
 * ```ts
 * const types = new BtfTypeScript(btf);
 * const value = types.typeOf(map.value); // 'event'
 * const source = `${types.text}\nexport type Events = TypedMap<number, ${value}>;\n`;
 * ```
 */
export class BtfTypeScript {
  readonly #btf: Btf;
  readonly #rename: (name: string) => string;
  readonly #names: Map<number, string> = new Map();
  readonly #taken: Set<string> = new Set(RESERVED);
  readonly #chunks: string[] = [];

  constructor(btf: Btf, options: Pick<BtfToTypeScriptOptions, 'rename'> = {}) {
    this.#btf = btf;
    this.#rename = options.rename ?? ((name) => name);
  }

  /** The declarations of all types that were asked for, and of what they hold. */
  get text(): string {
    return this.#chunks.join('\n');
  }

  /** A TypeScript type for values of a C type; declares it where it has a name. */
  typeOf(id: number): string {
    return this.#typeOf(id, 0, '');
  }

  /** @param where what a type without a name is called after */
  #typeOf(id: number, depth: number, where: string): string {
    if (depth > MAX_DEPTH)
      throw this.#btf.error('BTF_CYCLE', `types/${id}`, `${MAX_DEPTH} types lie within each other`);
    const shape = valueShape(this.#btf, id);
    switch (shape.kind) {
      case 'bool':
        return 'boolean';
      case 'int':
        return intType(shape.size);
      case 'enum':
        return this.#enum(id, shape.id) ?? intType(shape.size);
      case 'float':
        return 'number';
      case 'text':
        return 'string';
      case 'bytes':
        return 'Uint8Array';
      case 'array':
        return `${this.#typeOf(shape.element, depth + 1, where)}[]`;
      case 'struct':
      case 'union':
        return this.#composed(id, shape, depth, where);
    }
  }

  #enum(id: number, enumId: number): string | undefined {
    const known = this.#names.get(enumId);
    if (known !== undefined) return known;
    const type = this.#btf.type(enumId) as BtfEnum;
    const cName = this.#nameOf(id, enumId);
    if (cName === '') return undefined;
    const name = this.#claim(enumId, cName);
    const suffix = type.size > 4 ? 'n' : '';
    const values = type.values.map((each) => `  ${propertyKey(each.name)}: ${each.value}${suffix},\n`);
    this.#chunks.push(
      `/** enum ${comment(cName)}, ${type.size} bytes. */\nexport const ${name} = {\n${values.join('')}} as const;\nexport type ${name} = ${intType(type.size)};\n`,
    );
    return name;
  }

  #composed(id: number, shape: ComposedShape, depth: number, where: string): string {
    const known = this.#names.get(shape.id);
    if (known !== undefined) return known;
    const cName = this.#nameOf(id, shape.id);
    const name = this.#claim(shape.id, cName || where || `${shape.kind}_${shape.id}`);
    const members = shape.members.map((member) => this.#member(shape, member, depth, name));
    const raw = shape.kind === 'union' ? `  ${propertyKey(bytesKey(shape))}?: Uint8Array;\n` : '';
    const title = cName === '' ? `An anonymous ${shape.kind}` : `${shape.kind} ${comment(cName)}`;
    this.#chunks.push(
      `/** ${title}, ${shape.size} bytes. */\nexport interface ${name} {\n${raw}${members.join('')}}\n`,
    );
    return name;
  }

  #member(owner: ComposedShape, member: MemberShape, depth: number, ownerName: string): string {
    const type = this.#typeOf(member.type, depth + 1, `${ownerName}_${member.key}`);
    const optional = owner.kind === 'union' ? '?' : '';
    return `  ${propertyKey(member.key)}${optional}: ${type};\n`;
  }

  /** A type's own name, or that of the typedef by which it is reached. */
  #nameOf(id: number, resolvedId: number): string {
    const own = this.#btf.type(resolvedId).name;
    if (own !== '') return own;
    // The innermost typedef: `typedef struct { … } event_t; typedef event_t other;`.
    let name = '';
    for (
      let type = this.#btf.type(id);
      type.id !== resolvedId && 'type' in type;
      type = this.#btf.type(type.type)
    )
      if (type.kind === 'typedef') name = type.name;
    return name;
  }

  #claim(id: number, cName: string): string {
    const base = identifier(this.#rename(cName));
    let name = base;
    for (let count = 2; this.#taken.has(name); count++) name = `${base}_${count}`;
    this.#taken.add(name);
    this.#names.set(id, name);
    return name;
  }
}

const intType = (size: number): string => (size > 4 ? 'bigint' : 'number');
const isIdentifier = (text: string): boolean => /^[A-Za-z_$][\w$]*$/.test(text);
const propertyKey = (key: string): string =>
  isIdentifier(key) && key !== '__proto__' ? key : `[${JSON.stringify(key)}]`;
const comment = (text: string): string => text.replaceAll('*/', '* /');

function identifier(text: string): string {
  const clean = text.replace(/[^\w$]/g, '_');
  return isIdentifier(clean) ? clean : `_${clean}`;
}

/** What no type may be called: types and words of the language, and globals that the declarations use. */
const RESERVED: readonly string[] =
  `any as async await bigint boolean break case catch class const continue debugger default delete do else enum
  eval export extends false finally for function if implements import in instanceof interface let never new null
  number object package private protected public return static string super switch symbol this throw true try
  type typeof undefined unknown var void while with yield arguments Uint8Array`.split(/\s+/);
