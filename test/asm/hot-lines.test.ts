import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type AssembleOptions, type AssembleResult, Assembly } from '../../src/asm/assemble/assemble-file.ts';
import { readWithGrammar } from '../../src/asm/syntax/parse-grammar.ts';
import { renderDiagnostics } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';

function assembled(
  text: string,
  everyLineAsStatement: boolean,
  options: AssembleOptions = {},
): AssembleResult {
  const assembly = new Assembly({ name: 'prog.s', text }, { ...options, everyLineAsStatement });
  assembly.read(readWithGrammar);
  return assembly.result({});
}

/** Lines that are written at once and lines that become statements: one object, one list of problems. */
function expectAgreement(text: string, options: AssembleOptions = {}): AssembleResult {
  const [hot, slow] = [assembled(text, false, options), assembled(text, true, options)];
  expect(renderDiagnostics(hot.diagnostics)).toBe(renderDiagnostics(slow.diagnostics));
  expect(hot.object).toEqual(slow.object);
  return hot;
}

const number = fc.oneof(
  fc.integer({ min: -40000, max: 40000 }).map(String),
  fc.integer({ min: 0, max: 2 ** 32 }).map((value) => `0x${value.toString(16)}`),
  fc.constantFrom(
    '0',
    '-0',
    '+1',
    '- 1',
    '2147483647',
    '2147483648',
    '-2147483648',
    '-2147483649',
    '010',
    '08',
  ),
  fc.constantFrom(
    '0x',
    '0x1g',
    '1a',
    '12.',
    '4294967295',
    '99999999999999999999',
    '0x7fffffff',
    '0xffffffff',
    '-0x80000000',
  ),
);
const register = fc.constantFrom(
  'r0',
  'r1',
  'r9',
  'r10',
  'w0',
  'w3',
  'w10',
  'r11',
  'r1x',
  'r',
  'w',
  'R1',
  'r.1',
  'r1$',
);
const gap = fc.constantFrom(' ', ' ', ' ', '', '\t', '  ');
const size = fc.constantFrom('u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64', 'u63', 'u3');
const memory = fc
  .tuple(size, gap, register, fc.constantFrom(' + ', ' - ', '+', '-', ' +', ''), number)
  .map(([kind, space, base, sign, off]) => `*(${kind}${space}*)(${base}${sign}${sign === '' ? '' : off})`);
const label = fc.constantFrom(
  'a',
  'b',
  '.Lc',
  'LBB0_1',
  'nowhere',
  '+0',
  '-1',
  '+40000',
  'a + 8',
  'goto',
  'exit',
);
const tail = fc.constantFrom('', '', '', ' # c', '// c', ' /* c */', ';', '; exit', ' x', '\r');
const compare = fc.constantFrom(
  '==',
  '!=',
  '>',
  '>=',
  '<',
  '<=',
  's>',
  's>=',
  's<',
  's<=',
  '&',
  '&=',
  's=',
  '=',
);
const assign = fc.constantFrom(
  '=',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '&=',
  '|=',
  '^=',
  '<<=',
  '>>=',
  's>>=',
  's/=',
  's%=',
  's<<=',
  's+=',
  '==',
);
const operand = fc.oneof(
  register,
  number,
  memory,
  fc.constantFrom(
    '5 ll',
    '0x1122334455667 ll',
    '-1 ll',
    '0xfffffffffffff ll',
    '0x11223344556677 ll',
    '5ll',
    '-0x80000000 ll',
    '0 ll # c',
    'a ll',
    '4294967296 ll',
  ),
  fc.constant('x'),
);
const joined = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((all) => all.join(''));
const line = fc.oneof(
  joined(register, gap, assign, gap, operand, tail),
  joined(memory, gap, fc.constant('='), gap, operand, tail),
  joined(fc.constant('if '), register, gap, compare, gap, operand, gap, fc.constant('goto '), label, tail),
  joined(fc.constantFrom('goto ', 'goto', 'gotol ', 'call ', 'call\t'), fc.oneof(label, number), tail),
  joined(
    fc.constantFrom('exit', 'exits', 'a:', 'b: exit', '.Lc:', 'LBB0_1:', '.text', '.data', '.bss', '.byte 1'),
    tail,
  ),
);

describe('lines that are written at once', () => {
  property.prop([fc.array(line, { maxLength: 8 }), fc.constantFrom('little', 'big')], { numRuns: 1500 })(
    'are what they are as statements',
    (lines, endian) => {
      expectAgreement(lines.join('\n'), { endian: endian as 'little' | 'big' });
    },
  );

  test.each(readdirSync('bpf').filter((name) => name.endsWith('.s')))('agree on bpf/%s', (name) => {
    expect(expectAgreement(readFileSync(`bpf/${name}`, 'utf8')).object).toBeDefined();
  });

  test('a jump whose label is too far, in another section or nowhere is reported as ever', () => {
    const far = `if r0 == 0 goto far\n${'r0 = 1\n'.repeat(40000)}far: exit`;
    expect(expectAgreement(far).diagnostics.map(({ code }) => code)).toEqual(['branch-too-far']);
    const other = 'if r1 == 0 goto there\n.section other,"ax"\nthere: exit';
    expect(expectAgreement(other).diagnostics.map(({ code }) => code)).toEqual(['other-section']);
    expect(expectAgreement('goto nowhere').diagnostics.map(({ code }) => code)).toEqual(['undefined-name']);
  });
});
