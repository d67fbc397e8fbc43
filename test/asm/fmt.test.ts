import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assemble, formatInstruction, formatSource, type InsnStyle } from '../../src/asm/index.ts';
import { INSN_TABLE, makeInsn } from '../../src/isa/index.ts';
import { renderDiagnostics } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';
import { describeObject } from './tools.ts';

const STYLES: readonly (InsnStyle | undefined)[] = [undefined, 'llvm', 'mnemonic'];

function fmt(text: string, style?: InsnStyle): string {
  const { text: out, diagnostics } = formatSource({ name: 'prog.s', text }, style ? { style } : {});
  expect(renderDiagnostics(diagnostics)).toBe('');
  return out;
}

/** What a text becomes, whatever it looks like. */
function meaning(text: string): string[] {
  const { object, diagnostics } = assemble(text);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (!object) throw new Error(renderDiagnostics(errors.slice(0, 2)));
  // The lines of the source stand in them.
  return describeObject(object).filter((line) => !/^(?:section|relocation) \.BTF/.test(line));
}

const MESSY = `# Counts frames.
  ; a note
.license "GPL"
.map counter,array,key=4 ,  value=8,entries=1   // one

.program count , "xdp"
*(u32*)(r10-4)=0 // the key
    r2=r10;r2+=-4 # its place
  r1 = counter   ll
call bpf_map_lookup_elem
if r0==0 goto out
      LIMIT=( 0x10<<1 )|'\\n'
r1 = LIMIT+1 /* or so */
lock *(u64*)(r0+0)+=r1     // counted
   jne r1,LIMIT - 1,out
  ldxdw r3,[r10 - 8]
  /* two
       lines */
a: b: w1 = *(u32 *)(r2 + 4)
out:r0=XDP_DROP // done
exit


    .section .rodata,"a",@progbits
text: .asciz "a  b; # c"
.file 1 "a.c"  "b.c"
`;

describe('a text', () => {
  test('keeps its dialects', () => {
    expect(fmt(MESSY)).toMatchInlineSnapshot(`
      "# Counts frames.
          ; a note
          .license "GPL"
          .map counter, array, key=4, value=8, entries=1  // one

          .program count, "xdp"
          *(u32 *)(r10 - 4) = 0        // the key
          r2 = r10; r2 += -4           # its place
          r1 = counter ll
          call bpf_map_lookup_elem
          if r0 == 0 goto out
          LIMIT = ( 0x10<<1 )|'\\n'
          r1 = LIMIT+1                 /* or so */
          lock *(u64 *)(r0 + 0) += r1  // counted
          jne r1, LIMIT - 1, out
          ldxdw r3, [r10-8]
        /* two
             lines */
      a: b: w1 = *(u32 *)(r2 + 4)
      out: r0 = XDP_DROP  // done
          exit


          .section .rodata, "a", @progbits
      text: .asciz "a  b; # c"
          .file 1 "a.c" "b.c"
      "
    `);
  });
  test('becomes LLVM’s', () => {
    expect(fmt(MESSY, 'llvm').split('\n').slice(5, 20).join('\n')).toMatchInlineSnapshot(`
      "    .program count, "xdp"
          *(u32 *)(r10 - 4) = 0        // the key
          r2 = r10; r2 += -4           # its place
          r1 = counter ll
          call bpf_map_lookup_elem
          if r0 == 0 goto out
          LIMIT = ( 0x10<<1 )|'\\n'
          r1 = LIMIT+1                 /* or so */
          lock *(u64 *)(r0 + 0) += r1  // counted
          if r1 != LIMIT - 1 goto out
          r3 = *(u64 *)(r10 - 8)
        /* two
             lines */
      a: b: w1 = *(u32 *)(r2 + 4)
      out: r0 = XDP_DROP  // done"
    `);
  });
  test('becomes mnemonics', () => {
    expect(fmt(MESSY, 'mnemonic').split('\n').slice(5, 24).join('\n')).toMatchInlineSnapshot(`
      "    .program count, "xdp"
          stw [r10-4], 0           // the key
          mov r2, r10; add r2, -4  # its place
          lddw r1, counter
          call bpf_map_lookup_elem
          jeq r0, 0, out
          LIMIT = ( 0x10<<1 )|'\\n'
          mov r1, LIMIT+1          /* or so */
          lock add [r0+0], r1      // counted
          jne r1, LIMIT - 1, out
          ldxdw r3, [r10-8]
        /* two
             lines */
      a: b: ldxw r1, [r2+4]
      out: mov r0, XDP_DROP  // done
          exit


          .section .rodata, "a", @progbits"
    `);
  });
  test('with the line breaks of its own', () => {
    expect(fmt('r0=1\r\n\r\nexit # x \r\n')).toBe('    r0 = 1\r\n\r\n    exit  # x\r\n');
    expect(fmt('exit')).toBe('    exit\n');
    expect(fmt('')).toBe('');
  });
});

