import { describe, expect, test } from 'vitest';
import { type Btf, BtfBuilder, BtfCopier, dedupBtf, parseBtf } from '../../src/btf/index.ts';
import { hasTool } from '../object/fixtures.ts';
import { fc, test as property } from '../support/property.ts';
import { everyKind } from './every-kind.ts';
import {
  bpftool,
  btfOf,
  compileText,
  concatBtf,
  fingerprints,
  hasKernelBtf,
  kernelBtf,
  linkObjects,
} from './tools.ts';

function dedup(btf: Btf): Btf {
  return parseBtf(dedupBtf(btf).builder.build(btf.endian));
}

const built = (make: (btf: BtfBuilder) => void): Btf => {
  const builder = new BtfBuilder();
  make(builder);
  return parseBtf(builder.build('little'));
};

const names = (btf: Btf, kind: string): string[] =>
  Array.from({ length: btf.typeCount }, (_, id) => btf.type(id))
    .filter((type) => type.kind === kind)
    .map((type) => type.name);

/** A list whose nodes point at themselves, at another struct and back. */
function ring(btf: BtfBuilder, other: 'defined' | 'declared'): void {
  const first = btf.nextId;
  const int = first + 4;
  btf.struct('node', 24, [
    { name: 'next', type: first + 1, offsetBits: 0 },
    { name: 'owner', type: first + 2, offsetBits: 64 },
    { name: 'value', type: int, offsetBits: 128 },
  ]);
  btf.ptr(first);
  btf.ptr(first + 3);
  if (other === 'defined') btf.struct('owner', 8, [{ name: 'head', type: first + 1, offsetBits: 0 }]);
  else btf.forward('owner');
  btf.int('int', 4, { signed: true });
}

describe('types that say the same', () => {
  test('structs in a ring become one, with all that they refer to', () => {
    const once = built((btf) => ring(btf, 'defined'));
    const twice = dedup(concatBtf(once, once));
    expect(fingerprints(twice).sort()).toEqual(fingerprints(once).sort());
  });

  test.each([
    ['first', 'declared', 'defined'],
    ['last', 'defined', 'declared'],
  ] as const)('a declaration that comes %s becomes the definition', (_, one, other) => {
    const merged = dedup(
      concatBtf(
        built((btf) => ring(btf, one)),
        built((btf) => ring(btf, other)),
      ),
    );
    expect(names(merged, 'struct').sort()).toEqual(['node', 'owner']);
    expect(names(merged, 'fwd')).toEqual([]);
  });

  test('a declaration of a name with two definitions stays', () => {
    const btf = built((make) => {
      make.forward('thing');
      make.struct('thing', 4, [{ name: 'a', type: make.int('int', 4), offsetBits: 0 }]);
      make.struct('thing', 8, [{ name: 'b', type: make.int('long', 8), offsetBits: 0 }]);
    });
    expect(names(dedup(btf), 'fwd')).toEqual(['thing']);
  });

  test('a declared union is not the struct of that name', () => {
    const btf = built((make) => {
      make.forward('thing', 'union');
      make.struct('thing', 4, [{ name: 'a', type: make.int('int', 4), offsetBits: 0 }]);
    });
    expect(dedup(btf).typeCount).toBe(btf.typeCount);
  });

  test('structs that differ far behind a pointer stay two', () => {
    const make = (size: 4 | 8) => (btf: BtfBuilder) => {
      const inner = btf.struct('inner', size, [
        { name: 'x', type: btf.int(`int${size}`, size), offsetBits: 0 },
      ]);
      btf.struct('outer', 8, [{ name: 'in', type: btf.ptr(inner), offsetBits: 0 }]);
    };
    expect(names(dedup(concatBtf(built(make(4)), built(make(8)))), 'struct')).toEqual([
      'inner',
      'outer',
      'inner',
      'outer',
    ]);
  });

  test('arrays that one object has twice are found equal to one', () => {
    const member = (name: string, type: number, at: number) => ({ name, type, offsetBits: at });
    const shared = built((btf) => {
      const int = btf.int('int', 4);
      const array = btf.array(int, int, 2);
      btf.struct('pair', 16, [member('a', array, 0), member('b', array, 64)]);
    });
    const twice = built((btf) => {
      const int = btf.int('int', 4);
      const [one, two] = [btf.array(int, int, 2), btf.nextId];
      btf.record({ nameOffset: 0, info: 3 << 24, word: 0, tail: [int, int, 2] });
      btf.struct('pair', 16, [member('a', one, 0), member('b', two, 64)]);
    });
    expect(names(dedup(concatBtf(shared, twice)), 'struct')).toEqual(['pair']);
  });

  test('an enumeration without values becomes the one with them', () => {
    const btf = built((make) => {
      const declared = make.enum('color', {});
      make.struct('paint', 4, [{ name: 'color', type: declared, offsetBits: 0 }]);
      make.enum('color', { RED: 0 });
    });
    const { ids } = dedupBtf(btf);
    expect(ids[1]).toBe(ids[3]);
  });

  test('old numbers lead to types of the same name', () => {
    const btf = concatBtf(parseBtf(everyKind().build('big')), parseBtf(everyKind().build('big')));
    const { builder, ids } = dedupBtf(btf);
    const after = parseBtf(builder.build('big'));
    for (let id = 0; id < btf.typeCount; id++) {
      expect(after.type(ids[id]!).name).toBe(btf.type(id).name);
      expect(after.kindOf(ids[id]!)).toBe(btf.kindOf(id));
    }
  });

  test('types that refer to themselves through pointers alone are left', () => {
    const btf = built((make) => {
      make.ptr(2);
      make.typedef('loop', 1);
      make.ptr(4);
      make.typedef('loop', 3);
    });
    expect(dedup(btf).typeCount).toBeGreaterThan(1);
  });

  test('what the base has is taken from it, and the base stays', () => {
    const base = built((btf) => ring(btf, 'defined'));
    const builder = new BtfBuilder({ base });
    ring(builder, 'defined');
    builder.struct('own', 8, [{ name: 'node', type: builder.nextId - 4, offsetBits: 0 }]);
    const split = parseBtf(builder.build('little'), 'module', base);
    const { builder: out } = dedupBtf(split);
    const after = parseBtf(out.build('little'), 'module', base);
    expect(after.typeCount).toBe(base.typeCount + 1);
    const own = after.type(base.typeCount);
    expect(own).toMatchObject({ kind: 'struct', name: 'own', members: [{ name: 'node', type: 2 }] });
  });
});

