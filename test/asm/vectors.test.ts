import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assemble, formatInstruction, rawCode } from '../../src/asm/index.ts';
import { decodeInsns, INSN_TABLE } from '../../src/isa/index.ts';
import { fromHex, toHex } from '../../src/util/index.ts';

interface Vector {
  readonly name: string;
  readonly text: string;
  readonly le: string;
  readonly be?: string;
  readonly witness: 'llvm-mc' | 'kernel log' | 'linux/bpf.h';
}

const { vectors }: { vectors: Vector[] } = JSON.parse(
  readFileSync(new URL('../isa/vectors/insns.json', import.meta.url), 'utf8'),
);
/** Those of `linux/bpf.h` have no text: nobody prints them. */
const texts = vectors.filter(({ witness }) => witness !== 'linux/bpf.h');

function codeOf(text: string, endian: 'little' | 'big'): string {
  const { object, diagnostics } = assemble(text, { endian });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return toHex(rawCode(object!));
}

describe('every instruction has the bytes that LLVM or the kernel gives it', () => {
  test('the vectors name every row but the pseudo loads and calls', () => {
    const named = new Set(texts.map(({ name }) => name));
    const missing = INSN_TABLE.map(({ name }) => name).filter((name) => !named.has(name));
    expect(missing).toEqual([
      'call_local',
      'call_kfunc',
      'lddw_map_fd',
      'lddw_map_value',
      'lddw_btf_id',
      'lddw_func',
      'lddw_map_idx',
      'lddw_map_idx_value',
    ]);
  });

  for (const name of new Set(texts.map((vector) => vector.name))) {
    const rows = texts.filter((vector) => vector.name === name);
    test(name, () => {
      const together = rows.map(({ text }) => text).join('\n');
      expect(codeOf(together, 'little')).toBe(rows.map(({ le }) => le).join(''));
      if (rows.every(({ be }) => be !== undefined))
        expect(codeOf(together, 'big')).toBe(rows.map(({ be }) => be).join(''));
    });
  }
});

test('formatting gives the text that LLVM reads', () => {
  for (const { text, le, witness } of texts) {
    if (witness !== 'llvm-mc' || / \d{19,} ll$/.test(text)) continue; // printed signed
    const [insn] = decodeInsns(fromHex(le));
    // clang writes the operand of a 32-bit `lock` as a w register, llvm-objdump as an r register.
    const expected = text.startsWith('lock *(u32') ? text.replace(/w(\d+)$/, 'r$1') : text;
    expect(formatInstruction(insn!, { radix: 10 })).toBe(expected);
  }
});
