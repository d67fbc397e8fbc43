import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MapType, UpdateFlag } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, type Collection, loadCollection, Program } from '../../src/kernel/index.ts';
import {
  COUNTING_COUNTER_SLOT,
  COUNTING_JUMP_SLOT,
  countingTailCall,
  frameOf,
  functionSpec,
  mapSpec,
  objectSpec,
  progArray,
  returns,
  SCHED_CLS,
  tailCalls,
  XDP,
} from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

const jump = { kind: 'map', slot: 0, map: 'jump' } as const;
const frame = frameOf(6);

/** The chain of three that a control plane fills: each passes on to the next slot. */
const chain = objectSpec({
  functions: [
    functionSpec('func_0', 'classifier/0', tailCalls(1, 0), SCHED_CLS, [jump]),
    functionSpec('func_1', 'classifier/1', tailCalls(2, 1), SCHED_CLS, [jump]),
    functionSpec('entry', 'classifier', tailCalls(0, 3), SCHED_CLS, [jump]),
  ],
  maps: [progArray('jump', 3)],
});

const run = (collection: Collection, name: string): number =>
  collection.program(name).testRun({ data: frame }).retval;

describeKernel('a jump table filled at run time', () => {
  test('leads on as slots are set and falls through as they are deleted', () => {
    using collection = loadCollection(chain);
    const table = collection.map('jump');
    const returned = [run(collection, 'entry')];
    table.set(0, collection.program('classifier/0'));
    returned.push(run(collection, 'entry'));
    table.set(1, collection.program('classifier/1'));
    returned.push(run(collection, 'entry'));
    table.delete(1);
    returned.push(run(collection, 'entry'));
    table.delete(0);
    returned.push(run(collection, 'entry'));
    expect(returned).toEqual([3, 0, 1, 0, 3]);
  });

  test('is written with descriptors and read as ids', () => {
    using collection = loadCollection(chain);
    const table = collection.map('jump');
    const program = collection.program('func_1');
    table.set(1, program.fd.number);
    expect(table.get(1)).toBe(program.id);
    expect([...table]).toEqual([[1, program.id]]);
    expect([table.get(0), table.delete(0)]).toEqual([undefined, false]);
  });

  test('says what is wrong', () => {
    using collection = loadCollection(chain);
    const table = collection.map('jump');
    const program = collection.program('func_0');
    expect(errorOf(() => table.set(3, program)).message).toMatchInlineSnapshot(
      `"cannot write to map 'jump': index 3 is out of range: the map has 3 entries, 0 to 2 (E2BIG)"`,
    );
    expect(errorOf(() => table.delete(3)).message).toMatchInlineSnapshot(
      `"cannot delete from map 'jump': index 3 is out of range: the map has 3 entries, 0 to 2 (E2BIG)"`,
    );
    expect(errorOf(() => table.get(3)).message).toMatchInlineSnapshot(
      `"cannot read map 'jump': index 3 is out of range: the map has 3 entries, 0 to 2 (ENOENT)"`,
    );
    expect(errorOf(() => table.set(0, program, UpdateFlag.NOEXIST)).message).toMatchInlineSnapshot(
      `"cannot write to map 'jump': a prog array takes no update flags (EINVAL)"`,
    );
    expect(errorOf(() => table.set(0, table)).message.replace(/\d+/, 'N')).toMatchInlineSnapshot(
      `"cannot write to map 'jump': descriptor N is one of a map; a prog array takes programs (EINVAL)"`,
    );
    const closed = openSync('/dev/null', 'r');
    closeSync(closed);
    expect(errorOf(() => table.set(0, closed)).message).toMatchInlineSnapshot(
      `"cannot write to map 'jump': the value is not an open descriptor; a prog array is given descriptors and answers with ids (EBADF)"`,
    );
    expect(table.get(0)).toBe(undefined);
  });
});

describeKernel('the limit of tail calls', () => {
  const counting = objectSpec({
    functions: [
      functionSpec('entry', 'xdp', tailCalls(0, 0), XDP, [jump]),
      functionSpec('again', 'xdp/again', countingTailCall, XDP, [
        { kind: 'map', slot: COUNTING_COUNTER_SLOT, map: 'counter' },
        { kind: 'map', slot: COUNTING_JUMP_SLOT, map: 'jump' },
      ]),
    ],
    maps: [progArray('jump', 1, 'again'), mapSpec('counter', MapType.ARRAY, { valueSize: 8, maxEntries: 1 })],
  });

  test('is 33 after an entry of its own', () => {
    using collection = loadCollection(counting);
    expect(run(collection, 'entry')).toBe(1);
    expect(collection.map('counter').get(0)).toBe(33n);
  });

  test('is 34 runs of a program that is itself the entry', () => {
    using collection = loadCollection(counting);
    expect(run(collection, 'again')).toBe(1);
    expect(collection.map('counter').get(0)).toBe(34n);
  });
});

/** A work queue empties the slots (kernel/bpf/arraymap.c, prog_array_map_clear); here it takes some milliseconds. */
const emptied = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));