/** Random types that refer to each other in any way that C allows. */
const arbitraryBtf = fc
  .array(
    fc.record({
      kind: fc.constantFrom(
        'int',
        'ptr',
        'const',
        'typedef',
        'struct',
        'union',
        'array',
        'fwd',
        'enum',
        'proto',
      ),
      name: fc.constantFrom('a', 'b', 'c'),
      refs: fc.array(fc.nat(30), { minLength: 2, maxLength: 4 }),
      size: fc.constantFrom(4, 8),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((types) =>
    built((btf) => {
      types.forEach(({ kind, name, refs, size }, index) => {
        const ref = (at: number): number => refs[at]! % (types.length + 1);
        // Only structs may be referred to before they are there: chains of others then end.
        const back = ref(0) % (index + 1);
        const members = refs.map((_, at) => ({ name: `m${at}`, type: ref(at), offsetBits: 64 * at }));
        const word = { struct: 0x0400_0000, union: 0x0500_0000 } as const;
        if (kind === 'int')
          btf.record({ nameOffset: btf.string(name), info: 1 << 24, word: size, tail: [size * 8] });
        else if (kind === 'ptr') btf.record({ nameOffset: 0, info: 2 << 24, word: back, tail: [] });
        else if (kind === 'const') btf.record({ nameOffset: 0, info: 10 << 24, word: back, tail: [] });
        else if (kind === 'typedef') btf.typedef(name, back);
        else if (kind === 'array')
          btf.record({ nameOffset: 0, info: 3 << 24, word: 0, tail: [back, back, size] });
        else if (kind === 'fwd') btf.forward(name);
        else if (kind === 'enum') btf.enum(name, { X: size });
        else if (kind === 'proto') btf.funcProto(back, [{ name: 'p', type: back }]);
        else {
          const tail = members.flatMap((m) => [btf.string(m.name), m.type, m.offsetBits]);
          btf.record({
            nameOffset: btf.string(name),
            info: word[kind as 'struct'] | members.length,
            word: 32,
            tail,
          });
        }
      });
    }),
  );

describe('of random types', () => {
  property.prop([arbitraryBtf])('twice the same is as good as once', (btf) => {
    expect(fingerprints(dedup(concatBtf(btf, btf))).sort()).toEqual(fingerprints(dedup(btf)).sort());
  });

  property.prop([arbitraryBtf])('nothing is left to do afterwards', (btf) => {
    const once = dedup(btf);
    expect(dedup(once).bytes).toEqual(once.bytes);
  });

  property.prop([arbitraryBtf])('no two types with the same graph are left', (btf) => {
    const left = fingerprints(dedup(btf), 40);
    expect(new Set(left).size).toBe(left.length);
  });
});

const SHARED = `
typedef unsigned int u32; typedef unsigned long long u64;
struct list { struct list *next, *prev; };
struct opaque;
enum color { RED, GREEN = 7 };
union either { u32 small; u64 large; struct { u32 low, high; }; };
typedef int (*compare)(const struct list *a, const struct list *b, struct opaque *o);
struct tree { struct tree *left, *right; struct list all; union either e[3]; enum color color; compare cmp; u32 bits:3, rest:29; };
struct tree2 { volatile const char *name; struct tree t; float *f; };
`;
const SOURCES = [
  `${SHARED} struct opaque { struct tree *t; u64 x; }; struct tree2 first; struct opaque hidden;
   int one(struct tree2 *t) { return t->t.bits + first.t.bits + hidden.x; }`,
  `${SHARED} struct tree2 second; static int help(struct list *l) { return l->next == 0; }
   int two(struct tree2 *t, struct list *l) { return t->t.rest + second.t.bits + help(l); }`,
];

describe.skipIf(!hasTool('clang-19') || !hasTool(bpftool))('beside libbpf', () => {
  test('objects linked by its static linker have the types that ours leave', () => {
    const objects = SOURCES.map((source) => compileText(source));
    const theirs = btfOf(linkObjects(objects));
    const ours = dedup(concatBtf(...objects.map(btfOf)));
    // The linker merges sections as well and leaves one section of each name.
    const compared = (btf: Btf): string[] =>
      fingerprints(btf)
        .filter((_, id) => btf.kindOf(id) !== 'datasec')
        .sort();
    expect(compared(ours)).toEqual(compared(theirs));
    expect(names(ours, 'struct')).toContain('opaque');
  });
});

describe.skipIf(!hasKernelBtf)("of this machine's kernel", () => {
  const kernel = hasKernelBtf ? kernelBtf() : undefined!;

  test('libbpf has left nothing to do', () => {
    const { builder, ids } = dedupBtf(kernel);
    expect(builder.nextId).toBe(kernel.typeCount);
    expect(ids.every((id, before) => id === before)).toBe(true);
  }, 60_000);

  test('thousands of types twice become what they were', () => {
    const builder = new BtfBuilder();
    const root = kernel.findByName('task_struct', 'struct')!;
    for (let copy = 0; copy < 2; copy++) new BtfCopier(kernel, builder).id(root);
    const before = parseBtf(builder.build('little'));
    const { builder: after, ids } = dedupBtf(before);
    expect(before.typeCount).toBeGreaterThan(10_000);
    expect(2 * (after.nextId - 1)).toBe(before.typeCount - 1);
    expect(ids[1 + (before.typeCount - 1) / 2]).toBe(ids[1]);
  }, 60_000);
});

describe('copies', () => {
  test.each(['little', 'big'] as const)('of every kind are the same (%s endian)', (endian) => {
    const source = parseBtf(everyKind().build(endian));
    expect(fingerprints(concatBtf(source))).toEqual(fingerprints(source));
  });

  test('bring what they refer to, once, and nothing else', () => {
    const source = built((btf) => {
      btf.int('unrelated', 4);
      ring(btf, 'defined');
    });
    const target = new BtfBuilder();
    target.int('before', 1);
    const copier = new BtfCopier(source, target);
    const node = copier.id(source.findByName('node')!);
    expect(copier.id(source.findByName('owner')!)).toBeGreaterThan(node);
    const copy = parseBtf(target.build('big'));
    expect(copy.typeCount).toBe(7);
    expect(copy.findByName('unrelated')).toBeUndefined();
    expect(copy.type(node)).toMatchObject({ kind: 'struct', name: 'node', size: 24 });
  });
});
