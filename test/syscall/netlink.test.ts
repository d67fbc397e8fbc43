import { describe, expect, test } from 'vitest';
import { createVethPair, findLink, listLinks, NetlinkError, setXdp } from '../../src/syscall/index.ts';
import {
  attribute,
  buildMessage,
  NetlinkFlag,
  NetlinkType,
  nested,
  nlmsghdr,
  parseAck,
  parseAttributes,
  parseMessages,
  stringAttribute,
  u32Attribute,
} from '../../src/syscall/netlink.ts';
import { parseLink } from '../../src/syscall/rtnetlink.ts';
import { concatBytes, fromHex, toHex } from '../../src/util/bytes.ts';
import { FormatError, TsbpfError } from '../../src/util/errors.ts';
import { type FakeNative, useFakeNative } from '../support/fake-native.ts';
import { fc, test as property } from '../support/property.ts';

const fake = useFakeNative();
const NEWLINK = 16;

/** A kernel that answers every request with the messages that `reply` makes of it. */
function answerWith(native: FakeNative, reply: (seq: number) => readonly Uint8Array[]): Uint8Array[] {
  const requests: Uint8Array[] = [];
  let answer: Uint8Array = new Uint8Array(0);
  native.answerAll((call, memory) => {
    const [, address = 0, length = 0] = call.args;
    if (memory.named(call, 'socket')) return 7;
    if (memory.named(call, 'sendto')) {
      const request = memory.at(address).slice(0, length);
      requests.push(request);
      answer = concatBytes(reply(nlmsghdr.decode(request).seq));
      return length;
    }
    if (memory.named(call, 'recvfrom')) {
      memory.at(address).set(answer.subarray(0, length));
      return answer.length;
    }
    return 0;
  });
  return requests;
}

function ack(seq: number, errno: number, extAck?: string): Uint8Array {
  const error = new Uint8Array(4);
  new DataView(error.buffer).setInt32(0, -errno, true);
  const quoted = nlmsghdr.encode({ len: 16, seq });
  const tlvs = extAck === undefined ? new Uint8Array(0) : stringAttribute(1, extAck);
  const flags = extAck === undefined ? NetlinkFlag.CAPPED : NetlinkFlag.CAPPED | NetlinkFlag.ACK_TLVS;
  return buildMessage(NetlinkType.ERROR, flags, seq, concatBytes([error, quoted, tlvs]));
}

function link(seq: number, ifindex: number, name: string, ...attributes: Uint8Array[]): Uint8Array {
  const header = new Uint8Array(16);
  new DataView(header.buffer).setInt32(4, ifindex, true);
  const payload = concatBytes([header, stringAttribute(3, name), ...attributes]);
  return padded(buildMessage(NEWLINK, NetlinkFlag.MULTI, seq, payload));
}

function padded(message: Uint8Array): Uint8Array {
  const out = new Uint8Array((message.length + 3) & ~3);
  out.set(message);
  return out;
}

const done = (seq: number): Uint8Array =>
  buildMessage(NetlinkType.DONE, NetlinkFlag.MULTI, seq, new Uint8Array(4));

describe('requests', () => {
  test('to attach XDP are as the kernel reads them', () => {
    const requests = answerWith(fake(), (seq) => [ack(seq, 0)]);
    setXdp({ ifindex: 3, ifname: 'veth0', fd: 9, flags: 18, expectedFd: -1 }, 'attach');
    expect(toHex(requests[0]!, ' ').match(/.{1,48}/g)).toMatchInlineSnapshot(`
      [
        "3c 00 00 00 13 00 05 00 01 00 00 00 00 00 00 00 ",
        "00 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00 ",
        "1c 00 2b 80 08 00 01 00 09 00 00 00 08 00 03 00 ",
        "12 00 00 00 08 00 08 00 ff ff ff ff",
      ]
    `);
  });

  test('to make a veth pair are as the kernel reads them', () => {
    const requests = answerWith(fake(), (seq) => [ack(seq, 0)]);
    createVethPair('left', 'right');
    expect(toHex(requests[0]!, ' ').match(/.{1,48}/g)).toMatchInlineSnapshot(`
      [
        "60 00 00 00 10 00 05 06 01 00 00 00 00 00 00 00 ",
        "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ",
        "09 00 03 00 6c 65 66 74 00 00 00 00 34 00 12 80 ",
        "09 00 01 00 76 65 74 68 00 00 00 00 24 00 02 80 ",
        "20 00 01 80 00 00 00 00 00 00 00 00 00 00 00 00 ",
        "00 00 00 00 0a 00 03 00 72 69 67 68 74 00 00 00",
      ]
    `);
  });
});

