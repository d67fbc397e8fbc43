import { describe, expect, test } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { renderDiagnostics, toHex } from '../../src/util/index.ts';
import { describeObject, llvmMc, testWith } from './tools.ts';

/** As many instructions. */
const code = (count: number): string => 'r0 = 1\n'.repeat(count);

const LINES = `
	.globl f
	.p2align 3
f:
	.cfi_sections .debug_frame, .eh_frame
	.cfi_startproc
	.cfi_def_cfa 10, 0
	.loc 1 1 0
	.loc 1 2 3 prologue_end
	r0 = 1
	.cfi_def_cfa_offset 16
	.cfi_offset 6, -8
	.cfi_rel_offset 7, 4
	.cfi_remember_state
	r1 = 1
	.loc 1 3 3 is_stmt 0
	r2 = 1
	.loc 1 4 70000 basic_block
	r2 = 1
	.loc 2 100000 3 epilogue_begin discriminator 300
	r2 = 1
	.loc 1 0 3 isa 5 is_stmt 1
	r2 = 1
	.loc 2 30
	${code(20)}
	.loc 2 31
	${code(17)}
	.loc 2 32
	${code(273)}
	.loc 2 33
	${code(275)}
	.cfi_adjust_cfa_offset 8
	.cfi_restore_state
	.cfi_restore 6
	.cfi_undefined 7
	.cfi_same_value 8
	.cfi_register 6, 7
	.cfi_escape 0x0a, 11
	.cfi_offset 6, 8
	${code(70_000)}
	.cfi_def_cfa_register 9
	.loc 2 12
	exit
	.cfi_endproc
	.section other,"ax",@progbits
g:	.cfi_startproc
	.cfi_signal_frame
	.loc 1 7 7
	${code(17)}
	.cfi_endproc
h:	.cfi_startproc
	exit
	.cfi_endproc
	.data
	.uleb128 0, 127, 128, 300, 0xffffffffffffffff
	.sleb128 0, 63, 64, -64, -65, -1, 0x7fffffffffffffff
	.uleb128 h - g
	.section .debug_info,"",@progbits
	.long .debug_line
`;

const FILES = {
  'DWARF 5': `
	.file 0 "/build" "a.c" md5 0x00112233445566778899aabbccddeeff
	.file 1 "/usr/include" "x.h" md5 0x8ab7bf195d20e2851bf1a9e5b71245ca
	.file 2 "" "sub/y.h" md5 0x0ab7bf195d20e2851bf1a9e5b71245ca`,
  'DWARF 5 with sums and texts of some files only': `
	.file 0 "/build" "a.c" source "int main;\\n"
	.file 1 "/usr/include" "x.h"
	.file 2 "/build" "y.h" md5 0x0ab7bf195d20e2851bf1a9e5b71245ca`,
  'DWARF 4': `
	.file 1 "/usr/include" "x.h"
	.file 2 "sub/y.h"
	.file 3 "/usr/include" "z.h"`,
};

describe('tables for debuggers', () => {
  testWith('llvm-mc-19').each(Object.entries(FILES))('are those of llvm-mc: %s', (_, files) => {
    for (const triple of ['bpfel', 'bpfeb'] as const) {
      const text = files + LINES;
      const { object, diagnostics } = assemble(text, { endian: triple === 'bpfel' ? 'little' : 'big' });
      expect(renderDiagnostics(diagnostics)).toBe('');
      expect(describeObject(object!)).toEqual(describeObject(parseElf(llvmMc(text, triple))));
    }
  });

  test('a number that depends on later lines gets five bytes', () => {
    const { object } = assemble('.data\n.uleb128 b - a, 3\n.sleb128 a - b\na: .zero 200\nb:');
    const data = object!.sections.find(({ name }) => name === '.data')!;
    expect(toHex(data.bytes.subarray(0, 11))).toBe('c881808000' + '03' + 'b8feffff7f');
  });

  test('slips are told', () => {
    const text = [
      '.loc 1 2 3',
      '.file 1 "a.c"',
      '.file 1 "b.c"',
      '.file 2 "b.c" md5 x',
      '.loc 1 2 3 is_statement 1',
      '.loc 1 2 3 is_stmt 2',
      '.loc 1',
      '.cfi_endproc',
      '.cfi_offset 6, 8',
      '.cfi_startproc',
      '.cfi_startproc',
      '.cfi_sections .debug_line',
      '.file 4 "c.c"',
      '.uleb128 later',
      '.section a,"G",@progbits,group,comdat',
      '.section b,"o",@progbits,a',
    ].join('\n');
    const { diagnostics } = assemble(text);
    const told = diagnostics.map(({ severity, message, span }) => {
      const line = text.slice(0, span!.start).split('\n').length;
      return `${line}: ${severity ?? 'error'}: ${message}`;
    });
    expect(told).toMatchInlineSnapshot(`
      [
        "1: error: no '.file' line has the number 1",
        "3: error: there is a file 1 already",
        "4: error: an MD5 sum is a number of 32 hexadecimal digits",
        "5: error: '.loc' does not know 'is_statement'",
        "6: error: the value of 'is_stmt' is 2, but must be from 0 to 1",
        "7: error: '.loc' needs a line",
        "8: error: there is no '.cfi_startproc' before",
        "9: error: '.cfi_offset' stands between '.cfi_startproc' and '.cfi_endproc'",
        "10: error: this '.cfi_startproc' has no '.cfi_endproc'",
        "11: error: the '.cfi_startproc' before has no '.cfi_endproc' yet",
        "12: error: expected '.debug_frame' or '.eh_frame', found '.debug_line'",
        "13: error: there is a file 4, but no '.file 2'",
        "14: error: there is no name 'later'",
        "15: warning: not carried over: a group",
      ]
    `);
  });
});
