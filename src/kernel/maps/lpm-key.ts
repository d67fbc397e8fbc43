import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';

// A key of an LPM trie (Linux, `struct bpf_lpm_trie_key_u8`):
//
//   0            4
//   +------------+-----------------+
//   | prefixlen  | data            |     prefixlen in bits, in the order of the machine;
//   +------------+-----------------+     data in the order of the network, most significant bit first

const PREFIX_LENGTH_SIZE = 4;
const FAMILIES = { ipv4: 4, ipv6: 16 } as const;

/** A network in text: `10.0.0.0/8`, `2001:db8::/32`. Without a length, one address: `10.0.0.1` is `10.0.0.1/32`. */
export type Cidr = string;

/**
 * The key of an LPM trie of addresses, as text. Bits behind the prefix count for nothing, and are
 * written as zeros.
 *
 * @example
 * ```ts
 * const routes = map.as({ key: lpmKey('ipv4'), value: u32 });
 * routes.set('10.0.0.0/8', 1);
 * routes.get('10.1.2.3'); // 1, by the longest prefix
 * ```
 */
export function lpmKey(family: keyof typeof FAMILIES): FieldType<Cidr> {
  const size = FAMILIES[family];
  return {
    size: PREFIX_LENGTH_SIZE + size,
    align: 4,
    zero: formatCidr({ address: new Uint8Array(size), length: 0 }),
    read(view, offset, little) {
      const length = Math.min(view.getUint32(offset, little), 8 * size);
      const address = new Uint8Array(view.buffer, view.byteOffset + offset + PREFIX_LENGTH_SIZE, size);
      return formatCidr({ address, length });
    },
    write(view, offset, text, little, path) {
      const { address, length } = parseCidr(text, path);
      if (address.length !== size) throw invalid(path, text, `is no address of ${family}`);
      view.setUint32(offset, length, little);
      new Uint8Array(view.buffer, view.byteOffset + offset + PREFIX_LENGTH_SIZE, size).set(address);
    },
  };
}

export interface Network {
  /** 4 or 16 bytes, the bits behind the prefix zero. */
  readonly address: Uint8Array;
  /** Of the prefix, in bits. */
  readonly length: number;
}

/** @throws {TsbpfError} `CIDR_INVALID` */
export function parseCidr(text: Cidr, path = 'network'): Network {
  if (typeof text !== 'string') throw invalid(path, String(text), 'is no text');
  const slash = text.indexOf('/');
  const written = slash < 0 ? text : text.slice(0, slash);
  const address = written.includes(':') ? parseIpv6(written) : parseIpv4(written);
  if (!address) throw invalid(path, text, "is neither an IPv4 nor an IPv6 network, as '10.0.0.0/8' is");
  const bits = 8 * address.length;
  if (slash < 0) return { address, length: bits };
  const digits = text.slice(slash + 1);
  const length = /^\d{1,3}$/.test(digits) ? Number(digits) : -1;
  if (length < 0 || length > bits)
    throw invalid(path, text, `needs the length of the prefix behind its '/', 0 to ${bits}`);
  return { address: masked(address, length), length };
}

export function formatCidr({ address, length }: Network): Cidr {
  return `${address.length === 4 ? address.join('.') : formatIpv6(address)}/${length}`;
}

function invalid(path: string, text: string, why: string): TsbpfError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new TsbpfError('CIDR_INVALID', `${path}: '${shown}' ${why}`);
}

function masked(address: Uint8Array, length: number): Uint8Array {
  return address.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - 8 * index));
    return byte & (0xff00 >> bits);
  });
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.length > 15 ? [] : text.split('.');
  // No leading zeros: some read them as octal.
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return Uint8Array.from(parts, Number);
}

/** The longest address in text: eight groups of four digits, or six and an IPv4 address. */
const MAX_IPV6_TEXT = 45;

function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > MAX_IPV6_TEXT) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [front, back] = halves.map((half, index) => groupsOf(half, index === halves.length - 1));
  if (!front || (halves.length === 2 && !back)) return undefined;
  const groups = [...front];
  if (back) {
    const missing = 8 - front.length - back.length;
    // '::' stands for one group of zeros at least.
    if (missing < 1) return undefined;
    groups.push(...new Array<number>(missing).fill(0), ...back);
  }
  return groups.length === 8
    ? Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
    : undefined;
}

function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const out: number[] = [];
  for (const [index, part] of parts.entries()) {
    const ipv4 = last && index === parts.length - 1 && part.includes('.') ? parseIpv4(part) : undefined;
    if (ipv4) out.push((ipv4[0]! << 8) | ipv4[1]!, (ipv4[2]! << 8) | ipv4[3]!);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return out;
}

/** As RFC 5952 has it: lower case, no leading zeros, the longest run of zero groups, the first of equals, as `::`. */
function formatIpv6(address: Uint8Array): string {
  const groups = Array.from(
    { length: 8 },
    (_, index) => (address[2 * index]! << 8) | address[2 * index + 1]!,
  );
  const mapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (mapped) return `::ffff:${address.subarray(12).join('.')}`;
  let [start, length] = [0, 0];
  for (let at = 0; at < 8; at++) {
    let run = 0;
    while (at + run < 8 && groups[at + run] === 0) run++;
    if (run > length) [start, length] = [at, run];
  }
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}
