import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Errno } from '../../src/syscall/errno.ts';
import { concatBytes, encodeText, viewOf } from '../../src/util/bytes.ts';
import { CALL_ROWS, type CallRow } from '../support/call-rows.ts';
import { type FakeNative, useFakeNative } from '../support/fake-native.ts';
import { type AttributeRow, NETLINK_ROWS, type NetlinkRow, type Payload } from '../support/netlink-rows.ts';
import { compilerWitness, constantWitness, type Member } from '../support/uapi.ts';

const fake = useFakeNative();

function namesIn(attributes: readonly AttributeRow[]): string[] {
  return attributes.flatMap(([type, payload]) => {
    if (typeof payload === 'string') return [type, payload];
    if (Array.isArray(payload)) return [type, ...namesIn(payload)];
    return typeof payload === 'object' && 'skip' in payload
      ? [type, payload.skip, ...namesIn(payload.attributes)]
      : [type];
  });
}

const strings = (values: readonly unknown[]): string[] => values.filter((value) => typeof value === 'string');
const members: readonly Member[] = [
  ...['nlmsg_len', 'nlmsg_type', 'nlmsg_flags', 'nlmsg_seq'].map((path) => ({
    type: 'struct nlmsghdr',
    path,
  })),
  ...NETLINK_ROWS.flatMap((row) =>
    Object.keys(row.members).map((path) => ({ type: `struct ${row.struct}`, path })),
  ),
];
const constants = constantWitness([
  'sizeof(struct ifinfomsg)',
  'sizeof(struct tcmsg)',
  'sizeof(struct rtgenmsg)',
  ...CALL_ROWS.flatMap(({ args }) => strings(args)),
  ...NETLINK_ROWS.flatMap((row) => [
    row.type,
    row.flags,
    ...strings(Object.values(row.members)),
    ...namesIn(row.attributes),
  ]),
]);
const places = compilerWitness(members);
if (!constants) console.warn('skipped: the calls in the names of C: there is no gcc');
const value = (expression: number | string): number =>
  typeof expression === 'number' ? expression : constants!.get(expression)!;

const titleOf = ({ syscall, of }: CallRow): string => `${syscall} of ${of}`;

/** The arguments of the call; where several are made, of the last one of that name. */
function argumentsOf(row: CallRow, native: FakeNative): readonly number[] {
  return native.calls.findLast((call) => native.named(call, row.syscall))!.args;
}

/** A kernel that opens descriptors, maps memory and says yes to everything else. */
function willing(native: FakeNative): void {
  native.answerAll((call, memory) => {
    if (memory.named(call, 'mmap')) return memory.address(new Uint8Array(4096));
    return ['socket', 'fcntl', 'epoll_create1', 'pidfd_open', 'perf_event_open'].some((name) =>
      memory.named(call, name as 'socket'),
    )
      ? 20
      : 0;
  });
}

describe.skipIf(!constants)('a call is made with the arguments that C would give', () => {
  test.each(CALL_ROWS.map((row) => [titleOf(row), row] as const))('%s', (_, row) => {
    willing(fake());
    row.call();
    const args = argumentsOf(row, fake());
    for (const [index, wanted] of row.args.entries()) {
      if (wanted === null) continue;
      if (typeof wanted !== 'object') expect([index, args[index]]).toEqual([index, value(wanted)]);
      else {
        const bytes = typeof wanted.at === 'string' ? encodeText(`${wanted.at}\0`) : wanted.at;
        expect([...fake().at(args[index]!)]).toEqual([...bytes]);
      }
    }
    expect(args.slice(row.args.length)).toEqual(new Array(6 - row.args.length).fill(0));
  });
});

describe('a refusal', () => {
  test.each(CALL_ROWS.map((row) => [titleOf(row), row] as const))('of %s is told', (_, row) => {
    willing(fake());
    fake().answerAll((call, memory) => (memory.named(call, row.syscall) ? -Errno.ENOMEM : 0));
    const { refused } = row;
    if (refused === 'answers') expect(row.call()).toBe(-Errno.ENOMEM);
    else if (refused === 'ignored') expect(row.call()).toBeUndefined();
    else {
      const code = typeof refused === 'object' ? refused.code : 'ENOMEM';
      expect(row.call).toThrow(expect.objectContaining({ code }));
    }
  });
});

