import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { attachTc, attachTcx, detachTc, Program, removeClsact, showTc } from '../../src/kernel/index.ts';
import {
  createVethPair,
  deleteLink,
  enterNewNetworkNamespace,
  findLink,
  PacketSocket,
  setLink,
} from '../../src/syscall/index.ts';
import { frameOf, returns } from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { countingText, hits, loadText } from '../support/link-programs.ts';

const TC = '/usr/sbin/tc';
if (!existsSync(TC)) console.warn('skipped: tc sees what was attached: iproute2 is not installed');
const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`;
const tc = (...args: string[]): string => execFileSync(TC, args, { encoding: 'utf8' });

function withPair(use: () => void): void {
  createVethPair('left', 'right');
  try {
    setLink('left', { up: true });
    setLink('right', { up: true });
    use();
  } finally {
    deleteLink('left');
  }
}

/** How many of the frames sent at one end come out at the other. */
function arrivals(count: number): number {
  using from = new PacketSocket(findLink('left').ifindex);
  using to = new PacketSocket(findLink('right').ifindex);
  const frame = frameOf(253);
  frame.fill(0xff, 0, 6);
  for (let i = 0; i < count; i++) {
    try {
      from.send(frame);
    } catch (error) {
      // What egress drops the sender is told of.
      if ((error as { code?: string }).code !== 'ENOBUFS') throw error;
    }
  }
  let arrived = 0;
  for (let got = to.receive(); got; got = to.receive()) if (got[23] === 253) arrived++;
  return arrived;
}

describeKernel('a filter of tc', () => {
  beforeAll(enterNewNetworkNamespace);

  test('has a class as tc writes it, and says what is no place for it', () => {
    withPair(() => {
      using drop = Program.load({ name: 'drop', type: 'tc', code: returns(-1) });
      const at = { interface: 'left', direction: 'egress' } as const;
      using _attached = attachTc(drop, { ...at, directAction: false, classid: '1:1f' });
      expect(showTc('left').map(({ classid }) => classid)).toEqual([0x0001_001f]);
      const refused = (options: object): string =>
        words(errorOf(() => attachTc(drop, { ...at, ...options }).close()));
      expect(refused({ classid: 'one:2' })).toMatchInlineSnapshot(
        `"'one:2' is no class [write the two numbers in hexadecimal, as tc does: '1:10']"`,
      );
      expect(refused({ classid: 2 ** 32 })).toMatchInlineSnapshot(
        `"classid is 4294967296, but must be a whole number from 0 to 4294967295"`,
      );
      expect(refused({ priority: 70_000 })).toMatchInlineSnapshot(
        `"priority is 70000, but must be a whole number from 1 to 65535"`,
      );
      expect(refused({ direction: 'sideways' })).toMatchInlineSnapshot(
        `"'sideways' is no direction: a packet goes 'ingress' or 'egress'"`,
      );
      expect(
        words(errorOf(() => attachTcx(drop, { ...at, position: { after: 5 as never } }))),
      ).toMatchInlineSnapshot(
        `"a neighbour is a link, a program or a number of one, but '5' was given [write { linkId } or { programId }]"`,
      );
    });
  });

  test('drops what goes out, is shown, and is gone with its qdisc', () => {
    withPair(() => {
      using drop = loadText(countingText('tc', 'TC_ACT_SHOT'));
      expect(arrivals(3)).toBe(3);
      const attached = attachTc(drop.program('probe'), {
        interface: 'left',
        direction: 'egress',
        priority: 7,
        handle: 3,
        classid: 0x0001_0002,
      });
      expect(arrivals(3)).toBe(0);
      expect(hits(drop)).toBeGreaterThanOrEqual(3n);
      const program = drop.program('probe');
      expect(showTc('left')).toEqual([
        {
          ifname: 'left',
          ifindex: findLink('left').ifindex,
          direction: 'egress',
          chain: 0,
          priority: 7,
          handle: 3,
          protocol: 3,
          programId: program.id,
          name: 'probe',
          tag: program.info().tag,
          directAction: true,
          inHardware: false,
          classid: 0x0001_0002,
        },
      ]);
      expect([attached.detach(), attached.detach()]).toEqual([true, false]);
      expect(arrivals(3)).toBe(3);
      expect(removeClsact('left')).toBe(false);
    });
  });

  test.skipIf(!existsSync(TC))('is seen by tc, and what tc attached is read and removed', () => {
    withPair(() => {
      using first = Program.load({ name: 'first', type: 'tc', code: returns(0) });
      using second = Program.load({ name: 'second', type: 'tc', code: returns(0) });
      const at = { interface: 'left', direction: 'ingress' } as const;
      using a = attachTc(first, { ...at, chain: 5 });
      using b = attachTc(second, { ...at, directAction: false });
      const shown = tc('filter', 'show', 'dev', 'left', 'ingress');
      expect(shown).toMatch(/pref 49152 bpf chain 5 handle 0x1 first direct-action/);
      expect(shown).toMatch(/pref 49152 bpf chain 0 handle 0x1 second .*id \d+/);
      expect(shown).not.toMatch(/second direct-action/);
      expect([a.chain, a.priority, a.handle, b.chain]).toEqual([5, 49152, 1, 0]);
      tc('filter', 'del', 'dev', 'left', 'ingress', 'chain', '5', 'pref', '49152');
      expect(a.detach()).toBe(false);
      expect(showTc('left').map(({ name }) => name)).toEqual(['second']);
      tc(
        'filter',
        'add',
        'dev',
        'left',
        'egress',
        'prio',
        '9',
        'handle',
        '1',
        'bpf',
        'da',
        'bytecode',
        '1,6 0 0 0',
      );
      expect(tc('filter', 'show', 'dev', 'left', 'egress')).toContain('pref 9');
      // Classic BPF is kind bpf too, without a program's number.
      expect(showTc('left').find(({ direction }) => direction === 'egress')).toMatchObject({
        priority: 9,
        programId: undefined,
      });
      expect(detachTc('left', { direction: 'egress', priority: 9 })).toHaveLength(1);
      expect(removeClsact('left')).toBe(true);
    });
  });

  test('replaces only where it is asked to', () => {
    withPair(() => {
      using first = Program.load({ name: 'first', type: 'tc', code: returns(0) });
      using second = Program.load({ name: 'second', type: 'tc', code: returns(0) });
      const at = { interface: 'left', direction: 'ingress', priority: 1, handle: 1 } as const;
      const former = attachTc(first, at);
      expect(words(errorOf(() => attachTc(second, at)))).toMatchInlineSnapshot(
        `"cannot attach program 'second' to left (tc ingress): a filter with priority 1 and handle 1 is there already; the kernel says: Filter already exists (EEXIST) [replace it (replace: true), or leave priority and handle to the kernel]"`,
      );
      const now = attachTc(second, { ...at, replace: true });
      expect(showTc('left').map(({ name }) => name)).toEqual(['second']);
      // Another's filter is left alone.
      expect(former.detach()).toBe(false);
      expect(showTc('left')).toHaveLength(1);
      now.release();
      expect(detachTc('left', { direction: 'ingress' }).map(({ name }) => name)).toEqual(['second']);
    });
  });

  test('says what is wrong', () => {
    withPair(() => {
      using xdp = Program.load({ name: 'xdp', type: 'xdp', code: returns(2) });
      const at = { interface: 'left', direction: 'ingress' } as const;
      expect(words(errorOf(() => attachTc(xdp, at)))).toMatchInlineSnapshot(
        `"program 'xdp' is of type xdp; a filter of tc takes sched_cls programs"`,
      );
      using filter = Program.load({ name: 'filter', type: 'tc', code: returns(0) });
      expect(words(errorOf(() => attachTc(filter, { ...at, interface: 'lft' })))).toMatchInlineSnapshot(
        `"there is no network interface named 'lft'; this namespace has: lo, right, left [did you mean 'left'?]"`,
      );
      tc('qdisc', 'add', 'dev', 'left', 'ingress');
      expect(words(errorOf(() => attachTc(filter, at)))).toMatchInlineSnapshot(
        `"cannot attach program 'filter' to left (tc ingress): left has an ingress qdisc, which takes the place of clsact [tc qdisc del dev left ingress]"`,
      );
    });
  });
});
