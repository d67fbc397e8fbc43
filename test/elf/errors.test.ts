import { describe, expect, test } from 'vitest';
import { parseElf, readObject, writeElf } from '../../src/elf/index.ts';
import { SectionType } from '../../src/object/relocatable.ts';
import { FormatError, TsbpfError } from '../../src/util/index.ts';
import { fixture } from '../object/fixtures.ts';

/** An object with some of its bytes replaced; numbers are little endian. */
function patched(name: string, offset: number, value: number | bigint, size: 1 | 2 | 4 | 8): Uint8Array {
  const bytes = fixture(name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 1) view.setUint8(offset, Number(value));
  else if (size === 2) view.setUint16(offset, Number(value), true);
  else if (size === 4) view.setUint32(offset, Number(value), true);
  else view.setBigUint64(offset, BigInt(value), true);
  return bytes;
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    return `${error.code} ${error.message}${hint}`;
  }
  return 'no error';
}

const name = 'legacy-19-el';
const view = new DataView(fixture(name).buffer);
const tableOffset = Number(view.getBigUint64(40, true));

describe('a file that is no BPF object is refused with words', () => {
  const parse = (bytes: Uint8Array): string => messageOf(() => parseElf(bytes));

  test('foreign', () => {
    expect(parse(new Uint8Array())).toMatchInlineSnapshot(
      `"ELF_NOT_ELF elf/header/e_ident: is not that of an ELF file"`,
    );
    expect(parse(new TextEncoder().encode('r0 = 2\nexit\n# a program in text'))).toMatchInlineSnapshot(
      `"ELF_NOT_ELF elf/header/e_ident: is not that of an ELF file (this looks like a text; an object file is wanted)"`,
    );
    expect(parse(patched(name, 4, 1, 1))).toMatchInlineSnapshot(
      `"ELF_WRONG_CLASS elf/header/e_ident: is of class 1, but BPF objects are 64-bit (class 2) (compile with clang -target bpf)"`,
    );
    expect(parse(patched(name, 5, 7, 1))).toMatchInlineSnapshot(
      `"ELF_WRONG_CLASS elf/header/e_ident: has data encoding 7, but must have 1 (little endian) or 2 (big endian)"`,
    );
    expect(parse(patched(name, 18, 62, 2))).toMatchInlineSnapshot(
      `"ELF_WRONG_MACHINE elf/header/e_machine: this is an object for x86-64, not for BPF (compile with clang -target bpf)"`,
    );
    expect(parse(patched(name, 18, 9999, 2))).toMatchInlineSnapshot(
      `"ELF_WRONG_MACHINE elf/header/e_machine: this is an object for machine 9999, not for BPF (compile with clang -target bpf)"`,
    );
    expect(parse(patched(name, 16, 3, 2))).toMatchInlineSnapshot(
      `"ELF_NOT_RELOCATABLE elf/header/e_type: is 3, but a BPF object is a relocatable file (1) (compile with -c and do not run a linker over it)"`,
    );
  });

  test('damaged', () => {
    expect(parse(fixture(name).subarray(0, 40))).toMatchInlineSnapshot(
      `"ELF_TRUNCATED elf/header: needs 64 bytes at offset 0, but there are 40 in all"`,
    );
    expect(parse(fixture(name).subarray(0, 1000))).toMatchInlineSnapshot(
      `"ELF_TRUNCATED elf/header/e_shoff: needs 64 bytes at offset 2168, but there are 1000 in all"`,
    );
    expect(parse(patched(name, 58, 40, 2))).toMatchInlineSnapshot(
      `"ELF_BAD_HEADER elf/header/e_shentsize: is 40, but must be 64"`,
    );
    expect(parse(patched(name, 62, 2, 2))).toMatchInlineSnapshot(
      `"ELF_BAD_HEADER elf/header/e_shstrndx: is 2, which is no string table"`,
    );
    expect(parse(patched(name, tableOffset + 3 * 64 + 24, 2n ** 60n, 8))).toMatchInlineSnapshot(
      `"ELF_TOO_LARGE elf/sections/3/sh_offset: 0x1000000000000000 is larger than any file"`,
    );
    expect(parse(patched(name, tableOffset + 3 * 64 + 32, 5000, 8))).toMatchInlineSnapshot(
      `"ELF_TRUNCATED elf/sections/3/sh_offset: needs 5000 bytes at offset 64, but there are 3064 in all"`,
    );
    expect(parse(patched(name, tableOffset + 3 * 64, 0xffff, 4))).toMatchInlineSnapshot(
      `"ELF_BAD_STRING elf/sections/3/sh_name: no text ends with NUL at offset 65535 of the 117 bytes of names"`,
    );
  });

  test('a relocation of what is not there, wherever in memory the file lies', () => {
    const table = Array.from(
      { length: view.getUint16(60, true) },
      (_, index) => tableOffset + index * 64,
    ).find((at) => view.getUint32(at + 4, true) === SectionType.REL)!;
    const entry = Number(view.getBigUint64(table + 24, true));
    const refusals = [
      patched(name, entry, 200, 8),
      patched(name, entry, 2n ** 32n, 8),
      patched(name, entry + 12, 999, 4),
    ].map((bytes) => {
      const shifted = new Uint8Array(bytes.length + 1).subarray(1);
      shifted.set(bytes);
      expect(parse(shifted)).toBe(parse(bytes));
      return parse(bytes);
    });
    expect(refusals).toMatchInlineSnapshot(`
      [
        "ELF_BAD_RELOCATION elf/sections/4/entries/0/r_offset: 200 lies outside the 200 bytes of xdp",
        "ELF_BAD_RELOCATION elf/sections/4/entries/0/r_offset: 4294967296 lies outside the 200 bytes of xdp",
        "ELF_BAD_RELOCATION elf/sections/4/entries/0/r_info: names symbol 999, but there are 7",
      ]
    `);
  });

  test('the name of the file leads the path where it is given', () => {
    const error = (() => {
      try {
        return parseElf(patched(name, tableOffset + 3 * 64 + 32, 50000, 8), { name: 'prog.o' });
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).path).toBe('prog.o/sections/3/sh_offset');
  });

  test('EM_NONE is taken, as old compilers wrote it', () => {
    expect(readObject(patched(name, 18, 0, 2)).functions.has('entry')).toBe(true);
  });
});

test('what no file can hold is not written', () => {
  const object = parseElf(fixture(name));
  const section = object.sections[0]!;
  const symbol = object.symbols[0]!;
  const write = (change: object): string => messageOf(() => writeElf({ ...object, ...change }));
  expect(write({ sections: [{ ...section, type: 2 }], symbols: [], relocations: [] })).toMatchInlineSnapshot(
    `"ELF_BAD_SECTION section .text is of type 2, which the writer makes itself"`,
  );
  expect(write({ sections: [{ ...section, size: 99 }], symbols: [], relocations: [] })).toMatchInlineSnapshot(
    `"ELF_BAD_SECTION section .text says 99 bytes and has 0"`,
  );
  expect(
    write({ sections: [{ ...section, align: 2 ** 40 }], symbols: [], relocations: [] }),
  ).toMatchInlineSnapshot(
    `"OUT_OF_RANGE section .text: alignment is 1099511627776, but must be a whole number from 0 to 1048576"`,
  );
  expect(
    write({ symbols: [{ ...symbol, name: 'far', section: 999 }], relocations: [] }),
  ).toMatchInlineSnapshot(`"ELF_BAD_SYMBOL symbol far is in section 999, but there are 8"`);
  expect(write({ symbols: [] })).toMatchInlineSnapshot(
    `"ELF_BAD_RELOCATION a relocation of section 1 against symbol 2 names what is not there"`,
  );
  expect(write({ symbols: [{ ...symbol, name: 'a\0b' }], relocations: [] })).toMatchInlineSnapshot(
    `"ELF_BAD_STRING a name in ELF cannot hold a NUL: "a\\u0000b""`,
  );
});