describe('answers', () => {
  test('to a dump are gathered until it ends', () => {
    const xdp = nested(43, attribute(2, Uint8Array.of(1)), u32Attribute(4, 77), u32Attribute(5, 77));
    answerWith(fake(), (seq) => [
      link(seq, 1, 'lo'),
      link(seq + 1000, 9, 'stranger'),
      link(seq, 2, 'veth0', u32Attribute(4, 1500), attribute(1, fromHex('020000000001')), xdp),
      done(seq),
    ]);
    expect(listLinks()).toEqual([
      { ifindex: 1, ifname: 'lo', flags: 0, up: false, mtu: 0, address: '', xdp: [] },
      {
        ifindex: 2,
        ifname: 'veth0',
        flags: 0,
        up: false,
        mtu: 1500,
        address: '02:00:00:00:00:01',
        xdp: [{ mode: 'native', programId: 77 }],
      },
    ]);
  });

  test('that are larger than the buffer find room', () => {
    answerWith(fake(), (seq) => [
      ...Array.from({ length: 3000 }, (_, i) => link(seq, i + 1, `veth${i}`)),
      done(seq),
    ]);
    expect(listLinks().length).toBe(3000);
  });

  test('with an error carry what the kernel says about it', () => {
    answerWith(fake(), (seq) => [ack(seq, 16, 'XDP program already attached')]);
    const set = (explain?: () => { explanation: string }) =>
      setXdp({ ifindex: 3, ifname: 'veth0', fd: 9, flags: 1 }, 'attach to veth0', explain);
    expect(() => set()).toThrow(NetlinkError);
    expect(() => set()).toThrow('cannot attach to veth0: XDP program already attached (EBUSY)');
    expect(() => set(() => ({ explanation: 'it is occupied' }))).toThrow(
      'cannot attach to veth0: it is occupied; the kernel says: XDP program already attached (EBUSY)',
    );
    answerWith(fake(), (seq) => [ack(seq, 16)]);
    expect(() => set()).toThrow('cannot attach to veth0: in use (EBUSY)');
  });

  test('that do not come end the wait', () => {
    fake().answerAll((call, memory) =>
      memory.named(call, 'recvfrom') ? -11 : memory.named(call, 'socket') ? 7 : 0,
    );
    expect(() => listLinks()).toThrow('cannot list the network interfaces: the kernel did not answer');
  });

  test('close the socket, whatever they are', () => {
    answerWith(fake(), () => [fromHex('ffffffff00000000')]);
    expect(() => listLinks()).toThrow(FormatError);
    const last = fake().calls.at(-1)!;
    expect(fake().named(last, 'close')).toBe(true);
  });

  test('about an interface that is not there name those that are', () => {
    answerWith(fake(), (seq) =>
      // The first question is for the name, the second lists.
      fake().calls.filter((call) => fake().named(call, 'sendto')).length === 1
        ? [ack(seq, 19)]
        : [link(seq, 1, 'lo'), link(seq, 2, 'eth0'), done(seq)],
    );
    expect(() => findLink('eth1')).toThrow(
      "there is no network interface named 'eth1'; this namespace has: lo, eth0",
    );
  });
});

describe('hostile bytes', () => {
  const message = link(1, 2, 'veth0', u32Attribute(4, 1500), nested(43, attribute(2, Uint8Array.of(1))));

  property.prop([fc.uint8Array({ maxLength: 200 })])('are parsed or refused with a path', (bytes) => {
    for (const parse of [
      () => parseMessages(bytes),
      () => parseAttributes(bytes, 'netlink/link'),
      () => parseLink({ type: NEWLINK, flags: 0, seq: 0, pid: 0, payload: bytes }),
      () => parseAck({ type: NetlinkType.ERROR, flags: 0x300, seq: 0, pid: 0, payload: bytes }),
    ]) {
      try {
        parse();
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  });

  property.prop([
    fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    fc.nat(message.length),
  ])('made of a real answer are parsed or refused with a path', (changes, length) => {
    const bytes = message.slice(0, length);
    for (const [at, value] of changes) if (at < length) bytes[at] = value;
    try {
      for (const part of parseMessages(bytes)) if (part.type === NEWLINK) parseLink(part);
    } catch (error) {
      expect(error).toBeInstanceOf(TsbpfError);
    }
  });

  test('are told by the field that is wrong', () => {
    const header = nlmsghdr.encode({ len: 100, type: NEWLINK });
    expect(() => parseMessages(header)).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: netlink/messages/0/nlmsg_len: needs 84 bytes at offset 16, but there are 16 in all]`,
    );
    expect(() => parseMessages(nlmsghdr.encode({ len: 4 }))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: netlink/messages/0/nlmsg_len: 4 is less than a header]`,
    );
    expect(() => parseMessages(new Uint8Array(3))).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: netlink/messages/0/nlmsg_len: needs 16 bytes at offset 0, but there are 3 in all]`,
    );
    expect(() => parseAttributes(fromHex('02000100'), 'netlink/link')).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: netlink/link/0/nla_len: 2 is less than a header]`,
    );
    expect(() => parseAttributes(fromHex('ff000100'), 'netlink/link')).toThrowErrorMatchingInlineSnapshot(
      `[FormatError: netlink/link/0/nla_len: needs 251 bytes at offset 4, but there are 4 in all]`,
    );
  });
});
