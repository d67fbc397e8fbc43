import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assemble, formatSource } from '../../../src/asm/index.ts';
import { writeElf } from '../../../src/elf/index.ts';
import { renderDiagnostics, type SourceText } from '../../../src/util/index.ts';
import { fc, test as property } from '../../support/property.ts';
import { mutationsOf, soupOf } from '../fuzz-texts.ts';
import { describeObject } from '../tools.ts';

const WORDS = [
  ...'.struct .union .enum .typedef .var .const .map .entry .program .function .extern .license'.split(' '),
  ...'.macro .endm .endmacro .rept .endr .include .if .elseif .elif .else .endif .ifdef .ifndef'.split(' '),
  ...'.ifc .ifnc .ifb .ifnb .set .text .section .long .quad .ascii .type .size'.split(' '),
  ...'sizeof( offsetof( be16( le64( core.offset( core.type_id( core.nothing( sizeof(u32) ctx.data ctx. event.pid'.split(
    ' ',
  ),
  ...'struct event { } [ ] ( ) u32 u64 char int pid comm name : ; = , == != < <= && || ! - + * / % & | << >>'.split(
    ' ',
  ),
  ...'{ u32 pid; }|{ A, B = 2 }|u32 x[4]|m, hash, key=u32, value=struct event, entries=4|p, "xdp"|int f(u32 x)'.split(
    '|',
  ),
  ...'key= value= entries= inner= linkage=global static const volatile extern :req :vararg \\a \\@ \\() \\'.split(
    ' ',
  ),
  ...'tail_call loop bump m p f a b x event RED r0 r1 w2 r10 0 1 -1 08 0x7fffffff ll goto call exit'.split(
    ' ',
  ),
  ...[
    'r1 = ',
    'r1 = "text" ll',
    '"text"',
    '"',
    "'",
    "'a'",
    '#',
    '//',
    '/*',
    '*/',
    '\n',
    '\n',
    '\n',
    '\r\n',
    '\t',
    '\0',
    'é',
    '\u{1f600}',
  ],
  ...[
    '.macro m a, b=1\n',
    '\n.endm\nm 1\n',
    '.rept 2\n',
    '\n.endr\n',
    '.if 1\n',
    '\n.endif\n',
    '.include "x"',
    '.include "self"',
  ],
];
const soup = soupOf(WORDS, 100);

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/language.md', root), 'utf8');
const real = [
  ...[...page.matchAll(/^```asm\n([\s\S]*?)^```$/gm)].map((match) => match[1]!),
  ...readdirSync(new URL('bpf/', root))
    .filter((name) => name.endsWith('.s'))
    .map((name) => readFileSync(new URL(`bpf/${name}`, root), 'utf8')),
];
const mutated = mutationsOf(real, WORDS);

