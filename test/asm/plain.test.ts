import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Statement } from '../../src/asm/syntax/ast.ts';
import { readWithGrammar } from '../../src/asm/syntax/parse-grammar.ts';
import { takeLine } from '../../src/asm/syntax/plain.ts';
import { Problems } from '../../src/asm/syntax/problems.ts';
import { Scanner } from '../../src/asm/syntax/scanner.ts';
import { fc, test as property } from '../support/property.ts';

/** What the plain reader made of a text. */
interface PlainText {
  /** In order. */
  readonly statements: readonly Statement[];
  /**
   * The text with the lines that were read blanked out, for the grammar to read the others at their
   * places; undefined where none is left.
   */
  readonly rest: string | undefined;
}

/** Reads the lines of a text that {@link takeLine} takes. */
function readPlainLines(text: string): PlainText {
  // A comment over several lines hides what stands in them.
  if (text.includes('/*')) return { statements: [], rest: text };
  const scanner = new Scanner(text);
  const statements: Statement[] = [];
  const rest: string[] = [];
  let blankFrom = 0;
  for (let start = 0; start <= text.length; start = scanner.end + 1) {
    const newline = text.indexOf('\n', start);
    scanner.at = start;
    scanner.end = newline < 0 ? text.length : newline;
    const count = statements.length;
    if (takeLine(scanner, statements)) continue;
    statements.length = count;
    rest.push(blank(text, blankFrom, start), text.slice(start, scanner.end));
    blankFrom = scanner.end;
  }
  if (rest.length === 0) return { statements, rest: undefined };
  rest.push(blank(text, blankFrom, text.length));
  return { statements, rest: rest.join('') };
}

/** As many characters as the text has there; only its line breaks stay. */
function blank(text: string, from: number, to: number): string {
  return text.slice(from, to).replace(/[^\n]+/g, (line) => ' '.repeat(line.length));
}

/** The lines that the plain reader took, at their places. */
function takenBy(text: string, rest: string | undefined): string {
  if (rest === undefined) return text;
  return [...text]
    .map((char, at) => (char === '\n' || rest[at] === ' ' || rest[at] === undefined ? char : ' '))
    .join('');
}

/** What both readers must agree on: the statements of the lines that the plain one took. */
function expectAgreement(text: string): readonly Statement[] {
  const { statements, rest } = readPlainLines(text);
  expect(rest?.length ?? text.length).toBe(text.length);
  const problems = new Problems({ name: 'text', text: takenBy(text, rest) });
  const { statements: grammars } = readWithGrammar(problems);
  expect(problems.list()).toEqual([]);
  expect(statements).toEqual(grammars);
  return statements;
}

