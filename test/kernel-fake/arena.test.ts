import { describe, expect, test } from 'vitest';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, loadCollection } from '../../src/kernel/index.ts';
import type { MapSpec, ObjectSpec } from '../../src/object/spec.ts';
import { mapInfoLayout } from '../../src/syscall/bpf-info-layout.ts';
import { Errno } from '../../src/syscall/errno.ts';
import { viewOf } from '../../src/util/bytes.ts';
import { functionSpec, mapSpec, objectSpec, returns, XDP } from '../support/bpf-code.ts';
import { useFakeNative } from '../support/fake-native.ts';
import { errorOf } from '../support/kernel.ts';

const fake = useFakeNative();
const PAGE = 4096;

function spec(parts: Partial<MapSpec> = {}, empty = false): ObjectSpec {
  const contents = [{ kind: 'bytes', key: new Uint8Array(), value: Uint8Array.of(1, 2, 3, 4) }] as const;
  const arena = mapSpec('arena', MapType.ARENA, {
    keySize: 0,
    valueSize: 0,
    maxEntries: 2,
    flags: MapFlag.MMAPABLE,
    contents: empty ? [] : contents,
    ...parts,
  });
  const place = { map: 'arena', type: undefined, constant: false };
  const variables = [
    { name: 'first', ...place, offset: 0, size: 4 },
    { name: 'behind', ...place, offset: PAGE, size: 8 },
  ];
  const functions = [functionSpec('main', 'xdp', returns(2), XDP)];
  return {
    ...objectSpec({ functions, maps: [arena] }),
    variables: new Map(empty ? [] : variables.map((variable) => [variable.name, variable])),
  };
}

/** A kernel with one arena, number 7, and what it is asked, one call a word. */
function machine(refuse: (call: string) => number | undefined = () => undefined, shape = {}) {
  const calls: string[] = [];
  const open = new Set<number>();
  const memory = new Uint8Array(2 * PAGE);
  let atLoad: number[] = [];
  let next = 10;
  fake().answerAll((call, native) => {
    const { command, attr } = native.named(call, 'bpf')
      ? native.bpf(call)
      : {
          command:
            (['mmap', 'madvise', 'close', 'fcntl'] as const).find((name) => native.named(call, name)) ?? '?',
          attr: undefined,
        };
    const [first = 0, length = 0, third = 0, flags = 0] = call.args;
    if (command === 'close') return open.delete(first) ? 0 : -Errno.EBADF;
    const laid = command === 'mmap' && (flags & 0x20) !== 0;
    calls.push(laid ? 'cover' : command === 'madvise' ? `madvise ${length} ${third}` : command);
    const refused = refuse(command);
    if (refused !== undefined && !laid) return refused;
    if (command === 'mmap') return laid ? first : native.address(memory);
    if (command === 'OBJ_GET_INFO_BY_FD') {
      const info = viewOf(attr!).getBigUint64(8, true);
      const map = {
        ...mapInfoLayout.zero,
        type: MapType.ARENA,
        id: 7,
        max_entries: 2,
        map_flags: MapFlag.MMAPABLE,
      };
      native.at(info).set(mapInfoLayout.encode({ ...map, ...shape }));
      return 0;
    }
    if (command === 'PROG_LOAD') atLoad = [...memory.slice(0, 4)];
    if (!['MAP_CREATE', 'PROG_LOAD', 'fcntl', 'MAP_GET_FD_BY_ID'].includes(command)) return 0;
    open.add(++next);
    return next;
  });
  return { calls, open, memory, atLoad: () => atLoad };
}

describe('an arena of an object', () => {
  test('has its address, its pages and its values before a program is loaded', () => {
    const { calls, open, memory, atLoad } = machine();
    const collection = loadCollection(spec(), { facts: {}, variables: { behind: 5 } });
    const [create, load] = [calls.indexOf('MAP_CREATE'), calls.indexOf('PROG_LOAD')];
    // All of them in one piece, for writing: MADV_POPULATE_WRITE.
    expect(calls.slice(create, load + 1)).toEqual(
      expect.arrayContaining(['MAP_CREATE', 'mmap', `madvise ${PAGE + 8} 23`, 'PROG_LOAD']),
    );
    expect([atLoad(), memory[PAGE]]).toEqual([[1, 2, 3, 4], 5]);
    expect(collection.variable('first').get()).toBe(0x04030201);
    collection.close();
    expect([calls.filter((call) => call === 'cover').length, [...open]]).toEqual([1, []]);
  });

  test('without variables and with an address of its own is not mapped', () => {
    const { calls } = machine();
    loadCollection(spec({ extra: 1n << 44n }, true), { facts: {} }).close();
    expect(calls).not.toContain('mmap');
    loadCollection(spec({}, true), { facts: {} }).close();
    expect(calls).toContain('mmap');
    expect(calls.some((call) => call.startsWith('madvise'))).toBe(false);
  });

  test.each([
    ['EFAULT', Errno.EFAULT],
    ['ENOMEM', Errno.ENOMEM],
  ])('for whose pages there is no memory (%s) is refused, and nothing stays', (_, errno) => {
    const { open, calls } = machine((call) => (call === 'madvise' ? -errno : undefined));
    const refused = errorOf(() => loadCollection(spec(), { facts: {} }));
    expect([refused.code, refused.message]).toEqual([
      'ENOMEM',
      "cannot take the pages of the variables in the arena 'arena': there is not enough memory, or the limit of the memory cgroup is reached (ENOMEM)",
    ]);
    expect([[...open], calls.includes('PROG_LOAD'), calls.includes('cover')]).toEqual([[], false, true]);
  });

  test('that another process has mapped is used by programs, and its variables are out of reach', () => {
    const { open } = machine((call) => (call === 'mmap' ? -Errno.EINVAL : undefined));
    using arena = BpfMap.openById(7);
    {
      using collection = loadCollection(spec(), { facts: {}, maps: { arena } });
      expect([...collection.programs.keys()]).toEqual(['main']);
      const { message, hint } = errorOf(() => collection.variable('first').get());
      expect(`${message} [${hint}]`).toMatchInlineSnapshot(
        `"cannot map the memory of map 7: it lies at the address at which it was mapped first, which the kernel does not tell others (EINVAL) [create it with an address of its own: extra, in C __ulong(map_extra, 1ull << 44)]"`,
      );
    }
    arena.close();
    expect([...open]).toEqual([]);
  });

  test('whose pages only programs may allocate has variables that cannot be read', () => {
    const flags = MapFlag.MMAPABLE | MapFlag.SEGV_ON_FAULT;
    machine(undefined, { map_flags: flags });
    using arena = BpfMap.openById(7);
    using collection = loadCollection(spec({ flags }), { facts: {}, maps: { arena } });
    const { message, hint } = errorOf(() => collection.variable('first').get());
    expect(`${message} [${hint}]`).toMatchInlineSnapshot(
      `"'first' lies in an arena with the flag SEGV_ON_FAULT, which ends a process that reads a page before a program has allocated it [where one has, map.mmap() is the memory]"`,
    );
  });
});
