import { describe, expect, test } from 'vitest';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, canUseBpf, loadCollection, Program, SyscallError } from '../../src/kernel/index.ts';
import { Fd } from '../../src/syscall/index.ts';
import { viewOf } from '../../src/util/bytes.ts';
import { TsbpfError } from '../../src/util/errors.ts';
import {
  functionSpec,
  mapSpec,
  objectSpec,
  progArray,
  returns,
  tailCalls,
  XDP,
} from '../support/bpf-code.ts';
import { type FakeNative, type RecordedCall, useFakeNative } from '../support/fake-native.ts';

const fake = useFakeNative();
const MAP_CREATE = 'MAP_CREATE';
const PROG_LOAD = 'PROG_LOAD';

/** A kernel that hands out descriptors and keeps account of them; `refuse` may answer for it. */
function accounting(
  native: FakeNative,
  refuse: (name: string, call: RecordedCall) => number | undefined,
): Set<number> {
  const open = new Set<number>();
  let next = 100;
  native.answerAll((call, memory) => {
    if (memory.named(call, 'close')) return open.delete(call.args[0]!) ? 0 : -9;
    // An explanation looks into the kernel's types, which no fake has.
    if (memory.named(call, 'mmap')) return -22;
    const name = memory.named(call, 'bpf') ? memory.bpf(call).command : 'fcntl';
    const refused = refuse(name, call);
    if (refused !== undefined) return refused;
    if (![MAP_CREATE, PROG_LOAD, 'fcntl', 'BTF_LOAD'].includes(name)) return 0;
    open.add(next);
    return next++;
  });
  return open;
}

const jump = { kind: 'map', slot: 0, map: 'jump' } as const;
const inner = mapSpec('inner', MapType.ARRAY);
const object = objectSpec({
  functions: [
    functionSpec('entry', 'xdp', tailCalls(0, 2), XDP, [jump]),
    functionSpec('callee', 'xdp/callee', returns(1)),
  ],
  maps: [
    progArray('jump', 2, 'callee', 'entry'),
    inner,
    mapSpec('outer', MapType.ARRAY_OF_MAPS, { inner, contents: [{ kind: 'map', key: 0, map: 'inner' }] }),
    mapSpec('.rodata', MapType.ARRAY, {
      flags: MapFlag.RDONLY_PROG,
      freeze: true,
      origin: 'data',
      contents: [{ kind: 'bytes', key: new Uint8Array(4), value: Uint8Array.of(1, 2, 3, 4) }],
    }),
  ],
});

describe('a load', () => {
  test('asks the kernel in this order', () => {
    const names: string[] = [];
    accounting(fake(), (name) => {
      names.push(name);
      return undefined;
    });
    loadCollection(object).close();
    expect(names).toEqual([
      'MAP_CREATE', // jump
      'MAP_CREATE', // inner
      'MAP_CREATE', // the shape of the inner maps
      'MAP_CREATE', // outer
      'MAP_CREATE', // .rodata
      'MAP_UPDATE_ELEM', // outer[0]
      'MAP_UPDATE_ELEM', // .rodata
      'MAP_FREEZE',
      'PROG_LOAD',
      'PROG_LOAD',
      'MAP_UPDATE_ELEM', // jump[0]
      'MAP_UPDATE_ELEM', // jump[1]
    ]);
  });

  test('closes every descriptor, wherever it fails', () => {
    // 12 questions as above; each of them is refused once.
    for (let failing = 0; failing < 12; failing++) {
      let count = 0;
      let failed = false;
      const open = accounting(fake(), (name) => {
        // The repeated PROG_LOAD that asks for the log fails alike.
        if (failed) return name === PROG_LOAD ? -22 : undefined;
        failed = count++ === failing;
        return failed ? -22 : undefined;
      });
      expect(() => loadCollection(object)).toThrow(SyscallError);
      expect([failing, [...open]]).toEqual([failing, []]);
    }
  });

  test('closes everything with the collection, and nothing twice', () => {
    const open = accounting(fake(), () => undefined);
    const collection = loadCollection(object);
    const own = collection.detachProgram('entry');
    expect(open.size).toBeGreaterThan(0);
    collection.close();
    collection.close();
    own.close();
    own.close();
    expect([...open]).toEqual([]);
  });
});

describe('a map with BTF', () => {
  test('is created without it where the kernel does not take it', () => {
    const withBtf: boolean[] = [];
    const open = accounting(fake(), (name, call) => {
      if (name !== MAP_CREATE) return undefined;
      const btfFd = viewOf(fake().bpf(call).attr).getUint32(48, true);
      withBtf.push(btfFd !== 0);
      return btfFd === 0 ? undefined : -524;
    });
    using btf = new Fd(50, 'BTF');
    open.add(btf.number);
    using _map = BpfMap.create({
      type: MapType.QUEUE,
      keySize: 0,
      valueSize: 4,
      maxEntries: 1,
      btf: { fd: btf, keyTypeId: 1, valueTypeId: 1 },
    });
    expect(withBtf).toEqual([true, false]);
  });
});

describe('whether bpf(2) can be used', () => {
  test('is told with the reason', () => {
    fake().answer(100, 0);
    expect(canUseBpf()).toEqual({ ok: true });
    fake().answer(-38);
    expect(canUseBpf()).toMatchObject({
      ok: false,
      code: 'ENOSYS',
      reason: 'cannot create a map: this kernel has no bpf(2), or a sandbox hides it (ENOSYS)',
    });
    fake().answer(-12);
    expect(canUseBpf()).toMatchObject({ ok: false, code: 'ENOMEM' });
  });
});

test('every refusal is of one family', () => {
  fake().answerAll(() => -5);
  expect(() => BpfMap.create({ type: MapType.HASH, keySize: 1, valueSize: 1, maxEntries: 1 })).toThrow(
    TsbpfError,
  );
  expect(() => Program.openById(3)).toThrow(TsbpfError);
  expect(() => BpfMap.openPinned('/x')).toThrow(TsbpfError);
});