test('lines that cannot be read stay as they are', () => {
  const source = { name: 'prog.s', text: 'r0=1\nr1  =  \n  add  r1 ; exit\nexit\n' };
  const { text, diagnostics } = formatSource(source);
  expect(text).toBe('    r0 = 1\nr1  =  \n  add  r1 ; exit\n    exit\n');
  expect(renderDiagnostics(diagnostics)).toMatchInlineSnapshot(`
    "error[syntax]: expected a register or a number after '=', found the end of the line
     --> prog.s:2:8
      |
    2 | r1  =
      |        ^

    error[operand-count]: 'add' takes 2 operands, not 1
     --> prog.s:3:3
      |
    3 |   add  r1 ; exit
      |   ^^^^^^^
      |
      = help: write it like 'add r1, 5'"
  `);
});

test('macros and conditions stay as they are', () => {
  const text = `.macro twice what
  \\what;\\what
.endm
twice  r0=1
.if 1
exit
.endif
tail_call r1 , jumps, 3
`;
  expect(fmt(text, 'mnemonic')).toBe(text.replace('\nexit', '\n    exit'));
  expect(fmt('.include "other.s"\nother  r1, r2\n')).toBe('.include "other.s"\nother  r1, r2\n');
});

/** One line for every row, with operands that both dialects have words for. */
const rowLines = INSN_TABLE.filter(({ src, kind }) => kind !== 'call' && (kind !== 'lddw' || src === 0)).map(
  (def) =>
    makeInsn(def, {
      ...(def.dst === 'reg' && { dst: 3 }),
      ...(def.src === 'reg' && { src: 4 }),
      ...(typeof def.off !== 'number' && { off: def.off === 'branch' ? 0 : -8 }),
      ...(typeof def.imm !== 'number' && { imm: def.imm === 'branch' ? 0 : 0x10005 }),
      ...(def.slots === 2 && { nextImm: 7 }),
    }),
);

test('every row of the table goes from dialect to dialect and back', () => {
  const llvm = rowLines.map((insn) => `    ${formatInstruction(insn)}\n`).join('');
  const mnemonic = rowLines.map((insn) => `    ${formatInstruction(insn, { style: 'mnemonic' })}\n`).join('');
  expect(fmt(llvm)).toBe(llvm);
  expect(fmt(mnemonic)).toBe(mnemonic);
  expect(fmt(llvm, 'mnemonic')).toBe(mnemonic);
  expect(fmt(mnemonic, 'llvm')).toBe(llvm);
});

test.each([
  ['call local f', 'call f'],
  ['call local +3', 'call pc+3'],
  ['call local 3', 'call pc+3'],
  ['call helper 6', 'call 6'],
  ['lddw_map_fd r1, 3', 'lddw_map_fd r1, 3'],
  ['addr_space_cast r1, r2, 0, 1 + 1', 'r1 = addr_space_cast(r2, 0, 1 + 1)'],
  ['ldindw r1, -4', 'r0 = *(u32 *)skb[r1 - 4]'],
  ['movs8 r1, r2', 'r1 = (s8)r2'],
  ['lock fetch_add32 [r1+A+B], r2', 'w2 = atomic_fetch_add((u32 *)(r1 + A+B), w2)'],
])('%s is %s in LLVM’s words', (mnemonic, llvm) => {
  expect(fmt(mnemonic, 'llvm')).toBe(`    ${llvm}\n`);
});

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/language.md', root), 'utf8');
const texts: readonly (readonly [string, string])[] = [
  ...readdirSync(new URL('bpf/', root))
    .filter((name) => name.endsWith('.s'))
    .map((name) => [name, readFileSync(new URL(`bpf/${name}`, root), 'utf8')] as const),
  ...[...page.matchAll(/^```asm\n([\s\S]*?)^```$/gm)].map(
    (match, at) => [`docs/language.md ${at}`, match[1]!] as const,
  ),
  ['messy', MESSY],
];

