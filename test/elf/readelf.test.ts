import { describe, expect, test } from 'vitest';
import { parseElf, readObject, writeElf } from '../../src/elf/index.ts';
import type { RelocatableObject, SymbolSection } from '../../src/object/index.ts';
import { compile, fixture, goodFixtures, hasTool, relinkByBpftool, toolOutput } from '../object/fixtures.ts';

const READELF = 'llvm-readelf-19';

interface Named {
  readonly Name: string;
  readonly Value: number;
}
interface ReadelfOutput {
  readonly Sections: readonly {
    Section: {
      Name: Named;
      Type: Named;
      Flags: { Value: number };
      Size: number;
      Link: number;
      Info: number;
      AddressAlignment: number;
      EntrySize: number;
    };
  }[];
  readonly Symbols: readonly {
    Symbol: { Name: Named; Value: number; Size: number; Binding: Named; Type: Named; Section: Named };
  }[];
  readonly Relocations: readonly {
    SectionIndex: number;
    Relocs: readonly { Relocation: { Offset: number; Type: Named; Symbol: Named } }[];
  }[];
}

/** Neither NULL nor tables that symbols and relocations stand for. */
const dropped = new Set(['SHT_NULL', 'SHT_SYMTAB', 'SHT_STRTAB', 'SHT_REL', 'SHT_RELA']);

/** What llvm-readelf sees, as lines. */
function witness(bytes: Uint8Array): object {
  const text = toolOutput(READELF, ['--elf-output-style=JSON', '-S', '-s', '-r', '@'], bytes);
  const { Sections, Symbols, Relocations } = (JSON.parse(text) as ReadelfOutput[])[0]!;
  const targetOf = (section: number): string => Sections[section]!.Section.Name.Name.replace(/^\.rela?/, '');
  return {
    sections: Sections.map(({ Section: s }) => s)
      .filter(({ Type }) => !dropped.has(Type.Name))
      .map((s) =>
        [s.Name.Name, s.Type.Value, s.Flags.Value, s.Size, s.AddressAlignment, s.EntrySize].join(' '),
      ),
    symbols: Symbols.slice(1).map(({ Symbol: s }) =>
      [
        s.Type.Value === 3 ? '' : s.Name.Name,
        s.Section.Name,
        s.Value,
        s.Size,
        s.Binding.Value,
        s.Type.Value,
      ].join(' '),
    ),
    relocations: Relocations.flatMap(({ SectionIndex, Relocs }) =>
      Relocs.map(({ Relocation: r }) =>
        [targetOf(SectionIndex), r.Offset, r.Type.Value, r.Symbol.Name].join(' '),
      ),
    ).sort(),
  };
}

const bindings = ['local', 'global', 'weak'];
const types = ['notype', 'object', 'func', 'section', 'file'];

/** The same of what we parsed. */
function seen(object: RelocatableObject): object {
  const sectionName = (section: SymbolSection): string =>
    typeof section === 'number'
      ? object.sections[section]!.name
      : { undefined: 'Undefined', absolute: 'Absolute', common: 'Common' }[section];
  return {
    sections: object.sections.map((s) => [s.name, s.type, s.flags, s.size, s.align, s.entrySize].join(' ')),
    symbols: object.symbols.map((s) =>
      [
        s.name,
        sectionName(s.section),
        s.value,
        s.size,
        bindings.indexOf(s.binding),
        types.indexOf(s.type),
      ].join(' '),
    ),
    relocations: object.relocations
      .map((r) => {
        const symbol = object.symbols[r.symbol]!;
        const name = symbol.type === 'section' ? sectionName(symbol.section) : symbol.name;
        return [object.sections[r.section]!.name, r.offset, r.type, name].join(' ');
      })
      .sort(),
  };
}

