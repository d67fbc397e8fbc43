import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { builderTypes } from '../../../scripts/builder-types.ts';
import { type Code, object, r1, u32 } from '../../../src/asm/index.ts';
import { findInsn, INSN_TABLE, type InsnDef, type InsnOperands } from '../../../src/isa/index.ts';
import type { FunctionSpec } from '../../../src/object/index.ts';
import { toHex } from '../../../src/util/index.ts';
import file from '../../isa/vectors/insns.json' with { type: 'json' };
import { emitRow, half, hasMethod } from './emit.ts';

interface Vector {
  readonly name: string;
  readonly operands: Readonly<Record<string, number | string>>;
  readonly text: string;
  readonly le: string;
  readonly be?: string;
}
const vectors = file.vectors as readonly Vector[];

function operandsOf({ operands }: Vector): InsnOperands {
  const { imm64, ...rest } = operands;
  return imm64 === undefined ? rest : { ...rest, imm64: BigInt(imm64) };
}

function built(endian: 'little' | 'big', body: (p: Code<never>) => void): FunctionSpec {
  const spec = object({ endian }, (o) => o.function('f', body as never));
  return spec.functions.get('f')!;
}

/** The 64-bit mnemonic that makes a 32-bit row when it is given `w` registers. */
function twin(def: InsnDef): string | undefined {
  const name = /^(\w+?)_?32$/.exec(def.mnemonic)?.[1];
  const other = INSN_TABLE.find(({ mnemonic }) => mnemonic === name);
  return other && other.kind === def.kind && !['ja', 'end', 'ldx'].includes(def.kind) ? name : undefined;
}

describe('the whole table', () => {
  test.each(INSN_TABLE.map((def) => def.name))('%s: the bytes that independent tools gave', (name) => {
    const def = findInsn(name)!;
    const own = vectors.filter((vector) => vector.name === name);
    expect(own.length).toBeGreaterThan(0);
    for (const vector of own) {
      for (const [endian, hex] of [
        ['little', vector.le],
        ['big', vector.be],
      ] as const) {
        if (hex === undefined) continue;
        const operands = operandsOf(vector);
        const hexOf = (body: (p: Code<never>) => void): string => toHex(built(endian, body).code);
        expect(hexOf((p) => p.insn(def.name as never, operands))).toBe(hex);
        if (!hasMethod(def)) continue;
        expect(
          hexOf((p) => emitRow(p, def, operands)),
          vector.text,
        ).toBe(hex);
        const other = twin(def);
        if (other === undefined) continue;
        expect(
          hexOf((p) => emitRow(p, def, operands, other, half)),
          `${other} with w registers`,
        ).toBe(hex);
      }
    }
  });

  test('every 32-bit operation has a form with w registers', () => {
    const twins = INSN_TABLE.filter((def) => twin(def) !== undefined).length;
    // 14 operations with k and x, neg, two movsx, 11 comparisons with k and x, 10 atomics.
    expect(twins).toBe(28 + 1 + 2 + 22 + 10);
  });

  test('what no mnemonic makes has a method of its own', () => {
    const others = INSN_TABLE.filter((def) => !hasMethod(def)).map(({ name }) => name);
    expect(others).toMatchInlineSnapshot(`
      [
        "call",
        "call_local",
        "call_kfunc",
        "lddw_map_fd",
        "lddw_map_value",
        "lddw_btf_id",
        "lddw_func",
        "lddw_map_idx",
        "lddw_map_idx_value",
      ]
    `);
    const spec = object((o) => {
      const map = o.map('m', { type: 'array', value: 4, maxEntries: 1 });
      const variable = o.variable('v', u32, 5);
      const kfunc = o.kfunc('bpf_rcu_read_lock');
      const f = o.function('f', (p) => {
        p.call('bpf_loop').call(181).call(f).call(kfunc);
        p.loadMap(r1, map).loadMapValue(r1, map, 4).loadMapValue(r1, variable, 1).loadFunction(r1, f);
      });
    });
    const { code, relocations } = spec.functions.get('f')!;
    expect(toHex(code).match(/.{16}/g)).toEqual([
      '85000000b5000000',
      '85000000b5000000',
      '85100000ffffffff',
      '8520000000000000',
      ...['1801000000000000', '0000000000000000'],
      ...['1801000004000000', '0000000000000000'],
      ...['1801000001000000', '0000000000000000'],
      ...['1801000000000000', '0000000000000000'],
    ]);
    expect(relocations).toEqual([
      { kind: 'call', slot: 2, target: 'f' },
      { kind: 'extern', slot: 3, name: 'bpf_rcu_read_lock' },
      { kind: 'map', slot: 4, map: 'm' },
      { kind: 'mapValue', slot: 6, map: 'm', offset: 4 },
      { kind: 'mapValue', slot: 8, map: '.data', offset: 1 },
      { kind: 'functionAddress', slot: 10, target: 'f' },
    ]);
  });
});

test('the generated types are those of the tables', () => {
  const path = new URL('../../../src/asm/builder/instructions.generated.ts', import.meta.url);
  expect(readFileSync(path, 'utf8')).toBe(builderTypes());
});
