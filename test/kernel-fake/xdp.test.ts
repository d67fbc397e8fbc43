import { describe, expect, test } from 'vitest';
import { ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { detachXdp, showXdp } from '../../src/kernel/index.ts';
import { progInfoLayout } from '../../src/syscall/bpf-info-layout.ts';
import {
  attribute,
  buildMessage,
  NetlinkFlag,
  NetlinkType,
  nested,
  nlmsghdr,
  stringAttribute,
  u32Attribute,
} from '../../src/syscall/netlink.ts';
import { concatBytes, viewOf } from '../../src/util/bytes.ts';
import { type FakeNative, useFakeNative } from '../support/fake-native.ts';

const fake = useFakeNative();
const NEWLINK = 16;
const SETLINK = 19;

/** veth0 with an XDP program in the driver and one in the card; RTM_SETLINK answers with `errno`. */
function machine(native: FakeNative, errno: number): void {
  const header = new Uint8Array(16);
  viewOf(header).setInt32(4, 2, true);
  const xdp = nested(43, attribute(2, Uint8Array.of(4)), u32Attribute(5, 70), u32Attribute(7, 80));
  const link = concatBytes([header, stringAttribute(3, 'veth0'), xdp]);
  let answer: Uint8Array = new Uint8Array(0);
  native.answerAll((call, memory) => {
    const [, address = 0, length = 0] = call.args;
    if (memory.named(call, 'sendto')) {
      const { type, seq } = nlmsghdr.decode(memory.at(address));
      const ack = new Uint8Array(20);
      viewOf(ack).setInt32(0, type === SETLINK ? -errno : 0, true);
      answer = concatBytes([
        ...(type === SETLINK ? [] : [buildMessage(NEWLINK, 0, seq, link)]),
        buildMessage(NetlinkType.ERROR, NetlinkFlag.CAPPED, seq, ack),
      ]);
      return length;
    }
    if (memory.named(call, 'recvfrom')) {
      memory.at(address).set(answer);
      return answer.length;
    }
    if (!memory.named(call, 'bpf')) return memory.named(call, 'socket') ? 7 : 0;
    const { command, attr } = memory.bpf(call);
    // Program 80 is gone by the time it is asked about.
    if (command === 'PROG_GET_FD_BY_ID') return viewOf(attr).getUint32(0, true) === 70 ? 9 : -2;
    const info = progInfoLayout.encode({ type: ProgType.XDP, id: 70, name: 'drop_all' });
    memory.at(viewOf(attr).getBigUint64(8, true)).set(info);
    return 0;
  });
}

describe('an interface with two programs', () => {
  test('shows both, also the one that cannot be asked about', () => {
    machine(fake(), 0);
    expect(showXdp('veth0')).toEqual([
      {
        ifindex: 2,
        ifname: 'veth0',
        mode: 'multiple',
        programs: [
          { mode: 'native', id: 70, name: 'drop_all', tag: '0000000000000000' },
          { mode: 'offload', id: 80, name: undefined, tag: undefined },
        ],
      },
    ]);
  });

  test('is cleared of both, or of the one in a mode', () => {
    machine(fake(), 0);
    expect(detachXdp('veth0').map(({ id }) => id)).toEqual([70, 80]);
    expect(detachXdp('veth0', 'offload').map(({ id }) => id)).toEqual([80]);
    expect(detachXdp('veth0', 'generic')).toEqual([]);
  });
});

test('a program that a BPF link holds is not taken off, and the message says why', () => {
  machine(fake(), 16);
  expect(() => detachXdp('veth0')).toThrowErrorMatchingInlineSnapshot(
    `[NetlinkError: cannot detach XDP from veth0: a BPF link holds an XDP program (id 70 name drop_all, native) on veth0 (EBUSY)]`,
  );
});
