import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readelf } from '../../src/elf/index.ts';

const OBJECTS = ['bpf', 'bpf/generations', 'test/object/fixtures/objects'].flatMap((dir) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.o'))
    .map((name) => `${dir}/${name}`),
);
const hasReadelf = spawnSync('llvm-readelf-19', ['--version'], { stdio: 'ignore' }).error === undefined;
const theirs = (flags: readonly string[], file: string): string =>
  execFileSync('llvm-readelf-19', [...flags, '-W', file], { encoding: 'utf8' });

describe('readelf', () => {
  test.for(OBJECTS)('shows %s as llvm-readelf -a does', (file, { skip }) => {
    if (!hasReadelf) skip('llvm-readelf-19 is not installed');
    expect(readelf(new Uint8Array(readFileSync(file)))).toBe(theirs(['-a'], file));
  });

  test.for([
    ['header', '-h'],
    ['sections', '-S'],
    ['relocations', '-r'],
    ['symbols', '-s'],
  ] as const)('shows the %s alone as llvm-readelf %s does', ([part, flag], { skip }) => {
    if (!hasReadelf) skip('llvm-readelf-19 is not installed');
    const file = 'bpf/protocol_dispatch.o';
    expect(readelf(new Uint8Array(readFileSync(file)), { parts: [part] })).toBe(theirs([flag], file));
  });

  test('says the same without the tool', () => {
    expect(
      readelf(new Uint8Array(readFileSync('bpf/drop_world.s.o')), { parts: ['sections', 'symbols'] }),
    ).toMatchInlineSnapshot(`
      "There are 8 section headers, starting at offset 0x2b8:

      Section Headers:
        [Nr] Name              Type            Address          Off    Size   ES Flg Lk Inf Al
        [ 0]                   NULL            0000000000000000 000000 000000 00      0   0  0
        [ 1] .text             PROGBITS        0000000000000000 000040 000000 00  AX  0   0  4
        [ 2] license           PROGBITS        0000000000000000 000040 000004 00  WA  0   0  1
        [ 3] xdp               PROGBITS        0000000000000000 000048 000010 00  AX  0   0  8
        [ 4] .BTF              PROGBITS        0000000000000000 000058 000168 00      0   0  4
        [ 5] .BTF.ext          PROGBITS        0000000000000000 0001c0 000060 00      0   0  4
        [ 6] .symtab           SYMTAB          0000000000000000 000220 000048 18      7   1  8
        [ 7] .strtab           STRTAB          0000000000000000 000268 00004d 00      0   0  1
      Key to Flags:
        W (write), A (alloc), X (execute), M (merge), S (strings), I (info),
        L (link order), O (extra OS processing required), G (group), T (TLS),
        C (compressed), x (unknown), o (OS specific), E (exclude),
        R (retain), p (processor specific)

      Symbol table '.symtab' contains 3 entries:
         Num:    Value          Size Type    Bind   Vis       Ndx Name
           0: 0000000000000000     0 NOTYPE  LOCAL  DEFAULT   UND 
           1: 0000000000000000     4 OBJECT  GLOBAL DEFAULT     2 _license
           2: 0000000000000000    16 FUNC    GLOBAL DEFAULT     3 xdp_drop_the_world
      "
    `);
  });
});
