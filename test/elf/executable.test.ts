import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseUsdtArguments, readExecutable, usdtProbes } from '../../src/elf/index.ts';
import { FormatError } from '../../src/util/errors.ts';
import { fc, test as propertyTest } from '../support/property.ts';

const GCC = '/usr/bin/gcc';
const READELF = '/usr/bin/readelf';
const there = existsSync(GCC) && existsSync(READELF);
if (!there) console.warn('skipped: symbols of programs: gcc or readelf is not installed');

const SOURCE = `
__attribute__((noinline)) int _Z9utest_subii(int a, int b) { return a - b; }
int shown(void) { return 1; }
int main(int argc, char **argv) { return _Z9utest_subii(argc, 1); }
`;

describe.skipIf(!there)('a program', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsbpf-executable-'));
    writeFileSync(join(directory, 'a.c'), SOURCE);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test.each([
    ['PIE', []],
    ['at fixed addresses', ['-no-pie']],
    ['static', ['-static', '-no-pie']],
    ['a library', ['-shared', '-fPIC']],
  ] as const)('%s: its functions lie where readelf says', (name, flags) => {
    const path = join(directory, name.replaceAll(' ', '-'));
    execFileSync(GCC, ['-O1', ...flags, '-o', path, join(directory, 'a.c')]);
    const executable = readExecutable(readFileSync(path), path);
    // Where a section lies in the file tells the same thing another way.
    const sections = execFileSync(READELF, ['-WS', path], { encoding: 'utf8' });
    const text = / \.text +PROGBITS +([0-9a-f]+) ([0-9a-f]+)/.exec(sections)!;
    const moved = Number.parseInt(text[1]!, 16) - Number.parseInt(text[2]!, 16);
    const listed = execFileSync(READELF, ['-Ws', path], { encoding: 'utf8' });
    for (const symbol of ['_Z9utest_subii', 'shown', 'main']) {
      const row = new RegExp(`^ *\\d+: ([0-9a-f]+) +(\\d+) FUNC .* ${symbol}$`, 'm').exec(listed)!;
      const address = Number.parseInt(row[1]!, 16);
      expect(executable.symbol(symbol)).toEqual({
        name: symbol,
        address,
        fileOffset: address - moved,
        size: Number(row[2]),
      });
      expect(executable.fileOffset(address)).toBe(address - moved);
    }
    expect(executable.symbol('shown@LIB_1.0')?.name).toBe('shown');
    expect(executable.symbol('nothing')).toBeUndefined();
    expect(executable.symbols((one) => one === 'main').map((one) => one.name)).toEqual(['main']);
  });

  test('without its symbol table has those that others call', () => {
    const path = join(directory, 'stripped');
    execFileSync(GCC, ['-shared', '-fPIC', '-s', '-o', path, join(directory, 'a.c')]);
    expect(readExecutable(readFileSync(path), path).symbol('shown')?.fileOffset).toBeGreaterThan(0);
  });

  test('that is none is told', () => {
    const error = (bytes: Uint8Array): string => {
      try {
        readExecutable(bytes, 'x');
        return '';
      } catch (thrown) {
        return (thrown as Error).message;
      }
    };
    expect(error(new TextEncoder().encode('#!/bin/sh\n'))).toMatchInlineSnapshot(`"x: is no ELF file"`);
    const elf32 = readFileSync(GCC).subarray(0, 64).slice();
    elf32[4] = 1;
    expect(error(elf32)).toMatchInlineSnapshot(`"x: is not a 64-bit little-endian program"`);
    const path = join(directory, 'PIE');
    expect(() =>
      readExecutable(readFileSync(path), 'x').fileOffset(2 ** 40),
    ).toThrowErrorMatchingInlineSnapshot(`[FormatError: x: nothing of it is loaded at 0x10000000000]`);
  });

  propertyTest.prop([
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
    fc.nat(),
  ])('bent bytes end in a typed error or in an answer', (changes, cut) => {
    const bytes = Uint8Array.from(readFileSync(join(directory, 'PIE')));
    // The headers are where it hurts.
    for (const [at, value] of changes) bytes[at % 2 ? at % 1024 : bytes.length - 1 - (at % 2048)] = value;
    const given = cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
    try {
      const executable = readExecutable(given, 'bent');
      executable.symbols();
      usdtProbes(executable);
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
    }
  });
});

test('the arguments of USDT probes', () => {
  expect(parseUsdtArguments('-4@%eax 8@-16(%rbp) 1@$5 2@8(%rax,%rbx,4) 4@counter(%rip)')).toEqual([
    { size: 4, signed: true, operand: '%eax' },
    { size: 8, signed: false, operand: '-16(%rbp)' },
    { size: 1, signed: false, operand: '$5' },
    { size: 2, signed: false, operand: '8(%rax,%rbx,4)' },
    { size: 4, signed: false, operand: 'counter(%rip)' },
  ]);
  expect(parseUsdtArguments('')).toEqual([]);
});
