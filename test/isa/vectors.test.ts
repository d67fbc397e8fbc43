import { describe, expect, test } from 'vitest';
import {
  decodeInsns,
  encodeInsns,
  INSN_TABLE,
  type InsnOperands,
  makeInsn,
  reservedFields,
} from '../../src/isa/index.ts';
import { fromHex, toHex } from '../../src/util/index.ts';
import file from './vectors/insns.json' with { type: 'json' };

interface Vector {
  readonly name: string;
  readonly operands: Readonly<Record<string, number | string>>;
  readonly text: string;
  readonly le: string;
  readonly be?: string;
}
const vectors: readonly Vector[] = file.vectors as readonly Vector[];

function operandsOf({ operands }: Vector): InsnOperands {
  const { imm64, ...rest } = operands;
  return imm64 === undefined ? rest : { ...rest, imm64: BigInt(imm64) };
}

describe('bytes that independent tools gave', () => {
  test('cover every row of the table', () => {
    const covered = new Set(vectors.map((vector) => vector.name));
    expect(INSN_TABLE.filter((def) => !covered.has(def.name)).map((def) => def.name)).toEqual([]);
  });

  test.each(INSN_TABLE.map((def) => def.name))('%s', (name) => {
    for (const vector of vectors.filter((one) => one.name === name)) {
      const insn = makeInsn(name, operandsOf(vector));
      for (const [endian, hex] of [
        ['little', vector.le],
        ['big', vector.be],
      ] as const) {
        if (hex === undefined) continue;
        expect(toHex(encodeInsns([insn], endian)), `${vector.text}, ${endian} endian`).toBe(hex);
        const decoded = decodeInsns(fromHex(hex), endian);
        expect(decoded, `${vector.text}, ${endian} endian`).toEqual([insn]);
        expect(decoded.flatMap(reservedFields)).toEqual([]);
      }
    }
  });
});
