import type { Btf } from './btf.ts';
import { CLayout, type Gap, padding } from './c-layout.ts';
import { CNames } from './c-names.ts';
import type { BtfComposite, BtfEnum, BtfForward, BtfFuncProto, BtfReference, BtfType } from './types.ts';

/**
 * Pointers, arrays, modifiers and prototypes in one declaration, and definitions within it.
 * Beyond every program that people write.
 */
const MAX_CHAIN = 500;
/** Lines of padding in one struct; a file may claim a struct of 4 GB with one member. */
const MAX_PADDING_BITS = 1 << 20;

/** Members and parameters that are printed in all; a kernel's BTF has a tenth of it. */
const MAX_DECLARATIONS = 1 << 22;

/** A declaration's types, the outermost first; printing takes them from the end. */
type Chain = BtfType[];

const modifiers: Readonly<Record<string, string>> = {
  const: 'const',
  volatile: 'volatile',
  restrict: 'restrict',
};

/** Writes C definitions and declarations of single types. */
export class CDeclarations {
  readonly #btf: Btf;
  readonly #names: CNames;
  readonly #layout: CLayout;
  #depth = 0;
  #declarationsLeft: number = MAX_DECLARATIONS;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#names = new CNames();
    this.#layout = new CLayout(btf);
  }

  /** `struct name`, `union name` or `enum name`. */
  forward(type: BtfComposite | BtfEnum | BtfForward): string {
    const word =
      type.kind === 'fwd' ? (type.union ? 'union' : 'struct') : type.kind === 'enum64' ? 'enum' : type.kind;
    return type.name === '' ? word : `${word} ${this.#names.ofTag(type)}`;
  }

  typedef(type: BtfType & { readonly type: number }): string {
    // What old GCCs write of their built-in type.
    if (type.type === 0 && type.name === '__gnuc_va_list') return 'typedef __builtin_va_list __gnuc_va_list';
    return `typedef ${this.declaration(type.type, this.#names.ofTypedef(type), 0)}`;
  }

  /** @param level how far the closing brace is indented */
  enumDefinition(type: BtfEnum, level: number): string {
    let out = this.forward(type);
    if (type.values.length > 0) {
      const suffix = type.kind === 'enum64' ? (type.signed ? 'LL' : 'ULL') : '';
      out += ' {';
      for (const { name, value } of type.values)
        out += `\n${indent(level + 1)}${this.#names.ofEnumerator(name)} = ${value}${suffix},`;
      out += `\n${indent(level)}}`;
    }
    return out + enumMode(type);
  }

  /** @param level how far the closing brace is indented */
  compositeDefinition(type: BtfComposite, level: number): string {
    const layout = this.#layout;
    const isStruct = type.kind === 'struct';
    const packed = isStruct && layout.isPacked(type);
    const lines: string[] = [];
    let end = 0;
    let afterBitField = false;
    for (const member of type.members) {
      const align = packed ? 1 : layout.alignOf(member.type);
      const isBitField = member.bitSize !== 0;
      const inBitField = afterBitField && isBitField;
      const to = member.offsetBits;
      lines.push(
        ...this.#padding(type, { from: end, to, align, nextBits: member.bitSize, packed, inBitField }),
      );
      const declaration = this.declaration(member.type, member.name, level + 1);
      lines.push(isBitField ? `${declaration}: ${member.bitSize};` : `${declaration};`);
      end = member.offsetBits + (isBitField ? member.bitSize : 8 * this.#sizeOf(member.type));
      afterBitField = isBitField;
    }
    if (isStruct) {
      const align = packed ? 1 : layout.alignOf(type.id);
      const gap = { from: end, to: type.size * 8, align, nextBits: 0, packed, inBitField: false };
      lines.push(...this.#padding(type, gap));
    }
    const open = `${this.forward(type)} {`;
    const body = lines.map((line) => `\n${indent(level + 1)}${line}`).join('');
    const close = type.members.length > 0 || type.size > 0 ? `\n${indent(level)}}` : '}';
    return `${open}${body}${close}${packed ? ' __attribute__((packed))' : ''}`;
  }

  /** A type around a name, as C writes it: `int (*name[3])(void)`. */
  declaration(id: number, name: string, level: number): string {
    if (this.#declarationsLeft-- <= 0)
      throw this.#btf.error(
        'BTF_TOO_LARGE',
        `types/${id}`,
        `printing takes more than ${MAX_DECLARATIONS} declarations`,
      );
    const chain: Chain = [];
    for (let at = id; ; ) {
      const type = this.#btf.type(at);
      chain.push(type);
      if (chain.length > MAX_CHAIN) throw this.#tooDeep(id);
      if (type.kind === 'typedef' || !('type' in type)) break;
      at = type.type;
    }
    if (this.#depth >= MAX_CHAIN) throw this.#tooDeep(id);
    this.#depth++;
    const text = this.#chain(chain, name, level);
    this.#depth--;
    return text;
  }

  #chain(chain: Chain, name: string, level: number): string {
    let out = '';
    let afterPtr = true;
    for (let type = chain.pop(); type; type = chain.pop()) {
      switch (type.kind) {
        case 'ptr':
          out += afterPtr ? '*' : ' *';
          break;
        case 'const':
        case 'volatile':
        case 'restrict':
          out += ` ${modifiers[type.kind]}`;
          break;
        case 'typeTag':
          out += `${takeModifiers(chain)} __attribute__((btf_type_tag("${type.name}")))`;
          break;
        case 'array': {
          // A modifier of an array says no more than that of its elements, which stands already.
          dropModifiers(chain);
          if (chain.length === 0) return `${out}${spaced(name, afterPtr)}[${type.count}]`;
          const inner = chain.at(-1)!.kind === 'array';
          if (name !== '' && !afterPtr) out += ' ';
          const rest = this.#chain(chain, name, level);
          return `${out}${inner ? rest : `(${rest})`}[${type.count}]`;
        }
        case 'funcProto': {
          // GCC writes `volatile` for functions that do not return.
          dropModifiers(chain);
          const head = chain.length > 0 ? ` (${this.#chain(chain, name, level)})` : spaced(name, afterPtr);
          return `${out}${head}(${this.#params(type, level)})`;
        }
        default:
          out += takeModifiers(chain) + this.#base(type, level);
      }
      afterPtr = type.kind === 'ptr';
    }
    return out + spaced(name, afterPtr);
  }

  /** The type at the start of a declaration; one without a name is defined right there. */
  #base(type: BtfType, level: number): string {
    switch (type.kind) {
      case 'void':
        return 'void';
      case 'struct':
      case 'union':
        return type.name === '' ? this.compositeDefinition(type, level) : this.forward(type);
      case 'enum':
      case 'enum64':
        return type.name === '' ? this.enumDefinition(type, level) : this.forward(type);
      case 'fwd':
        return this.forward(type);
      case 'typedef':
        return this.#names.ofTypedef(type);
      case 'int':
      case 'float':
        return type.name;
      default:
        throw this.#btf.error(
          'BTF_BAD_TYPE',
          `types/${type.id}`,
          `a ${type.kind} cannot be part of a declaration`,
        );
    }
  }

  #params({ params }: BtfFuncProto, level: number): string {
    // Clang's `(void)`.
    if (params.length === 1 && params[0]!.type === 0) return '';
    if (params.length === 0) return 'void';
    return params
      .map(({ type, name }, index) =>
        type === 0 && index === params.length - 1 ? '...' : this.declaration(type, name, level),
      )
      .join(', ');
  }

  #padding(type: BtfComposite, gap: Gap): string[] {
    const bits = gap.to - gap.from;
    if (bits > MAX_PADDING_BITS)
      throw this.#btf.error('BTF_BAD_TYPE', `types/${type.id}`, `has a hole of ${bits / 8} bytes in it`);
    return padding(gap);
  }

  #sizeOf(id: number): number {
    const type = this.#btf.resolve(id);
    return type.kind === 'fwd' || type.kind === 'void' || type.kind === 'funcProto'
      ? 0
      : this.#btf.sizeOf(id);
  }

  #tooDeep(id: number): Error {
    return this.#btf.error('BTF_CYCLE', `types/${id}`, `the chain of types behind it does not end`);
  }
}

const indent = (level: number): string => '\t'.repeat(level);
const spaced = (name: string, afterPtr: boolean): string => (name !== '' && !afterPtr ? ` ${name}` : name);

const isModifier = (type: BtfType | undefined): type is BtfReference =>
  type !== undefined && Object.hasOwn(modifiers, type.kind);

/** Modifiers of the type that comes next stand before it. */
function takeModifiers(chain: Chain): string {
  let out = '';
  while (isModifier(chain.at(-1))) out += `${modifiers[chain.pop()!.kind]} `;
  return out;
}

function dropModifiers(chain: Chain): void {
  while (isModifier(chain.at(-1))) chain.pop();
}

/** What makes an enumeration smaller or larger than the compiler would. */
function enumMode(type: BtfEnum): string {
  if (type.size === 1) return ' __attribute__((mode(byte)))';
  if (type.size !== 8) return '';
  const wide =
    type.kind === 'enum64' && type.values.some(({ value }) => BigInt.asUintN(64, value) >> 32n !== 0n);
  return wide ? '' : ' __attribute__((mode(word)))';
}