describe.skipIf(!hasTool(READELF))('llvm-readelf sees', () => {
  test.each(goodFixtures)('%s as we read it', (name) => {
    expect(seen(parseElf(fixture(name)))).toEqual(witness(fixture(name)));
  });

  test.each(goodFixtures)('%s as before once we have written it again', (name) => {
    const written = writeElf(parseElf(fixture(name)));
    expect(witness(written)).toEqual(witness(fixture(name)));
  });

  test('tables that name each other rightly', () => {
    for (const name of goodFixtures) {
      const object = parseElf(fixture(name));
      const text = toolOutput(READELF, ['--elf-output-style=JSON', '-S', '@'], writeElf(object));
      const headers = (JSON.parse(text) as ReadelfOutput[])[0]!.Sections.map(({ Section: each }) => each);
      const symtab = headers.findIndex(({ Type }) => Type.Name === 'SHT_SYMTAB');
      expect(headers[symtab]!.Info).toBe(
        1 + object.symbols.filter(({ binding }) => binding === 'local').length,
      );
      expect(headers[headers[symtab]!.Link]!.Name.Name).toBe('.strtab');
      for (const { Name, Type, Link, Info } of headers) {
        if (Type.Name !== 'SHT_REL') continue;
        expect(Link).toBe(symtab);
        expect(Name.Name).toBe(`.rel${headers[Info]!.Name.Name}`);
      }
    }
  });

  test.skipIf(!hasTool('llvm-objdump-19'))('the same code and relocations in what we write', () => {
    const args = ['-d', '-r', '--no-show-raw-insn', '@'];
    const bare = (bytes: Uint8Array): string =>
      toolOutput('llvm-objdump-19', args, bytes).replace(/^.*file format.*$/m, '');
    for (const name of goodFixtures)
      expect(bare(writeElf(parseElf(fixture(name))))).toBe(bare(fixture(name)));
  });

  test.skipIf(!hasTool('/usr/sbin/bpftool'))('and bpftool the same types', () => {
    const dump = (bytes: Uint8Array): string =>
      toolOutput('/usr/sbin/bpftool', ['btf', 'dump', 'file', '@'], bytes);
    for (const name of goodFixtures.filter((each) => /el$/.test(each)))
      expect(dump(writeElf(parseElf(fixture(name))))).toBe(dump(fixture(name)));
  });
});

/** What a spec means, without the numbers that another writer chooses anew. */
function meaning(bytes: Uint8Array): object {
  const { functions, maps, variables, license } = readObject(bytes);
  return {
    license,
    functions: new Map(
      [...functions.values()].map(({ name, code, relocations }) => [name, { code, relocations }]),
    ),
    maps: new Map(
      [...maps.values()].map(({ key: _key, value: _value, inner, ...map }) => [
        map.name,
        { ...map, inner: inner?.type },
      ]),
    ),
    variables: new Map(
      [...variables.values()].map(({ type: _type, ...variable }) => [variable.name, variable]),
    ),
  };
}

describe.skipIf(!hasTool('/usr/sbin/bpftool'))("libbpf's linker", () => {
  // Its version 1.1 takes objects of the machine's own endianness only.
  test.each(goodFixtures.filter((name) => name.endsWith('el')))(
    'takes what we write of %s, and gives the same meaning',
    (name) => {
      const relinked = relinkByBpftool(writeElf(parseElf(fixture(name))));
      expect(meaning(relinked)).toEqual(meaning(fixture(name)));
    },
  );
});

describe.each(['clang-14', 'clang-16', 'clang-19'])('what %s writes', (clang) => {
  const variants = ['bpfel', 'bpfeb'].flatMap((target) =>
    ['v1', 'v2', 'v3'].flatMap((cpu) =>
      [[], ['-g']].map((debug) => ['-target', target, `-mcpu=${cpu}`, ...debug]),
    ),
  );
  test.skipIf(!hasTool(clang) || !hasTool(READELF))(
    'is read as llvm-readelf reads it, DWARF included',
    () => {
      for (const flags of variants) {
        for (const source of ['calls', 'globals']) {
          const bytes = compile(clang, source, flags);
          expect(seen(parseElf(bytes)), `${source} ${flags.join(' ')}`).toEqual(witness(bytes));
        }
      }
    },
    60_000,
  );
});