const FRAGMENTS = [
  ...[
    'r0',
    'r1',
    'r10',
    'r11',
    'w2',
    'w10',
    'R3',
    'r01',
    'x',
    '.L1',
    'LBB0_1',
    'u32',
    's8',
    'be16',
    'll',
    'skb',
    'lock',
    'XDP_PASS',
    'foo.bar',
    'ctx.data',
    'sizeof',
    'sizeof(u32)',
    'be16(1)',
    'offsetof(event.list[2])',
    'core.offset(task.pid)',
    'core.type_id(struct task)',
    'unknown(1)',
    '"text" ll',
  ],
  ...[
    '0',
    '1',
    '-1',
    '42',
    '0x1f',
    '0X1F',
    '017',
    '08',
    '1a',
    '18446744073709551615',
    '99999999999999999999',
    "'a'",
    '"text"',
    '"a\\n"',
    '@function',
  ],
  ...[
    '=',
    '+=',
    '-=',
    '*=',
    '/=',
    's/=',
    '%=',
    '<<=',
    's>>=',
    '==',
    '!=',
    '>',
    's<',
    '>=',
    '&',
    '+',
    '-',
    '*',
    '(',
    ')',
    '[',
    ']',
    ',',
    ':',
    ';',
    '.',
    '~',
  ],
  ...[
    'if',
    'goto',
    'gotol',
    'may_goto',
    'call',
    'callx',
    'exit',
    '*(u32 *)(r1 + 4)',
    '*(u64*)(r10-8)',
    '*(s8 *)(r2 + 0)',
    '*(u16 *)skb[4]',
  ],
  ...[
    '.text',
    '.section',
    '.globl',
    '.long',
    '.zero',
    '.size',
    '.program',
    '.map',
    'key=4',
    '# comment',
    '// comment',
    '\t',
    ' ',
    '',
  ],
];
const WHOLE_LINES = [
  'r1 = load_acquire((u32 *)(r2 + 0))',
  'w1 = load_acquire((u8 *)(r2))',
  'store_release((u16 *)(r1 - 8), r2)',
  'r1 = addr_space_cast(r2, 0, 1)',
  'r0 = *(u16 *)skb[12]',
  'r0 = *(u8 *)skb[r1 + 2]',
  'callx r3',
  'r0 = 1; exit;',
  'a: ; b: exit',
  'r1 = 0b101 + 017',
  "r1 = 'a' + '\\n'",
  String.raw`.ascii "a\n\001b"`,
  'r2 = w9',
  'r1 = -0x7fffffffffffffff ll',
  'r1 = -(4) + -+5',
  'r2 = xchg_64(r1 + 8, r2)',
  'w2 = xchg32_32(r1 - 8, w2)',
  'r0 = cmpxchg_64(r1 + 8, r0, r2)',
  'w0 = cmpxchg32_32(r1, w0, w2)',
  'r2 = atomic_fetch_add((u64 *)(r1 + 8), r2)',
  'w2 = atomic_fetch_xor((u32 *)(r1 + 0), w2)',
  'r1 = atomic64_xchg((u64 *)(r2 + 0), r1)',
  'r1 = (s8)r2',
  'w1 = (s16)w2',
  'w1 = (s32)w2',
  'r1 = (1 + 2)',
  'r1 = (u8)r2',
  'r1 = (1 << 4) | 3',
  'r1 = -(2 * 3) - ~1',
  'r1 = bswap32 r1',
  'w1 = -w1',
  'gotol out',
  'may_goto +1',
  'LIMIT = 1 << 3',
  'x == 3',
  'lock *(u64 *)(r1 - 8) ^= r2',
  'r1 = r2',
  'w1 = w2',
  'r1 = w2',
  'r1 = 5',
  'w1 = -5',
  'r1 = 0x10 ll',
  'r1 = map ll',
  'w1 = 1 ll',
  'r3 += r4',
  'w3 s>>= 2',
  'r1 = -r1',
  'r0 = *(u8 *)(r1 + 0)',
  'w0 = *(u32 *)(r1 - 4)',
  'w0 = *(u64 *)(r1 + 0)',
  '*(u32 *)(r10 - 4) = r1',
  '*(u16 *)(r10 + -4) = 7',
  '*(u64 *)(r1 + 0) = w2',
  'if r1 == 0 goto +3',
  'if w1 s< w2 goto LBB0_1',
  'if r1 & 8 goto out',
  'if r1 != w2 goto out',
  'goto out',
  'goto -1',
  'goto pc+3',
  'call 12',
  'call bpf_tail_call',
  'call -1',
  'exit',
  'out: exit',
  'a: b: exit',
  'r1: exit',
  'exit: exit',
  '.size f, .-f',
  '.long 1, 2, x-y',
  '.section xdp,"ax",@progbits',
  '.loc 0 8 2 prologue_end is_stmt 0',
  '.loc 1 2, 3',
  '.file 1 "/usr/include" "x.h" md5 0x8ab7bf195d20e2851bf1a9e5b71245ca',
  '.long 1 2',
  '.entry 0, f',
  '.zero 8 # eight',
  ';comment',
  'r1 = a + b - 3',
  'r1 = 1+2*3',
  'r0 = *(u32 *)(r1 + 4)#c',
  'r0 = *(u32 *)(r1 + 4) // c',
  'r0 = 1; exit',
  'lock *(u32 *)(r1 + 0) += w2',
  'r1 = be16 r1',
  'N = 3',
  '.const N = 3',
  'r1 = sizeof(event)',
  'r1 = sizeof( struct event * )',
  'r1 = sizeof("a;b) # c")',
  String.raw`r1 = sizeof("a\"b)")`,
  "r1 = be16(')')",
  "r1 = be16('#') # c",
  'r1 = be32(be16(1) + (2 * 3)) - 1',
  'r1 = core.offset(task_struct.se.load)',
  'r1 = core.type_id(struct task_struct) ll',
  'r1 = "text; # //" ll',
  String.raw`r1 = "a\"\n" ll`,
  'r1 = "text"',
  'r2 = ctx.data',
  '*(u32 *)(r10 - sizeof(event) + event.pid) = r0',
  'r1 = *(u32 *)(r2 + offsetof(event.list[1 + 2]))',
  'if r1 > sizeof(u64) goto out',
  'X = sizeof(u64) * 2',
  '.long be16(1), sizeof(u32)',
  '.map m, hash, key=struct event, value=u8[6], entries=4',
  '.map m, hash, key=u32, value=const struct event *, entries=sizeof(u64)',
  '.map m, array_of_maps, inner=x, entries=2',
];

