import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseElf } from '../../src/elf/index.ts';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import {
  BpfMap,
  type Collection,
  type LoadOptions,
  loadCollection,
  typedVariable,
} from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';
import { type Section, SectionType } from '../../src/object/relocatable.ts';
import type { ObjectSpec } from '../../src/object/spec.ts';
import { enterNewMountNamespace, mountBpffs, unmount } from '../../src/syscall/index.ts';
import { CLANG_19, compileText } from '../support/c-object.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const noClang = !CLANG_19 || lacks('arena') !== undefined;
const PAGE = 4096;

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`.replace(/map \d+/, 'map ID');

const compile = (text: string): Uint8Array => compileText(text, '-mcpu=v3');

const source = (more = ''): string => `
#define SEC(name) __attribute__((section(name), used))
#define __arena __attribute__((address_space(1)))
#define __uint(name, value) int (*name)[value]
#define __ulong(name, value) enum { ___unique_##name = value } name
struct {
  __uint(type, 33);
  __uint(map_flags, 1024);
  __uint(max_entries, 10);
  ${more}
} arena SEC(".maps");
struct pair { int a; char text[12]; };
enum color { RED, GREEN = 7 };
int __arena number = 42;
unsigned long long __arena big = 0x1122334455667788;
struct pair __arena pair = { 7, "hello" };
enum color __arena color = GREEN;
int __arena zero;
static int __arena hidden = 5;
void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, unsigned pages, int node, unsigned long long flags)
  __attribute__((section(".ksyms"))) __attribute__((weak));
SEC("syscall") int change(void *ctx) {
  number += 1;
  __sync_fetch_and_add(&big, 1);
  pair.a = zero;
  pair.text[0] = 'j';
  hidden++;
  return number;
}
SEC("?syscall") int allocate(void *ctx) {
  return (unsigned)((unsigned long long)bpf_arena_alloc_pages(&arena, 0, 1, -1, 0) >> 12)
    - (unsigned)((unsigned long long)&number >> 12);
}
char gpl[] SEC("license") = "GPL";
`;

/** The sections with one of variables that has no bytes. */
const withSize = (sections: readonly Section[], size: number): Section[] =>
  sections.map((section) =>
    section.name === '.addr_space.1'
      ? { ...section, type: SectionType.NOBITS, bytes: new Uint8Array(), size }
      : section,
  );

const NAMES = ['number', 'big', 'pair', 'color', 'zero', 'hidden'];
const typed = (collection: Collection): unknown[] =>
  NAMES.map((name) => typedVariable(collection, name).get());
const run = (collection: Collection, program = 'change'): number =>
  collection.program(program).testRun().retval;

describeKernel('variables in an arena', () => {
  test.skipIf(noClang)('have their values before a program runs, and are shared with it', () => {
    using collection = loadCollection(compile(source()));
    expect(typed(collection)).toEqual([42, 0x1122334455667788n, { a: 7, text: 'hello' }, 7, 0, 5]);
    collection.variable('zero').set(1000);
    expect(run(collection)).toBe(43);
    expect(typed(collection)).toEqual([43, 0x1122334455667789n, { a: 1000, text: 'jello' }, 7, 1000, 6]);
    const big = collection.variable('big');
    expect([big.atomic, big.add(1), big.get()]).toEqual([true, 0x1122334455667789n, 0x112233445566778an]);
    expect(collection.variable('pair').atomic).toBe(false);
    typedVariable(collection, 'pair').set({ a: 1, text: 'x' });
    collection.variable('number').set(-2);
    expect([run(collection), typedVariable(collection, 'number').get()]).toEqual([2 ** 32 - 1, -1]);
    // The memory is the map's own, at its first byte.
    const memory = collection.map('arena').mmap();
    const { offset } = collection.spec.variables.get('number')!;
    expect(new DataView(memory.bytes.buffer, memory.bytes.byteOffset).getInt32(offset, true)).toBe(-1);
    if (!existsSync(BPFTOOL)) return;
    const { id } = collection.map('arena').info();
    expect(execFileSync(BPFTOOL, ['map', 'show', 'id', `${id}`], { encoding: 'utf8' })).toMatch(
      /name arena {2}flags 0x400\n.*max_entries 10 /,
    );
  });

  test.skipIf(noClang)('have the values that the load gives', () => {
    const object = compile(source());
    using collection = loadCollection(object, { variables: { number: 1, hidden: -1, zero: 9 } });
    expect(typed(collection)).toEqual([1, 0x1122334455667788n, { a: 7, text: 'hello' }, 7, 9, -1]);
    expect(run(collection)).toBe(2);
    expect(
      words(errorOf(() => loadCollection(object, { variables: { number: 2 ** 40 } }))),
    ).toMatchInlineSnapshot(
      `"value of variable 'number' is 1099511627776, but must be a whole number from -2147483648 to 4294967295"`,
    );
  });

  test.skipIf(noClang)('keep their pages from those who allocate', () => {
    using collection = loadCollection(compile(source()), {
      programs: ['change', 'allocate'],
    });
    // Pages behind that of the variables.
    expect([run(collection, 'allocate'), run(collection, 'allocate')]).toEqual([1, 2]);
    expect(collection.variable('number').get()).toBe(42);
  });

  test.skipIf(noClang)('lie where the map says', () => {
    const object = compile(source('__ulong(map_extra, 1ull << 44);'));
    using collection = loadCollection(object);
    expect(run(collection)).toBe(43);
    expect(collection.map('arena').ownMapping().address).toBe(2 ** 44);
    expect(words(errorOf(() => loadCollection(object)))).toMatchInlineSnapshot(
      `"cannot map the memory of map 'arena': an arena lies at one address in every process, and that is taken here (EEXIST) [another arena, or memory that was let go and is still referenced, may lie there]"`,
    );
  });

  test.skipIf(noClang)('are refused where there is no room for them', () => {
    const object = compile(`${source()}
