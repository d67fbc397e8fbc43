import { encodeText } from '../util/bytes.ts';
import type { Btf } from './btf.ts';
import { encodeBtf } from './encode.ts';
import { makeInfo, vlenOfInfo } from './layout.ts';
import { type BtfRecord, readRecord } from './record.ts';

/** What a kernel's BPF_BTF_LOAD takes; every member that is left out counts as taken. */
export interface BtfFeatures {
  /** FUNC and FUNC_PROTO: Linux 5.0. */
  readonly func?: boolean;
  /** VAR and DATASEC: 5.2. */
  readonly datasec?: boolean;
  /** A `?` in a DATASEC's name, as in `?.struct_ops`: 6.9. */
  readonly questionMarkDatasec?: boolean;
  /** FUNCs with linkage, the word that is 0 before: 5.6. */
  readonly globalFunc?: boolean;
  /** 5.13. */
  readonly float?: boolean;
  /** 5.16. */
  readonly declTag?: boolean;
  /** 5.17. */
  readonly typeTag?: boolean;
  /** 6.0, as are enumerations marked signed. */
  readonly enum64?: boolean;
}

/**
 * Replaces what an old kernel does not know by something that it does, so that it takes the rest.
 * Numbers and string offsets stay as they are; strings may be added at the end. As libbpf has it
 * (`bpf_object__sanitize_btf`):
 *
 * | kind | becomes | without |
 * |---|---|---|
 * | VAR | INT of 1 byte | datasec |
 * | DATASEC | STRUCT, its variables members | datasec |
 * | `?` in a DATASEC's name | `_` | questionMarkDatasec |
 * | FUNC_PROTO | ENUM, its parameters values | func |
 * | FUNC | TYPEDEF | func |
 * | a FUNC's linkage | static | globalFunc |
 * | FLOAT | STRUCT without name and members | float |
 * | DECL_TAG | INT of 1 byte | declTag, func or datasec |
 * | TYPE_TAG | CONST | typeTag |
 * | ENUM64 | UNION, its values members; an ENUM loses its sign | enum64 |
 *
 * @returns bytes for BPF_BTF_LOAD; those of `btf` where nothing had to be replaced
 * @throws {FormatError} `BTF_NO_SUCH_TYPE`, `BTF_BAD_STRING`
 *
 * @example
 * ```ts
 * const bytes = sanitiseBtf(btf, { enum64: false, typeTag: false }); // Linux 5.16
 * ```
 */
export function sanitiseBtf(btf: Btf, features: BtfFeatures): Uint8Array {
  if (!Object.values(features).includes(false)) return btf.bytes;
  return new Sanitiser(btf, features).build();
}

/** What takes the place of some kinds: an INT of one byte, which fits wherever a value stood. */
const BYTE_INT: readonly number[] = [8];
const PLACEHOLDER_NAME = '__enum64_value';
const UNNAMED = '_';

class Sanitiser {
  readonly #btf: Btf;
  readonly #features: BtfFeatures;
  readonly #types: BtfRecord[] = [];
  /** The string section as it was, and what is added to it. */
  readonly #strings: Uint8Array[];
  #stringsEnd: number;
  /** The INT that stands for the values of ENUM64s; added at the end. */
  #placeholder: number | undefined;
  #unnamedOffset: number | undefined;

  constructor(btf: Btf, features: BtfFeatures) {
    this.#btf = btf;
    this.#features = features;
    this.#strings = [btf.parts.strings];
    this.#stringsEnd = btf.stringsEnd;
  }

  build(): Uint8Array {
    const { firstId, typeCount, endian } = this.#btf;
    for (let id = firstId; id < typeCount; id++) this.#types.push(this.#replace(id));
    if (this.#placeholder !== undefined) {
      const nameOffset = this.#addString(PLACEHOLDER_NAME);
      this.#types.push({ nameOffset, info: makeInfo('int', 0), word: 1, tail: BYTE_INT });
    }
    return encodeBtf(this.#types, this.#strings, endian);
  }

  #replace(id: number): BtfRecord {
    const record = readRecord(this.#btf, id);
    const kind = this.#btf.kindOf(id);
    const { func, datasec, globalFunc, float, declTag, typeTag, enum64, questionMarkDatasec } =
      this.#features;
    // A kernel without functions or variables cannot have tags of them.
    const tags = declTag !== false && func !== false && datasec !== false;
    if ((kind === 'var' && datasec === false) || (kind === 'declTag' && !tags))
      return { ...record, info: makeInfo('int', 0), word: 1, tail: BYTE_INT };
    if (kind === 'datasec' && datasec === false) return this.#datasecAsStruct(record);
    if (kind === 'datasec' && questionMarkDatasec === false)
      return { ...record, nameOffset: this.#renamed(record.nameOffset, /\?/g) };
    if (kind === 'funcProto' && func === false) return this.#protoAsEnum(record);
    if (kind === 'func' && func === false) return { ...record, info: makeInfo('typedef', 0) };
    if (kind === 'func' && globalFunc === false) return { ...record, info: makeInfo('func', 0) };
    if (kind === 'float' && float === false) return { ...record, nameOffset: 0, info: makeInfo('struct', 0) };
    if (kind === 'typeTag' && typeTag === false)
      return { ...record, nameOffset: 0, info: makeInfo('const', 0) };
    if (kind === 'enum' && enum64 === false)
      return { ...record, info: makeInfo('enum', vlenOfInfo(record.info)) };
    if (kind === 'enum64' && enum64 === false) return this.#enumAsUnion(record);
    return record;
  }

  /** Both have three words for each element: type, offset, size become name, type, offset in bits. */
  #datasecAsStruct(record: BtfRecord): BtfRecord {
    const tail: number[] = [];
    for (let at = 0; at + 2 < record.tail.length; at += 3) {
      const type = record.tail[at]!;
      tail.push(readRecord(this.#btf, type).nameOffset, type, record.tail[at + 1]! * 8);
    }
    const nameOffset = this.#renamed(record.nameOffset, /[.?]/g);
    return { ...record, nameOffset, info: makeInfo('struct', vlenOfInfo(record.info)), tail };
  }

  /** A parameter may lack a name, a value may not (Linux, `btf_enum_check_meta`). */
  #protoAsEnum(record: BtfRecord): BtfRecord {
    const tail = record.tail.map((word, index) => (index % 2 === 0 && word === 0 ? this.#unnamed() : word));
    return { ...record, info: makeInfo('enum', vlenOfInfo(record.info)), word: 4, tail };
  }

  #unnamed(): number {
    this.#unnamedOffset ??= this.#addString(UNNAMED);
    return this.#unnamedOffset;
  }

  #enumAsUnion(record: BtfRecord): BtfRecord {
    this.#placeholder ??= this.#btf.typeCount;
    const tail: number[] = [];
    for (let at = 0; at < record.tail.length; at += 3) tail.push(record.tail[at]!, this.#placeholder, 0);
    return { ...record, info: makeInfo('union', vlenOfInfo(record.info)), tail };
  }

  #renamed(nameOffset: number, unwanted: RegExp): number {
    const name = this.#btf.string(nameOffset);
    const wanted = name.replace(unwanted, '_');
    return name === wanted ? nameOffset : this.#addString(wanted);
  }

  #addString(text: string): number {
    const bytes = encodeText(`${text}\0`);
    const offset = this.#stringsEnd;
    this.#strings.push(bytes);
    this.#stringsEnd += bytes.length;
    return offset;
  }
}