describe.each(texts)('%s', (_name, text) => {
  const { object } = assemble(text);
  test.skipIf(!object)('means the same, formatted and converted, once and twice', () => {
    const wanted = meaning(text);
    for (const style of STYLES) {
      const once = formatSource(text, style ? { style } : {}).text;
      expect(formatSource(once, style ? { style } : {}).text).toBe(once);
      expect(meaning(once)).toEqual(wanted);
    }
    const llvm = formatSource(text, { style: 'llvm' }).text;
    const there = formatSource(llvm, { style: 'mnemonic' }).text;
    expect(formatSource(there, { style: 'llvm' }).text.replaceAll(/ +/g, ' ')).toBe(
      llvm.replaceAll(/ +/g, ' ').replace(/w1 = \*\(u32/, 'r1 = *(u32'),
    );
  });
});

const expressions = fc.constantFrom(
  '5',
  '-1',
  '0x10',
  'K',
  'K+1',
  '( 1 <<3 )',
  "'a'",
  '- 2 * 3',
  '0b11',
  '052',
  '+4',
  '.-out',
  '~0&7',
);
const line = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        'r1 = ',
        'r1+=',
        'w2 s>>= ',
        'mov r1,',
        'xor32 r2 , ',
        'stw [r10-4] ,',
        '*(u8*)(r1+0)=',
      ),
      expressions,
    )
    .map(([head, value]) => head + value),
  fc
    .tuple(fc.constantFrom('if r1>', 'if w1 s<= '), expressions)
    .map(([head, value]) => `${head}${value} goto out`),
  fc
    .tuple(fc.constantFrom('jeq r1 ,', 'jslt32 r2,'), expressions)
    .map(([head, value]) => `${head}${value},out`),
  fc
    .tuple(fc.constantFrom('r1=*(u16*)(r2+', 'r1 = *(s8 *)(r2 - '), expressions)
    .map(([head, value]) => `${head}${value})`),
  expressions.map((value) => `ldxh r1,[r2 +${value}]`),
  fc.constantFrom(
    'exit',
    '',
    'call bpf_loop',
    'goto out',
    'r1=be16 r1',
    'lock fetch add [r1], r2',
    'neg r1',
    'r3=-r3',
    '.p2align 3',
    'goto pc+0',
  ),
);
const comments = fc.constantFrom('', '', '# a  b', '   // c', '/* d */', '; exit', ';exit;');
const anyText = fc
  .array(fc.tuple(fc.constantFrom('', ' ', '\t', '        '), line, fc.constantFrom('', ' '), comments), {
    maxLength: 25,
  })
  .map((lines) => `${lines.map((parts) => parts.join('')).join('\n')}\nout: exit\nK = 3\n`);

property.prop([anyText, fc.constantFrom(...STYLES)], { numRuns: 500 })(
  'formatting a text changes nothing but its looks, and does it once',
  (text, style) => {
    if (!assemble(text).object) return;
    const once = fmt(text, style);
    expect(fmt(once, style)).toBe(once);
    expect(meaning(once)).toEqual(meaning(text));
  },
);

const pieces = [
  'r1',
  '=',
  'mov',
  'add',
  ',',
  '[',
  ']',
  '5',
  ';',
  ':',
  '#',
  '//',
  '/*',
  '*/',
  '"',
  "'",
  '\n',
  '\n',
  '.macro',
  '.endm',
  '.byte',
  'exit',
  'lock',
  'call',
  '\\',
  '\r',
  '\u{1f600}',
  '*(u32 *)(',
];
property.prop([fc.array(fc.constantFrom(...pieces), { maxLength: 40 })], { numRuns: 2000 })(
  'whatever is formatted comes out once, and problems point into it',
  (words) => {
    const text = words.join(' ');
    const { text: once, diagnostics } = formatSource(text);
    expect(formatSource(once).text).toBe(once);
    for (const { span } of diagnostics) expect(span!.end).toBeLessThanOrEqual(text.length);
  },
);