char __arena filler[10 * 4096] = { 1 };
SEC("?syscall") int fills(void *ctx) { return filler[5]; }`);
    const refusal = (options: LoadOptions): string => words(errorOf(() => loadCollection(object, options)));
    expect(refusal({})).toMatchInlineSnapshot(
      `"variables in the arena 'arena' take 41004 bytes, but it has 40960 [max_entries, the number of its pages, must be 11 or more, and what programs allocate besides]"`,
    );
    const room = { mapOptions: { arena: { maxEntries: 11 } } };
    {
      using collection = loadCollection(object, room);
      expect([run(collection), collection.variable('filler').getBytes()[0]]).toEqual([43, 1]);
    }
    expect(
      refusal({ mapOptions: { arena: { maxEntries: 11, flags: MapFlag.MMAPABLE | MapFlag.SEGV_ON_FAULT } } }),
    ).toMatchInlineSnapshot(
      `"the arena 'arena' has variables, but the flag SEGV_ON_FAULT: only programs may allocate its pages [leave the flag out, or let a program allocate and set them]"`,
    );
    using small = BpfMap.create({
      name: 'small',
      type: MapType.ARENA,
      keySize: 0,
      valueSize: 0,
      maxEntries: 1,
      flags: MapFlag.MMAPABLE,
    });
    expect(refusal({ maps: { arena: small } })).toMatchInlineSnapshot(
      `"variables in the arena 'arena' take 41004 bytes, but it has 4096 [max_entries, the number of its pages, must be 11 or more, and what programs allocate besides]"`,
    );
  });

  test.skipIf(noClang)('of an arena that was there are left as they are', () => {
    const object = compile(source());
    using first = loadCollection(object);
    run(first);
    using second = loadCollection(object, { maps: { arena: first.map('arena') } });
    expect(second.variable('number').get()).toBe(43);
    expect([run(second), first.variable('number').get()]).toEqual([44, 44]);
    expect(
      words(
        errorOf(() =>
          loadCollection(object, { maps: { arena: first.map('arena') }, variables: { number: 1 } }),
        ),
      ),
    ).toMatchInlineSnapshot(
      `"variable 'number' lives in 'arena', which existed before and is left as it is [set it after the load]"`,
    );
    // Any handle of it in this process has the same memory, and it stays until the last one is closed.
    using other = BpfMap.openById(first.map('arena').info().id);
    const memory = other.mmap();
    const { offset } = first.spec.variables.get('number')!;
    first.close();
    second.close();
    expect(memory.bytes[offset]).toBe(44);
  });

  test.skipIf(noClang)('of a fresh arena of the caller are zeros', () => {
    using arena = BpfMap.create({
      name: 'mine',
      type: MapType.ARENA,
      keySize: 0,
      valueSize: 0,
      maxEntries: 10,
      flags: MapFlag.MMAPABLE,
    });
    using collection = loadCollection(compile(source()), { maps: { arena } });
    expect([run(collection), collection.variable('number').get()]).toEqual([1, 1]);
  });

  test.skipIf(noClang)('stay in a pinned arena, whose programs another load joins', () => {
    enterNewMountNamespace();
    const pinPath = mkdtempSync(join(tmpdir(), 'tsbpf-arena-fs-'));
    mountBpffs(pinPath);
    try {
      const object = compile(source('__uint(pinning, 1);'));
      using first = loadCollection(object, { pinPath });
      run(first);
      using second = loadCollection(object, { pinPath });
      expect([run(second), second.variable('number').get(), first.variable('number').get()]).toEqual([
        44, 44, 44,
      ]);
      first.close();
      second.close();
      using third = loadCollection(object, { pinPath });
      expect([run(third), third.variable('number').get()]).toEqual([45, 45]);
    } finally {
      unmount(pinPath);
      rmSync(pinPath, { recursive: true });
    }
  });

  test.skipIf(noClang)('of a strange object are refused, or zeros', () => {
    const refusal = (bytes: Uint8Array): string => words(errorOf(() => loadCollection(bytes)));
    expect(
      refusal(
        compile(`${source()}
