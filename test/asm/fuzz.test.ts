import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { AssemblyParser } from '../../src/asm/syntax/grammar.ts';
import { writeElf } from '../../src/elf/index.ts';
import { renderDiagnostics } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';
import { mutationsOf, soupOf } from './fuzz-texts.ts';

test('the grammar has no ambiguities and no empty loops', () => {
  expect(() => new AssemblyParser({ skipValidations: false })).not.toThrow();
});

const WORDS = [
  ...[
    'r0',
    'r1',
    'w2',
    'r10',
    'r11',
    'w99',
    '0',
    '1',
    '-1',
    '0x7fffffff',
    '0xffffffffffffffff',
    '08',
    '1b',
    "'a'",
  ],
  ...[
    '=',
    '+=',
    's>>=',
    's/=',
    '<<=',
    '==',
    's<',
    '>=',
    '&',
    '|',
    '+',
    '-',
    '*',
    '/',
    '%',
    '<<',
    '>>',
    '~',
    '!',
  ],
  ...[
    '(',
    ')',
    '[',
    ']',
    ',',
    ':',
    ';',
    '\n',
    '\n',
    '\n',
    '.',
    '#',
    '//',
    '/*',
    '*/',
    '"',
    '"x"',
    "'",
    '@',
    '@function',
  ],
  ...[
    'if',
    'goto',
    'gotol',
    'may_goto',
    'call',
    'callx',
    'exit',
    'lock',
    'll',
    'skb',
    'u8',
    'u32',
    's16',
    'u64',
  ],
  ...[
    'be16',
    'bswap64',
    'addr_space_cast',
    'atomic_fetch_add',
    'xchg_64',
    'cmpxchg32_32',
    'load_acquire',
    'store_release',
  ],
  ...[
    '*(u32 *)',
    '(r1 + 4)',
    '(r10 - 8)',
    'r1 = ',
    'foo',
    'bar',
    'foo:',
    '.Lx',
    '.Lx:',
    'pc',
    'bpf_tail_call',
    'XDP_PASS',
  ],
  ...[
    '.text',
    '.section',
    '.section x,"ax"',
    '.globl',
    '.type',
    '.size',
    '.p2align',
    '.byte',
    '.long',
    '.quad',
    '.ascii',
  ],
  ...[
    '.zero',
    '.comm',
    '.set',
    '.const',
    '.license "GPL"',
    '.program',
    '.program p, "xdp"',
    '.function',
    '.map',
    '.entry',
  ],
  ...[
    '.map m, prog_array, entries=3',
    '.entry 0, p',
    'key=4',
    'value=8',
    'é',
    '\u{1f600}',
    '\0',
    '\t',
    '\r',
    '\\',
    '$',
  ],
];

const soup = soupOf(WORDS, 120);

const directory = new URL('../../bpf/', import.meta.url).pathname;
const real = readdirSync(directory)
  .filter((name) => name.endsWith('.s'))
  .map((name) => readFileSync(directory + name, 'utf8'));

const mutated = mutationsOf(real, WORDS);

/** Whatever the text: an object, or problems with a place in the text. */
function check(text: string): void {
  const { object, diagnostics } = assemble({ name: 'fuzz.s', text });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  expect(object === undefined).toBe(errors.length > 0);
  for (const { span, message } of diagnostics) {
    expect(span, message).toBeDefined();
    expect(span!.start).toBeGreaterThanOrEqual(0);
    expect(span!.end).toBeGreaterThanOrEqual(span!.start);
    expect(span!.end).toBeLessThanOrEqual(text.length);
    expect(message).not.toMatch(/Expecting|undefined|Token|NaN|\[object/);
  }
  renderDiagnostics(diagnostics);
  if (object) writeElf(object);
}

property.prop([soup], { numRuns: 1500 })('token soup gets answers, never exceptions', check);
property.prop([mutated], { numRuns: 1000 })('mutated files get answers, never exceptions', check);
property.prop([fc.string({ unit: 'binary', maxLength: 200 })], { numRuns: 500 })(
  'any string gets an answer',
  check,
);

const MANY = 20_000;
test.each([
  ['parentheses', `r0 = ${'('.repeat(MANY)}`],
  ['closed parentheses', `r0 = ${'('.repeat(MANY)}1${')'.repeat(MANY)}`],
  ['signs', `r0 = ${'-'.repeat(MANY)}1`],
  ['terms', `r0 = 1${'+1'.repeat(MANY)}`],
  ['labels', Array.from({ length: MANY }, (_, i) => `l${i}:`).join(' ')],
  [
    'constants that lean on later ones',
    Array.from({ length: MANY }, (_, i) => `c${i} = c${i + 1} + 1`).join('\n'),
  ],
  [
    'constants that lean on earlier ones',
    `c0 = 1\n${Array.from({ length: MANY }, (_, i) => `c${i + 1} = c${i} + 1`).join('\n')}`,
  ],
  ['a long name before a foreign letter', `.map m, hash, key=${'a'.repeat(MANY)}\u00e9`],
  ['a long name in a question', `r0 = sizeof(${'a'.repeat(MANY)}\u00e9)`],
  ['broken lines', 'r0 = = 1\n'.repeat(MANY)],
  ['separators', ';'.repeat(MANY)],
  ['an open comment', `/*${'x'.repeat(MANY)}`],
  ['open comments', '/*'.repeat(MANY)],
  ['open strings', '.ascii "\n'.repeat(MANY)],
  ['undefined names', Array.from({ length: 3000 }, (_, i) => `goto label_${i}`).join('\n')],
  ['zeros', '.zero 60000000\n'.repeat(50)],
])('%s without end are answered', (_name, text) => check(text), 20_000);