describeKernel('the life of a filled prog array', () => {
  test('ends with its last descriptor, although a program still uses it', async () => {
    using map = BpfMap.create({
      type: MapType.PROG_ARRAY,
      name: 'jump',
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    });
    using target = Program.load({ name: 'seven', type: 'xdp', code: returns(7) });
    using entry = Program.load({ name: 'entry', type: 'xdp', code: tailCalls(0, 3, map.fd.number) });
    map.set(0, target);
    const before = entry.testRun({ data: frame }).retval;
    map.close();
    await emptied();
    expect([before, entry.testRun({ data: frame }).retval]).toEqual([7, 3]);
  });

  const dispatcher = objectSpec({
    functions: [
      functionSpec('entry', 'xdp', tailCalls(0, 3), XDP, [jump]),
      functionSpec('seven', 'xdp/7', returns(7)),
    ],
    maps: [progArray('jump', 1, 'seven')],
  });

  test('is that of the collection, whatever becomes of other handles', async () => {
    using collection = loadCollection(dispatcher);
    BpfMap.openById(collection.map('jump').info().id).close();
    collection.map('jump').duplicate().close();
    collection.program('entry').duplicate().close();
    await emptied();
    expect(run(collection, 'entry')).toBe(7);
  });

  test('is prolonged by a program that is detached from its collection', async () => {
    const collection = loadCollection(dispatcher);
    const entry = collection.detachProgram('entry');
    expect(errorOf(() => collection.program('entry')).message).toMatchInlineSnapshot(
      `"program 'entry' is in the object, but was not loaded"`,
    );
    collection.close();
    await emptied();
    const after = entry.testRun({ data: frame }).retval;
    entry.close();
    expect(after).toBe(7);
  });

  test('covers arrays that only the callees use', async () => {
    // entry -> jump[0] = middle -> deep[0] = seven
    const deep = { kind: 'map', slot: 0, map: 'deep' } as const;
    const collection = loadCollection(
      objectSpec({
        functions: [
          functionSpec('entry', 'xdp', tailCalls(0, 3), XDP, [jump]),
          functionSpec('middle', 'xdp/middle', tailCalls(0, 4), XDP, [deep]),
          functionSpec('seven', 'xdp/7', returns(7)),
        ],
        maps: [progArray('jump', 1, 'middle'), progArray('deep', 1, 'seven')],
      }),
      { programs: ['entry'] },
    );
    const entry = collection.detachProgram('entry');
    collection.close();
    await emptied();
    const after = entry.testRun({ data: frame }).retval;
    entry.close();
    expect(after).toBe(7);
  });
});

describeKernel('a program of the wrong kind for a prog array', () => {
  test('is told by type', () => {
    using collection = loadCollection(chain);
    using xdp = Program.load({ name: 'seven', type: 'xdp', code: returns(7) });
    expect(errorOf(() => collection.map('jump').set(0, xdp)).message).toMatchInlineSnapshot(
      `"cannot write to map 'jump': prog array 'jump' holds programs of type sched_cls, but 'seven' is of type xdp (EINVAL)"`,
    );
    expect(errorOf(() => collection.map('jump').set(0, xdp.fd.number)).message).toMatchInlineSnapshot(
      `"cannot write to map 'jump': prog array 'jump' holds programs of type sched_cls, but 'seven' is of type xdp (EINVAL)"`,
    );
  });

  test('is told by expected attach type', () => {
    using map = BpfMap.create({
      type: MapType.PROG_ARRAY,
      name: 'hook',
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    });
    using owner = Program.load({
      name: 'owner',
      type: 'xdp',
      code: tailCalls(0, 2, map.fd.number),
      maps: [map],
    });
    using old = Program.load({ name: 'old_loader', type: 'xdp', code: returns(1), expectedAttachType: 0 });
    map.noteOwner(owner.traits);
    const error = errorOf(() => map.set(0, old));
    expect(error.message).toMatchInlineSnapshot(
      `"cannot write to map 'hook': prog array 'hook' belongs to 'owner' with expected_attach_type 37 (XDP), but 'old_loader' has 0 (none) (EINVAL)"`,
    );
    using again = BpfMap.openById(map.info().id);
    expect(errorOf(() => again.set(0, old)).message.replace(/map \d+/, 'map N')).toMatchInlineSnapshot(
      `"cannot write to map N: prog array 'hook' holds programs of type xdp that differ in expected_attach_type or xdp.frags ('old_loader' has expected_attach_type 0 (none)) (EINVAL)"`,
    );
    const load = (): Program =>
      Program.load({
        name: 'joins',
        type: 'xdp',
        code: tailCalls(0, 2, map.fd.number),
        expectedAttachType: 0,
        maps: [map],
      });
    expect(errorOf(load).message).toMatchInlineSnapshot(
      `"cannot load program 'joins': it calls through a prog array of others: prog array 'hook' belongs to 'owner' with expected_attach_type 37 (XDP), but 'joins' has 0 (none) (EINVAL)"`,
    );
  });

  test('is told by support of fragments', () => {
    using map = BpfMap.create({
      type: MapType.PROG_ARRAY,
      name: 'hook',
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    });
    using plain = Program.load({ name: 'plain', type: 'xdp', code: returns(1) });
    using frags = Program.load({ name: 'frags', type: 'xdp.frags', code: returns(1) });
    map.set(0, plain);
    expect(errorOf(() => map.set(0, frags)).message).toMatchInlineSnapshot(
      `"cannot write to map 'hook': prog array 'hook' belongs to 'plain', which does not take fragmented packets (xdp.frags), but 'frags' does (EINVAL)"`,
    );
  });

  test('is told before the kernel is asked where both come from one object', () => {
    const mixed = objectSpec({
      functions: [
        functionSpec('entry', 'xdp', tailCalls(0, 3), XDP, [jump]),
        functionSpec('filter', 'tc', returns(7), SCHED_CLS),
      ],
      maps: [progArray('jump', 1, 'filter')],
    });
    expect(errorOf(() => loadCollection(mixed)).message).toMatchInlineSnapshot(
      `"prog array 'jump' serves 'entry' of type xdp, but 'filter', which is in one of its slots, is of type sched_cls"`,
    );
  });
});
