import { type Btf, btfCodec } from '../../btf/index.ts';
import { type MemberShape, type ValueShape, valueShape } from '../../btf/value-shape.ts';
import { fromHex, viewOf } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { parseCidr } from '../maps/lpm-key.ts';

/** What a key or value that a person typed is to become. */
export interface ValueInput {
  /** `key` or `value`, for messages. */
  readonly side: 'key' | 'value';
  /** Bytes. */
  readonly size: number;
  readonly btf?: Btf | undefined;
  readonly type?: number | undefined;
  /** The keys of an LPM trie are prefixes: `10.0.0.0/8`. */
  readonly prefix?: boolean;
}

const LARGEST_NUMBER_BYTES = 16;

/**
 * Reads a key or value as a person writes it: a number (`7`, `-1`, `0x10`) in little-endian, bytes (`hex 00 01`,
 * or as many numbers as there are bytes), JSON by the map's BTF (`{"pid": 1}`, `"eth0"`), an enumerator's name,
 * for an LPM trie an address with its prefix (`10.0.0.0/8`).
 *
 * @throws {TsbpfError} `VALUE_SYNTAX`, `KEY_SIZE`, `VALUE_SIZE`, `BTF_BAD_VALUE` @throws {OutOfRangeError}
 */
export function parseValueInput(text: string, input: ValueInput): Uint8Array {
  const trimmed = text.trim();
  if (/^hex\b/.test(trimmed)) return sized(hexBytes(trimmed.slice(3), input), input);
  const words = trimmed.split(/[\s,]+/);
  if (words.length > 1 && words.every((word) => /^(0x[0-9a-f]{1,2}|\d{1,3})$/i.test(word)))
    return sized(bytesOf(words, input), input);
  if (input.prefix && /^[0-9a-f]*[.:][0-9a-f.:]*(\/\d+)?$/i.test(trimmed)) return prefixBytes(trimmed, input);
  if (/^[[{"]|^(true|false)$/.test(trimmed)) return jsonBytes(trimmed, input);
  if (/^-?(0x[0-9a-f]+|\d+)$/i.test(trimmed)) return numberBytes(trimmed, input);
  if (input.btf && input.type !== undefined) return typedBytes(trimmed, input);
  throw syntaxError(text, input);
}

function syntaxError(text: string, { side, size, btf, prefix }: ValueInput): TsbpfError {
  const ways = ["a number, 'hex 00 01 …'"];
  if (prefix) ways.push('a prefix as 10.0.0.0/8');
  if (btf) ways.push('JSON by its type');
  return new TsbpfError('VALUE_SYNTAX', `'${text}' is no ${side} of ${size} bytes`, {
    hint: `it takes ${ways.join(', or ')}`,
  });
}

function wrongSize({ side, size }: ValueInput, given: number): TsbpfError {
  return new TsbpfError(
    side === 'key' ? 'KEY_SIZE' : 'VALUE_SIZE',
    `a ${side} of this map is ${size} bytes, but ${given} ${given === 1 ? 'was' : 'were'} given`,
  );
}

function sized(bytes: Uint8Array, input: ValueInput): Uint8Array {
  if (bytes.length !== input.size) throw wrongSize(input, bytes.length);
  return bytes;
}

function hexBytes(text: string, input: ValueInput): Uint8Array {
  const digits = text.replace(/0x/gi, ' ').trim();
  const words = digits === '' ? [] : digits.split(/[\s,:]+/);
  if (words.some((word) => !/^[0-9a-f]+$/i.test(word))) throw syntaxError(`hex${text}`, input);
  // Single digits are whole bytes, as others take them.
  return fromHex(words.map((word) => (word.length === 1 ? `0${word}` : word)).join(''), `the ${input.side}`);
}

function bytesOf(words: readonly string[], input: ValueInput): Uint8Array {
  const numbers = words.map(Number);
  const wrong = words[numbers.findIndex((number) => number > 255)];
  if (wrong !== undefined)
    throw new TsbpfError('VALUE_SYNTAX', `'${wrong}' is no byte of a ${input.side}: 0 to 255`);
  return Uint8Array.from(numbers);
}

function numberBytes(text: string, input: ValueInput): Uint8Array {
  const { size, side } = input;
  const negative = text.startsWith('-');
  const value = negative ? -BigInt(text.slice(1)) : BigInt(text);
  if (size > LARGEST_NUMBER_BYTES)
    throw new TsbpfError(
      side === 'key' ? 'KEY_SIZE' : 'VALUE_SIZE',
      `a ${side} of this map is ${size} bytes, which a number does not tell`,
      { hint: `write its bytes: 'hex 00 01 …'` },
    );
  const bits = BigInt(size * 8);
  if (value >= 1n << bits || value < -(1n << (bits - 1n)))
    throw new TsbpfError('VALUE_RANGE', `${text} does not fit into the ${size} bytes of a ${side}`);
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, value);
  for (let index = 0; index < size; index++) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** `struct bpf_lpm_trie_key`: how many bits count, then the address from its most significant byte on. */
function prefixBytes(text: string, input: ValueInput): Uint8Array {
  const { address, length } = parseCidr(text, input.side);
  const out = new Uint8Array(4 + address.length);
  viewOf(out).setUint32(0, length, true);
  out.set(address, 4);
  return sized(out, input);
}

function jsonBytes(text: string, input: ValueInput): Uint8Array {
  let value: unknown;
  try {
    // Numbers beyond 2^53 would lose digits: they become texts, which are taken as well.
    value = JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (token) =>
        token.startsWith('"') ? token : `"${token}"`,
      ),
    );
  } catch (cause) {
    throw new TsbpfError('VALUE_SYNTAX', `the ${input.side} is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  return typedBytes(value, input);
}

function typedBytes(value: unknown, input: ValueInput): Uint8Array {
  const { btf, type, side } = input;
  if (!btf || type === undefined)
    throw new TsbpfError('VALUE_SYNTAX', `this map has no type for its ${side}`, {
      hint: "write a number, or its bytes: 'hex 00 01 …'",
    });
  const codec = btfCodec(btf, type);
  const bytes = sized(new Uint8Array(codec.size), input);
  codec.write(viewOf(bytes), 0, shaped(btf, type, value, side), btf.endian === 'little', side);
  return bytes;
}

/** A value of JSON as the codec of its type takes it. */
function shaped(btf: Btf, type: number, value: unknown, path: string): unknown {
  const shape = valueShape(btf, type);
  switch (shape.kind) {
    case 'bool':
      return value === true || value === 1;
    case 'int':
      return integer(value, shape.size, path);
    case 'enum':
      return enumerator(btf, shape, value, path);
    case 'text':
      return value;
    case 'bytes':
      return typeof value === 'string' ? fromHex(value, path) : Uint8Array.from(value as number[]);
    case 'array':
      if (!Array.isArray(value)) return value;
      return value.map((element, index) => shaped(btf, shape.element, element, `${path}[${index}]`));
    case 'struct':
    case 'union':
      return members(btf, shape.members, value, path);
    default:
      return value;
  }
}

function integer(value: unknown, size: number, path: string): number | bigint {
  const isWhole = typeof value === 'number' ? Number.isInteger(value) : true;
  const text = String(value);
  if (!isWhole || !/^-?(0x[0-9a-f]+|\d+)$/i.test(text))
    throw new TsbpfError('BTF_BAD_VALUE', `${path} must be a whole number, but is ${JSON.stringify(value)}`);
  const number = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  return size < 8 ? Number(number) : number;
}

function enumerator(
  btf: Btf,
  shape: ValueShape & { kind: 'enum' },
  value: unknown,
  path: string,
): number | bigint {
  const type = btf.resolve(shape.id);
  if (typeof value !== 'string' || (type.kind !== 'enum' && type.kind !== 'enum64') || /^-?\d/.test(value))
    return integer(value, shape.size, path);
  const found = type.values.find(({ name }) => name === value);
  if (found) return shape.size < 8 ? Number(found.value) : BigInt(found.value);
  throw new TsbpfError('BTF_BAD_VALUE', `${path}: enum ${type.name} has no '${value}'`, {
    hint: didYouMean(
      value,
      type.values.map(({ name }) => name),
    )[0],
  });
}

function members(btf: Btf, known: readonly MemberShape[], value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const unions = known.filter(({ key }) => /^union\d+$/.test(key));
  return Object.fromEntries(
    Object.entries(value).map(([name, given]) => {
      // Dumps show an anonymous union under an empty name.
      const member = name === '' ? unions[0] : known.find(({ key }) => key === name);
      if (member) return [member.key, shaped(btf, member.type, given, `${path}.${member.key}`)];
      throw new TsbpfError('BTF_BAD_VALUE', `${path} has no member '${name}'`, {
        hint:
          didYouMean(
            name,
            known.map(({ key }) => key),
          )[0] ?? `its members: ${known.map(({ key }) => key).join(', ')}`,
      });
    }),
  );
}
