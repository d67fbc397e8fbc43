import { FormatError } from './errors.ts';

export type Endian = 'little' | 'big';

/** A view over exactly the bytes of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function alignUp(value: number, alignment: number): number {
  const rest = alignment > 1 ? value % alignment : 0;
  return rest === 0 ? value : value + alignment - rest;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex without separators, or with one between bytes. */
export function toHex(bytes: Uint8Array, separator = ''): string {
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += (i > 0 ? separator : '') + HEX[bytes[i]!];
  return out;
}

/**
 * The bytes of a hex text; white space, `:`, `,` and `0x` before a byte are passed over, and `#`
 * begins a comment.
 *
 * @throws {FormatError} `HEX_INVALID` with the position
 */
export function fromHex(text: string, path = 'hex'): Uint8Array {
  const digits = text
    .replace(/#[^\n]*/g, (comment) => ' '.repeat(comment.length))
    .replace(/0[xX](?=[0-9a-fA-F]{2})/g, '  ');
  const out: number[] = [];
  let high = -1;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number.parseInt(digits[i]!, 16);
    if (Number.isNaN(digit)) {
      if (!/[\s:,]/.test(digits[i]!)) throw badHex(path, i, `'${digits[i]}' is not a hex digit`);
      if (high >= 0) throw badHex(path, i - 1, 'a byte needs two hex digits');
    } else if (high < 0) high = digit;
    else {
      out.push(high * 16 + digit);
      high = -1;
    }
  }
  if (high >= 0) throw badHex(path, digits.length - 1, 'a byte needs two hex digits');
  return Uint8Array.from(out);
}

function badHex(path: string, offset: number, message: string): FormatError {
  return new FormatError('HEX_INVALID', path, `${message} (character ${offset + 1})`);
}

const utf8 = new TextDecoder('utf-8');
const utf8Encoder = new TextEncoder();

export function encodeText(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

export function decodeText(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** The text up to the first NUL, or all of it. */
export function decodeCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