/** Whatever the text: an object, or problems with a place in it, in what it includes or in what its macros become. */
function check(text: string, endian: 'little' | 'big' = 'little'): string[] {
  const include = (name: string): SourceText | undefined => {
    if (name === 'x') return { name, text: 'r0 = 1\n.macro included\nr1 = \\nothing\n.endm\nincluded 5\n' };
    return name === 'self' ? { name, text } : undefined;
  };
  const { object, diagnostics } = assemble({ name: 'fuzz.s', text }, { endian, include });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  expect(object === undefined).toBe(errors.length > 0);
  for (const { span, message, help, labels } of diagnostics) {
    for (const place of [span!, ...labels.map((label) => label.span)]) {
      expect(place, message).toBeDefined();
      expect(place.start).toBeGreaterThanOrEqual(0);
      expect(place.end).toBeGreaterThanOrEqual(place.start);
      // The end of a text is the place of what is missing there.
      expect(place.end, message).toBeLessThanOrEqual(place.source.text.length + 1);
    }
    expect([message, ...help].join(' ')).not.toMatch(/Expecting|undefined|Token|NaN|\[object/);
  }
  renderDiagnostics(diagnostics.slice(0, 20));
  if (object) writeElf(object);
  return errors.map(({ code }) => code);
}

property.prop([soup, fc.constantFrom('little', 'big')], { numRuns: 1000 })(
  'token soup gets answers, never exceptions',
  (text, endian) => void check(text, endian as 'little' | 'big'),
);
property.prop([mutated], { numRuns: 700 })(
  'mutated texts get answers, never exceptions',
  (text) => void check(text),
);
property.prop([fc.oneof(soup, mutated)], { numRuns: 300 })('formatting them changes nothing', (text) => {
  const before = assemble(text).object;
  const { text: formatted } = formatSource(text);
  expect(formatSource(formatted).text).toBe(formatted);
  const after = assemble(formatted).object;
  const shown = (object: NonNullable<typeof before>): string[] =>
    describeObject(object).filter((line) => !/^(?:section|relocation) \.BTF/.test(line));
  expect(after && shown(after)).toEqual(before && shown(before));
});

const MANY = 20_000;
const repeated = (text: string, count = MANY): string => text.repeat(count);
test.each<[string, string, readonly string[]]>([
  ['a macro that doubles itself', '.macro m\nm\nm\n.endm\nm\nm', ['nested-too-deep', 'nested-too-deep']],
  [
    'macros that each use the one before ten times',
    `.macro m0\nr0 = 1\n.endm\n${Array.from({ length: 12 }, (_, i) => `.macro m${i + 1}\n${repeated(`m${i}\n`, 10)}.endm\n`).join('')}m12`,
    ['nested-too-deep'],
  ],
  ['a macro that grows its argument', '.macro m a\nm \\a\\a\n.endm\nm 12345678', ['nested-too-deep']],
  [
    'a macro that defines itself anew',
    '.macro m\n.macro m\n.endm\nm\n.endm\nm',
    [...Array.from({ length: 99 }, () => 'defined-twice'), 'nested-too-deep'],
  ],
  ['a thousand million repetitions', '.rept 1000000000\nr0 = 1\n.endr', ['nested-too-deep']],
  ['as many of nothing', '.rept 1000000000\n.endr', ['nested-too-deep']],
  [
    'repetitions in repetitions',
    `${repeated('.rept 1000\n', 8)}r0 = 1\n${repeated('.endr\n', 8)}`,
    ['nested-too-deep'],
  ],
  ['a file that includes itself', '.include "self"', ['nested-too-deep']],
  [
    'a file that includes itself twice',
    '.include "self"\n.include "self"\n',
    ['nested-too-deep', 'nested-too-deep'],
  ],
  [
    'a macro that includes its file',
    '.macro m\n.include "self"\n.endm\nm',
    [...Array.from({ length: 49 }, () => 'defined-twice'), 'nested-too-deep'],
  ],
  ['conditions', `${repeated('.if 1\n', 10_000)}r0 = 1\n${repeated('.endif\n', 10_000)}`, []],
  ['conditions that do not hold', `${repeated('.if 0\n', 10_000)}(\n${repeated('.endif\n', 10_000)}`, []],
  [
    'conditions without an end',
    repeated('.if 1\n', 900),
    Array.from({ length: 900 }, () => 'unclosed-block'),
  ],
  ['alternatives', `.if 0\n${repeated('.elseif 0\n')}.endif`, []],
  ['macros in macros', `${repeated('.macro m\n')}${repeated('.endm\n')}`, []],
  ['negations', `.if ${repeated('!')}(1 == 1)\n.endif`, ['syntax']],
  ['parentheses in a condition', `.if ${repeated('(')}1${repeated(')')}\n.endif`, ['syntax']],
  ['parentheses in sizeof', `r1 = sizeof(${repeated('(')}u32${repeated(')')})`, ['bad-declaration']],
  ['a type in as many', `.typedef u32 ${repeated('(*')}p${repeated(')')}`, ['nested-too-deep']],
  ['parentheses in be16', `r1 = be16(${repeated('(', 60)}1${repeated(')', 60)})`, []],
  ['be16 in be16', `r1 = ${repeated('be16(', 40)}1${repeated(')', 40)}`, []],
  ['more of them', `r1 = ${repeated('be16(')}1${repeated(')')}`, ['nested-too-deep']],
  ['pointers', `.typedef u32 ${repeated('*')}p`, ['nested-too-deep']],
  ['a long array', '.struct s { u8 x[1 << 28]; u8 y; }\n.if sizeof(s) == (1 << 28) + 1\nr0 = 1\n.endif', []],
  ['a variable of it', '.struct s { u8 x[1 << 30]; }\n.var struct s v', ['section-too-large']],
  ['arguments', `.macro m a:vararg\n.long \\a\n.endm\nm ${repeated('1,')}1`, []],
  [
    'parameters',
    `.macro m ${Array.from({ length: 2000 }, (_, i) => `a${i}`).join()}\nr0 = 1\\a1999\n.endm\nm`,
    [],
  ],
  ['uses of a macro', `.macro m a\nr0 = \\a\n.endm\n${repeated('m 1\n')}`, []],
  [
    'mistakes in a macro',
    `.macro m a\nr0 = (\n.endm\n${repeated('m 1\n')}`,
    Array.from({ length: 1000 }, () => 'syntax'),
  ],
  ['separators', `.if 1${repeated(';')}\n.endif`, []],
  ['open braces', repeated('.struct s {\n'), ['defined-twice']],
  ['strings', Array.from({ length: 5000 }, (_, i) => `r1 = "${i}" ll`).join('\n'), []],
  [
    'called labels',
    `.program p, "xdp"\n${Array.from({ length: 5000 }, (_, i) => `call l${i}\nl${i}: exit`).join('\n')}`,
    [],
  ],
])('%s without end are answered', (name, text, codes) => {
  const found = check(`${text}\n`);
  if (name === 'open braces') expect(found.length).toBeGreaterThan(0);
  else expect(found).toEqual(codes);
});