int __arena * __arena pointer = &number;
SEC("syscall") int follow(void *ctx) { return *pointer; }`),
      ),
    ).toMatchInlineSnapshot(
      `"functions/change/slots/0: .addr_space.1 holds pointers as initial values, but an arena has its address only once it is loaded [let a program set them]"`,
    );
    const object = parseElf(compile(source()));
    const ofSize = (size: number): ObjectSpec =>
      collect({ ...object, sections: withSize(object.sections, size) });
    for (const size of [0x28 + 1000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      using collection = loadCollection(ofSize(size));
      expect([run(collection), typed(collection).slice(0, 2)]).toEqual([1, [1, 1n]]);
    }
    expect(errorOf(() => ofSize(8)).message).toMatchInlineSnapshot(
      `"functions/change/slots/11: refers to byte 36 of .addr_space.1, which has 8"`,
    );
    const wide = object.symbols.map((symbol) =>
      symbol.name === 'big' ? { ...symbol, size: 2 ** 40 } : symbol,
    );
    const huge = { ...object, symbols: wide, sections: withSize(object.sections, 2 ** 41) };
    expect(words(errorOf(() => loadCollection(collect(huge))))).toMatchInlineSnapshot(
      `"variables in the arena 'arena' take 1099511627784 bytes, but it has 40960 [max_entries, the number of its pages, must be 268435457 or more, and what programs allocate besides]"`,
    );
  });

  const TEXT = `
    .license "GPL"
    .map space, arena, entries=4, flags=BPF_F_MMAPABLE
    .section ".addr_space.1", "aw"
    .var u64 total = 5
    .var u32 word = 6
    .var u64 zero
    .program count, "syscall"
    r1 = total ll
    r1 = addr_space_cast(r1, 0, 1)
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    r0 = *(u64 *)(r1 + 0)
    r1 = zero ll
    r1 = addr_space_cast(r1, 0, 1)
    *(u64 *)(r1 + 0) = 9
    exit
`;

  test.skipIf(lacks('arena'))('can be written in the language', () => {
    using collection = loadText(TEXT);
    const read = (): unknown[] => ['total', 'word', 'zero'].map((name) => collection.variable(name).get());
    expect(read()).toEqual([5n, 6, 0n]);
    expect([run(collection, 'count'), run(collection, 'count')]).toEqual([6, 7]);
    expect(read()).toEqual([7n, 6, 9n]);
    const total = collection.variable('total');
    expect(total.add(1)).toBe(7n);
    collection.close();
    expect(errorOf(() => total.get()).message).toMatchInlineSnapshot(`"map 'space' is closed"`);
  });

  test.skipIf(lacks('arena'))('an arena without any has its address all the same', () => {
    using collection = loadText(`
    .license "GPL"
    .map space, arena, entries=4, flags=BPF_F_MMAPABLE
    .program read, "syscall"
    r2 = space ll
    r2 = *(u64 *)(r1 + 0)
    r2 = addr_space_cast(r2, 0, 1)
    r0 = *(u64 *)(r2 + 0)
    exit
`);
    const space = collection.map('space');
    space.mmap().set(1, new Uint8Array(PAGE).fill(1));
    const context = new BigUint64Array([BigInt(space.ownMapping().address + PAGE)]);
    const { retval } = collection.program('read').testRun({ ctx: new Uint8Array(context.buffer) });
    expect(retval).toBe(0x01010101);
  });
});