describe('the plain reader and the grammar', () => {
  const fragments = fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 8 }).map((parts) => parts.join(' '));
  const squeezed = fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 5 }).map((parts) => parts.join(''));
  const mutated = fc
    .tuple(
      fc.constantFrom(...WHOLE_LINES),
      fc.nat(40),
      fc.constantFrom(...FRAGMENTS, ...'rw*()+-=:;.,#"\\\r'),
    )
    .map(([line, at, piece]) => line.slice(0, at) + piece + line.slice(at));
  const anyLine = fc.oneof(fc.constantFrom(...WHOLE_LINES), mutated, fragments, squeezed);

  property.prop([fc.array(anyLine, { maxLength: 6 })], { numRuns: 2000 })(
    'agree on every line that the plain reader takes',
    (lines) => {
      expectAgreement(lines.join('\n'));
    },
  );

  // Neither is given C's declarations and the lines of macros as they stand in a file.
  const whole = readdirSync('bpf').filter(
    (name) =>
      name.endsWith('.s') &&
      !/^ *\.(macro|struct|enum|var|function \w+ )/m.test(readFileSync(`bpf/${name}`, 'utf8')),
  );
  test.each(whole)('agree on bpf/%s', (name) => {
    expect(expectAgreement(readFileSync(`bpf/${name}`, 'utf8')).length).toBeGreaterThan(3);
  });

  test('plain lines are taken, and others left at their places', () => {
    const text = 'r0 = 1\nR2 = 0X5 + w\nexit\n';
    const { statements, rest } = readPlainLines(text);
    expect(statements.map(({ start, end }) => text.slice(start, end))).toEqual(['r0 = 1', 'exit']);
    expect(rest).toBe('      \nR2 = 0X5 + w\n    \n');
  });

  test('a comment over several lines leaves all to the grammar', () => {
    expect(readPlainLines('r0 = 1 /*\nexit */').statements).toEqual([]);
  });

  test('every line that compilers print without debug information is plain, but for atomics and the like', () => {
    const text = [
      '\t.text',
      '\t.globl\tf                               # -- Begin function f',
      'f:                                      # @f',
      '\tr0 = *(u32 *)(r1 + 0)',
      '\tif r0 s> 5 goto LBB0_2',
      'LBB0_2:',
      '\tr1 = m ll',
      '\tcall 12',
      '\texit',
      '.Lfunc_end0:',
      '\t.size\tf, .Lfunc_end0-f',
      '',
    ].join('\n');
    expect(readPlainLines(text).rest).toBeUndefined();
  });
});
