import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BPF_COMMANDS } from '../../src/syscall/capability-needs.ts';
import { Errno } from '../../src/syscall/errno.ts';
import { viewOf } from '../../src/util/bytes.ts';
import { ATTR_ROWS, type AttrRow, type Expected } from '../support/attr-rows.ts';
import { CALL_ROWS, UNSEEN } from '../support/call-rows.ts';
import { type FakeNative, type RecordedCall, useFakeNative } from '../support/fake-native.ts';
import { compilerWitness, kernelWitness, keyOf, type Member, type Place } from '../support/uapi.ts';

const fake = useFakeNative();

/** Where the address of the struct is among the arguments of a system call. */
const ARGUMENT: Readonly<Record<string, number>> = { perf_event_open: 0, epoll_ctl: 3 };

const memberOf = ({ type, prefix = '' }: AttrRow, name: string): Member => ({ type, path: prefix + name });
const MEMBERS = ATTR_ROWS.flatMap((row) => Object.keys(row.members).map((name) => memberOf(row, name)));
const witnesses = {
  'the types of the running kernel': kernelWitness(),
  'a C program with the installed headers': compilerWitness(MEMBERS),
};
const present = Object.entries(witnesses).flatMap(([name, witness]) =>
  witness ? [[name, witness] as const] : [],
);
for (const [name, witness] of Object.entries(witnesses))
  if (!witness) console.warn(`skipped: ${name}: not here`);

function structOf(row: AttrRow, native: FakeNative): Uint8Array {
  const call = native.calls.find((each) =>
    native.named(each, row.command in ARGUMENT ? (row.command as 'epoll_ctl') : 'bpf'),
  )!;
  if (row.command in ARGUMENT) return native.at(call.args[ARGUMENT[row.command]!]!);
  const { command, attr } = native.bpf(call);
  expect(command).toBe(row.command);
  expect(call.args[2]).toBe(attr.length);
  return attr;
}

/** Writes what is expected where the witness says; pointers are looked behind, and then taken as they are. */
function put(
  out: Uint8Array,
  { offset, size }: Place,
  value: Expected,
  found: Uint8Array,
  native: FakeNative,
): void {
  const view = viewOf(out);
  if (typeof value === 'object' && 'text' in value) {
    out.set(new TextEncoder().encode(value.text), offset);
    return;
  }
  const number = typeof value === 'object' ? viewOf(found).getBigUint64(offset, true) : BigInt(value);
  if (typeof value === 'object') {
    const wanted = typeof value.at === 'string' ? new TextEncoder().encode(`${value.at}\0`) : value.at;
    expect([...native.at(number)]).toEqual([...wanted]);
  }
  for (let at = 0; at < size; at++)
    view.setUint8(offset + at, Number(BigInt.asUintN(8, number >> BigInt(8 * at))));
}

const titleOf = ({ command, of }: AttrRow): string => (of === undefined ? command : `${command}: ${of}`);

describe.each(present)('by %s', (_, witness) => {
  test.each(ATTR_ROWS.map((row) => [titleOf(row), row] as const))(
    '%s has every member in its place',
    (_title, row) => {
      fake().answerAll(() => -Errno.EINVAL);
      try {
        row.call();
      } catch {
        // Refused: what was asked for is what counts.
      }
      const found = structOf(row, fake());
      const places = Object.keys(row.members).map((name) => witness(memberOf(row, name)));
      // Headers and kernels that are older know less; every member is known by one of the two, see below.
      if (places.includes(undefined)) return;
      const wanted = new Uint8Array(found.length);
      // Bit fields have no place of their own: behind read_format, and bit 10 of them is freq.
      if (row.command === 'perf_event_open') viewOf(wanted).setBigUint64(40, 1n << 10n, true);
      for (const [index, value] of Object.values(row.members).entries())
        put(wanted, places[index]!, value, found, fake());
      expect([...found]).toEqual([...wanted]);
    },
  );
});

test.skipIf(present.length === 0)('every member is known by a witness', () => {
  const unknown = MEMBERS.filter((member) => present.every(([, witness]) => witness(member) === undefined));
  // The types of the kernel have all of them; C headers alone, only those of their age.
  if (witnesses['the types of the running kernel']) expect(unknown.map(keyOf)).toEqual([]);
});

/** The whole source, without comments. */
const SOURCE = (readdirSync('src', { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join('src', file), 'utf8'))
  .join('\n');

describe('no call without a row', () => {
  test('of bpf(2)', () => {
    const rows = new Set(ATTR_ROWS.map(({ command }) => command).filter((name) => !(name in ARGUMENT)));
    expect([...rows].sort()).toEqual([...BPF_COMMANDS].sort());
    const numbers = [...SOURCE.matchAll(/BpfCmd\.([A-Z_]+)/g)].map(([, name]) => name);
    for (const name of numbers) expect([...rows]).toContain(name);
  });

  test('of the other system calls', () => {
    const called = new Set([...SOURCE.matchAll(/\binvoke\(\s*'(\w+)'/g)].map(([, name]) => name!));
    called.delete('bpf');
    const rows = new Set([...CALL_ROWS.map(({ syscall }) => syscall), ...Object.keys(UNSEEN)]);
    expect([...called].sort()).toEqual([...rows].sort());
  });
});

describe('a refusal', () => {
  test.each(ATTR_ROWS.map((row) => [titleOf(row), row] as const))(
    'of %s is told with its errno',
    (_title, row) => {
      const errno = Errno.ENOMEM;
      fake().answerAll((call: RecordedCall, memory) => (memory.named(call, 'close') ? 0 : -errno));
      let answer: unknown;
      try {
        answer = row.call();
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOMEM', errno });
        return;
      }
      const result =
        typeof answer === 'object' && answer !== null && 'result' in answer ? answer.result : answer;
      expect(result).toBe(-errno);
    },
  );
});