/** Answers GETLINK of a name with interface 3, and everything else with success. */
function rtnetlink(native: FakeNative): Uint8Array[] {
  const requests: Uint8Array[] = [];
  let answer: Uint8Array = new Uint8Array(0);
  native.answerAll((call, memory) => {
    const [, address = 0, length = 0] = call.args;
    if (memory.named(call, 'socket')) return 7;
    if (memory.named(call, 'sendto')) {
      const request = memory.at(address).slice(0, length);
      requests.push(request);
      answer = answerTo(request);
      return length;
    }
    if (!memory.named(call, 'recvfrom')) return 0;
    memory.at(address).set(answer.subarray(0, length));
    return answer.length;
  });
  return requests;
}

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;

function answerTo(request: Uint8Array): Uint8Array {
  const seq = viewOf(request).getUint32(8, true);
  const message = (type: number, payload: Uint8Array): Uint8Array => {
    const head = new Uint8Array(16);
    const view = viewOf(head);
    view.setUint32(0, 16 + payload.length, true);
    view.setUint16(4, type, true);
    view.setUint32(8, seq, true);
    return concatBytes([head, payload]);
  };
  const link = new Uint8Array(16);
  viewOf(link).setInt32(4, 3, true);
  const found = viewOf(request).getUint16(4, true) === RTM_GETLINK;
  return concatBytes([...(found ? [message(RTM_NEWLINK, link)] : []), message(2, new Uint8Array(20))]);
}

/** A message's bytes as C would lay them out. */
function messageOf(row: NetlinkRow): Uint8Array {
  const put = (out: Uint8Array, type: string, path: string, number: number): void => {
    const { offset, size } = places!({ type, path })!;
    for (let at = 0; at < size; at++)
      out[offset + at] = Number(BigInt.asUintN(8, BigInt(number) >> BigInt(8 * at)));
  };
  const head = new Uint8Array(16);
  // NLMSG_ALIGN: attributes begin at a multiple of 4.
  const body = new Uint8Array((value(`sizeof(struct ${row.struct})`) + 3) & ~3);
  for (const [path, number] of Object.entries(row.members))
    put(body, `struct ${row.struct}`, path, value(number));
  const rest = concatBytes([body, ...row.attributes.map(attributeOf)]);
  put(head, 'struct nlmsghdr', 'nlmsg_len', head.length + rest.length);
  put(head, 'struct nlmsghdr', 'nlmsg_type', value(row.type));
  put(head, 'struct nlmsghdr', 'nlmsg_flags', value(row.flags));
  put(head, 'struct nlmsghdr', 'nlmsg_seq', 1);
  return concatBytes([head, rest]);
}

function attributeOf([type, payload]: AttributeRow): Uint8Array {
  const bytes = payloadOf(payload);
  const out = new Uint8Array((4 + bytes.length + 3) & ~3);
  viewOf(out).setUint16(0, 4 + bytes.length, true);
  viewOf(out).setUint16(2, value(type), true);
  out.set(bytes, 4);
  return out;
}

function payloadOf(payload: Payload): Uint8Array {
  if (typeof payload === 'number' || typeof payload === 'string')
    return new Uint8Array(Int32Array.of(value(payload)).buffer);
  if ('text' in payload) return encodeText(`${payload.text}\0`);
  if ('skip' in payload)
    return concatBytes([new Uint8Array(value(payload.skip)), ...payload.attributes.map(attributeOf)]);
  return concatBytes(payload.map(attributeOf));
}

describe.skipIf(!constants)('a netlink request has the bytes that C would send', () => {
  test.each(NETLINK_ROWS.map((row) => [`${row.type} of ${row.of}`, row] as const))('%s', (_, row) => {
    const requests = rtnetlink(fake());
    row.call();
    expect([...requests.at(-1)!]).toEqual([...messageOf(row)]);
  });

  test('every kind of request has a row', () => {
    const source = ['rtnetlink.ts', 'rtnetlink-tc.ts']
      .map((file) => readFileSync(`src/syscall/${file}`, 'utf8'))
      .join('\n');
    // What is only read is no request.
    const read = new Set([...source.matchAll(/type === Rtm\.(\w+)/g)].map(([, name]) => name!));
    const used = new Set([...source.matchAll(/Rtm\.(\w+)/g)].map(([, name]) => name!));
    const rows = new Set(NETLINK_ROWS.map(({ type }) => type.replace('RTM_', '')));
    for (const name of used) if (!rows.has(name)) expect([...read]).toContain(name);
  });
});
