/** LEB128: groups of seven bits, the lowest first, the top bit set on all but the last (DWARF 5, 7.6). */
export function uleb128(value: number | bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return out;
}

/** As {@link uleb128}, signed: bit 6 of the last group is the sign. */
export function sleb128(value: number | bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asIntN(64, BigInt(value));
  while (rest < -0x40n || rest > 0x3fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest & 0x7fn));
  return out;
}

export type LebKind = 'unsigned' | 'signed';

export function leb128(kind: LebKind, value: bigint): number[] {
  return kind === 'unsigned' ? uleb128(value) : sleb128(value);
}

/** Of exactly that many bytes, which readers take as well; undefined where the value needs more. */
export function paddedLeb128(kind: LebKind, value: bigint, size: number): number[] | undefined {
  const bits = BigInt(7 * size);
  const fits =
    kind === 'unsigned' ? value >= 0n && value < 1n << bits : BigInt.asIntN(7 * size, value) === value;
  if (!fits) return undefined;
  return Array.from({ length: size }, (_, i) => {
    const group = Number((value >> BigInt(7 * i)) & 0x7fn);
    return i < size - 1 ? group | 0x80 : group;
  });
}
