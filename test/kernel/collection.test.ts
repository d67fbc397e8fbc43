import { expect, test } from 'vitest';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, loadCollection } from '../../src/kernel/index.ts';
import type { MapSpec, VariableSpec } from '../../src/object/spec.ts';
import { concatBytes } from '../../src/util/bytes.ts';
import {
  call,
  exit,
  frameOf,
  functionSpec,
  loadMap,
  mapSpec,
  movImm,
  objectSpec,
  progArray,
  returns,
  SCHED_CLS,
  slot,
  tailCalls,
  XDP,
} from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

const jump = { kind: 'map', slot: 0, map: 'jump' } as const;
const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`;

function variable(name: string, map: string, offset: number, size: number): [string, VariableSpec] {
  return [name, { name, map, offset, size, type: undefined, constant: map === '.rodata' }];
}

function section(name: string, bytes: Uint8Array, parts: Partial<MapSpec> = {}): MapSpec {
  return mapSpec(name, MapType.ARRAY, {
    valueSize: bytes.length,
    maxEntries: 1,
    origin: 'data',
    contents: [{ kind: 'bytes', key: new Uint8Array(4), value: bytes }],
    ...parts,
  });
}

/** `r1 = *(u32 *)(map value + offset); r0 = r1; exit` for a variable in `map`. */
const readsVariable = concatBytes([loadMap(1), slot(0x61, 0, 1, 0, 0), exit]);
const global = objectSpec({
  functions: [
    functionSpec('reads_limit', 'xdp', readsVariable, XDP, [
      { kind: 'mapValue', slot: 0, map: '.rodata', offset: 4 },
    ]),
    functionSpec('reads_count', 'xdp', readsVariable, XDP, [
      { kind: 'mapValue', slot: 0, map: '.data', offset: 0 },
    ]),
  ],
  maps: [
    section('.rodata', Uint8Array.of(1, 0, 0, 0, 50, 0, 0, 0), { flags: MapFlag.RDONLY_PROG, freeze: true }),
    section('.data', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
  ],
  variables: new Map([
    variable('mode', '.rodata', 0, 4),
    variable('limit', '.rodata', 4, 4),
    variable('count', '.data', 0, 4),
    variable('total', '.data', 8, 8),
  ]),
});

describeKernel('global variables', () => {
  test('have their initial values, and those of the load', () => {
    using plain = loadCollection(global);
    using changed = loadCollection(global, { variables: { limit: 60, total: -1n } });
    const limits = [plain, changed].map(
      (collection) => collection.program('reads_limit').testRun({ data: frameOf(1) }).retval,
    );
    expect(limits).toEqual([50, 60]);
    expect(changed.variable('limit').get()).toBe(60);
    expect(changed.variable('mode').get()).toBe(1);
    expect(changed.variable('total').get()).toBe(2n ** 64n - 1n);
  });

  test('are set while the program runs', () => {
    using collection = loadCollection(global);
    collection.variable('count').set(77);
    collection.variables.get('total')?.set(5n);
    expect(collection.program('reads_count').testRun({ data: frameOf(1) }).retval).toBe(77);
    expect([collection.variable('count').get(), collection.variable('total').get()]).toEqual([77, 5n]);
  });

  test('say what is wrong', () => {
    using collection = loadCollection(global);
    expect(words(errorOf(() => collection.variable('limit').set(1)))).toMatchInlineSnapshot(
      `"'limit' is a constant in .rodata: it is fixed once the object is loaded [give its value in the variables option of the load]"`,
    );
    expect(words(errorOf(() => collection.variable('cuont')))).toMatchInlineSnapshot(
      `"there is no variable 'cuont'; there are: mode, limit, count, total [did you mean 'count'?]"`,
    );
    expect(words(errorOf(() => collection.variable('count').set(2 ** 32)))).toMatchInlineSnapshot(
      `"value of variable 'count' is 4294967296, but must be a whole number from -2147483648 to 4294967295"`,
    );
    expect(words(errorOf(() => collection.variable('count').set(new Uint8Array(8))))).toMatchInlineSnapshot(
      `"a value of variable 'count' is 4 bytes, but 8 were given"`,
    );
    expect(words(errorOf(() => loadCollection(global, { variables: { limt: 1 } })))).toMatchInlineSnapshot(
      `"the object has no variable 'limt'; it has: mode, limit, count, total [did you mean 'limit'?]"`,
    );
  });

  test('are of an object, not of its path', () => {
    expect(words(errorOf(() => loadCollection('prog.o' as never)))).toMatchInlineSnapshot(
      `"an object is its bytes or what was read of them, but a text was given [loadCollection(readFileSync('prog.o')) takes a file, loadCollection(collect(object)) what the assembler gives]"`,
    );
  });
});

describeKernel('a collection', () => {
  const dispatcher = objectSpec({
    functions: [
      functionSpec('handle_icmp', 'xdp/icmp', returns(11)),
      functionSpec('handle_tcp', 'xdp/tcp', returns(12)),
      functionSpec('entry', 'xdp_classifier', tailCalls(1, 2), XDP, [jump]),
      functionSpec('other', 'xdp/other', returns(0)),
    ],
    maps: [progArray('jump', 3, 'handle_icmp', 'handle_tcp')],
  });

  test('loads the programs in the slots of the one that was asked for', () => {
    using collection = loadCollection(dispatcher, { programs: ['xdp_classifier'] });
    expect([...collection.programs.keys()]).toEqual(['entry', 'handle_icmp', 'handle_tcp']);
    expect(collection.program('entry').testRun({ data: frameOf(6) }).retval).toBe(12);
    expect(words(errorOf(() => collection.program('other')))).toMatchInlineSnapshot(
      `"program 'other' is in the object, but was not loaded"`,
    );
    expect(words(errorOf(() => collection.program('handle_tpc')))).toMatchInlineSnapshot(
      `"there is no program 'handle_tpc'; there are: entry, handle_icmp, handle_tcp [did you mean 'handle_tcp'?]"`,
    );
    expect(words(errorOf(() => collection.map('jmp')))).toMatchInlineSnapshot(
      `"there is no map 'jmp'; there are: jump [did you mean 'jump'?]"`,
    );
  });

  test('finds programs by name and by section title', () => {
    using collection = loadCollection(dispatcher);
    expect(collection.program('xdp/icmp')).toBe(collection.program('handle_icmp'));
    expect(collection.program('handle_icmp').section).toBe('xdp/icmp');
    const shared = objectSpec({
      functions: [functionSpec('a', 'xdp', returns(1)), functionSpec('b', 'xdp', returns(2))],
    });
    using two = loadCollection(shared);
    expect(words(errorOf(() => two.program('xdp')))).toMatchInlineSnapshot(
      `"section 'xdp' holds several programs: a, b [ask for one of them by its name]"`,
    );
  });

  test('takes a map in place of its own, and leaves it open', () => {
    using mine = BpfMap.create({
      name: 'mine',
      type: MapType.PROG_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 3,
    });
    const collection = loadCollection(dispatcher, { programs: ['entry'], maps: { jump: mine } });
    const before = collection.program('entry').testRun({ data: frameOf(6) }).retval;
    mine.set(1, collection.program('handle_icmp'));
    const after = collection.program('entry').testRun({ data: frameOf(6) }).retval;
    collection.close();
    expect([before, after]).toEqual([2, 11]);
    expect(mine.get(1)).toBeGreaterThan(0);
    using hash = BpfMap.create({ type: MapType.HASH, keySize: 4, valueSize: 4, maxEntries: 3 });
    expect(words(errorOf(() => loadCollection(dispatcher, { maps: { jump: hash } })))).toMatchInlineSnapshot(
      `"map 'jump' wants type prog_array, but the map given for it has type hash"`,
    );
    expect(words(errorOf(() => loadCollection(dispatcher, { maps: { jmp: hash } })))).toMatchInlineSnapshot(
      `"the object has no map 'jmp'; it has: jump [did you mean 'jump'?]"`,
    );
  });

  test('sizes maps as the load says', () => {
    using collection = loadCollection(dispatcher, { mapOptions: { jump: { maxEntries: 9 } } });
    expect(collection.map('jump').info().maxEntries).toBe(9);
  });

  test('takes a type for sections that tell none', () => {
    const spec = objectSpec({
      functions: [
        functionSpec('prog', 'prog', returns(2), { ...XDP, progType: undefined, expectedAttachType: 0 }),
      ],
    });
    expect(words(errorOf(() => loadCollection(spec)))).toMatchInlineSnapshot(
      `"the section title 'prog' of program 'prog' tells no program type [section titles begin with what the program is, as xdp, tc, kprobe/do_unlinkat (or name the type: type: 'xdp', --type xdp)]"`,
    );
    using collection = loadCollection(spec, { type: 'xdp' });
    expect(collection.program('prog').traits).toMatchObject({ progType: 6, expectedAttachType: 37 });
    expect(words(errorOf(() => loadCollection(spec, { type: 'xpd' })))).toMatchInlineSnapshot(
      `"there is no program type 'xpd' [did you mean 'xdp'?]"`,
    );
  });

  test('asks for a licence before the kernel does', () => {
    const prints = concatBytes([movImm(1, 0), movImm(2, 0), call(6), movImm(0, 0), exit]);
    const spec = objectSpec({ functions: [functionSpec('handle_icmp', 'xdp/icmp', prints)] });
    expect(words(errorOf(() => loadCollection(spec)))).toMatchInlineSnapshot(
      `"handle_icmp calls bpf_trace_printk, which is for GPL-compatible programs only, but the object has no licence [licences that count: GPL, GPL v2, GPL and additional rights, Dual BSD/GPL, Dual MIT/GPL, Dual MPL/GPL; in C: char _license[] SEC("license") = "GPL";]"`,
    );
    expect(words(errorOf(() => loadCollection(spec, { license: 'Apache-2.0' })))).toMatchInlineSnapshot(
      `"handle_icmp calls bpf_trace_printk, which is for GPL-compatible programs only, but the object is under 'Apache-2.0' [licences that count: GPL, GPL v2, GPL and additional rights, Dual BSD/GPL, Dual MIT/GPL, Dual MPL/GPL; in C: char _license[] SEC("license") = "GPL";]"`,
    );
  });

  test('of the other byte order is refused', () => {
    const spec = objectSpec({ functions: [], endian: 'big' });
    expect(words(errorOf(() => loadCollection(spec)))).toMatchInlineSnapshot(
      `"the object is big-endian, but this machine is little-endian [compile with -target bpfel]"`,
    );
  });

  test('holds maps of maps', () => {
    const inner = mapSpec('inner', MapType.ARRAY, { valueSize: 8 });
    using collection = loadCollection(
      objectSpec({
        functions: [],
        maps: [
          inner,
          mapSpec('outer', MapType.ARRAY_OF_MAPS, {
            inner,
            contents: [{ kind: 'map', key: 1, map: 'inner' }],
          }),
        ],
      }),
    );
    expect(collection.map('outer').get(1)).toBe(collection.map('inner').info().id);
    expect(collection.map('outer').get(0)).toBe(undefined);
  });

  test('that fails half way leaves nothing behind', () => {
    const spec = objectSpec({
      functions: [functionSpec('fine', 'xdp', returns(2)), functionSpec('bad', 'tc', exit, SCHED_CLS)],
      maps: [mapSpec('a', MapType.HASH), mapSpec('b', MapType.ARRAY)],
    });
    expect(errorOf(() => loadCollection(spec)).name).toBe('VerifierError');
    const impossible = objectSpec({
      functions: [],
      maps: [mapSpec('a', MapType.HASH), mapSpec('b', MapType.ARRAY, { keySize: 8 })],
    });
    expect(words(errorOf(() => loadCollection(impossible)))).toMatchInlineSnapshot(
      `"cannot create map 'b': an array has keys of 4 bytes, not 8 (EINVAL)"`,
    );
  });
});
