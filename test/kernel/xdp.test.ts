import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import {
  attachXdp,
  attachXdpLink,
  detachXdp,
  loadCollection,
  Program,
  showXdp,
  type XdpMode,
} from '../../src/kernel/index.ts';
import {
  createVethPair,
  deleteLink,
  enterNewNetworkNamespace,
  findLink,
  PacketSocket,
  setLink,
} from '../../src/syscall/index.ts';
import {
  frameOf,
  functionSpec,
  objectSpec,
  progArray,
  returns,
  tailCalls,
  XDP,
} from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

const DROP = 1;
const PASS = 2;
const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`.replace(/id \d+/g, 'id N');
const xdp = (name: string, action: number): Program =>
  Program.load({ name, type: 'xdp', code: returns(action) });

/** How many of `count` frames, told apart from the kernel's own by their EtherType and length, come out at the other end. */
function arrivals(from: PacketSocket, to: PacketSocket, count: number): number {
  while (to.receive()) {}
  const frame = frameOf(253);
  frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  for (let i = 0; i < count; i++) from.send(frame);
  let arrived = 0;
  for (let got = to.receive(); got; got = to.receive()) {
    if (got.length === frame.length && got[23] === 253) arrived++;
  }
  return arrived;
}

describeKernel('XDP on lo', () => {
  beforeAll(() => {
    enterNewNetworkNamespace();
    setLink('lo', { up: true });
  });

  test('attaches in generic mode, is shown, and is taken off', () => {
    using program = xdp('drop_all', DROP);
    const attachment = attachXdp(program, { interface: 'lo', mode: 'generic' });
    expect(attachment.mode).toBe('generic');
    const { tag } = program.info();
    expect(showXdp('lo')).toEqual([
      {
        ifindex: 1,
        ifname: 'lo',
        mode: 'generic',
        programs: [{ mode: 'generic', id: program.id, name: 'drop_all', tag }],
      },
    ]);
    expect([attachment.detach(), attachment.detach()]).toEqual([true, false]);
    expect(showXdp()).toEqual([{ ifindex: 1, ifname: 'lo', mode: 'none', programs: [] }]);
  });

  const IP = '/usr/sbin/ip';
  if (!existsSync(IP)) console.warn('skipped: iproute2 sees what was attached: iproute2 is not installed');
  test.skipIf(!existsSync(IP))('is seen by iproute2, and seen where iproute2 took it off', () => {
    using program = xdp('drop_all', DROP);
    using attachment = attachXdp(program, { interface: 'lo', mode: 'generic' });
    // A child starts in the namespace of the thread that forks it.
    const seen = execFileSync(IP, ['-details', 'link', 'show', 'lo'], { encoding: 'utf8' });
    expect(seen).toMatch(/xdpgeneric/);
    expect(seen).toContain(`prog/xdp id ${program.id} name drop_all tag ${program.info().tag}`);
    execFileSync(IP, ['link', 'set', 'lo', 'xdpgeneric', 'off']);
    expect(showXdp('lo')[0]?.mode).toBe('none');
    expect(attachment.detach()).toBe(false);
  });

  test('goes where the kernel chooses', () => {
    using program = xdp('pass', PASS);
    using attachment = attachXdp(program, { interface: 1 });
    expect([attachment.ifname, attachment.mode]).toEqual(['lo', 'generic']);
  });

  test('keeps what is there unless it is asked to replace it', () => {
    using first = xdp('first', PASS);
    using second = xdp('second', PASS);
    using attached = attachXdp(first, { interface: 'lo', mode: 'generic' });
    const attach = (replace: Program | boolean) =>
      attachXdp(second, { interface: 'lo', mode: 'generic', replace });
    expect(words(errorOf(() => attach(false)))).toMatchInlineSnapshot(
      `"cannot attach program 'second' to lo: an XDP program (id N name first, generic) is already attached to lo; the kernel says: XDP program already attached (EBUSY) [replace it (replace: true, with mode 'generic'), or detach it first]"`,
    );
    expect(words(errorOf(() => attach(second)))).toMatchInlineSnapshot(
      `"cannot attach program 'second' to lo: an XDP program (id N name first, generic) is already attached to lo; the kernel says: Active program does not match expected (EEXIST) [replace it (replace: true, with mode 'generic'), or detach it first]"`,
    );
    using other = attach(first);
    expect(showXdp('lo')[0]?.programs[0]?.name).toBe('second');
    // Somebody else's program is left alone.
    expect(attached.detach()).toBe(false);
    expect(showXdp('lo')[0]?.programs[0]?.name).toBe('second');
    expect(other.detach()).toBe(true);
  });

  test('is detached whoever attached it', () => {
    using program = xdp('pass', PASS);
    attachXdp(program, { interface: 'lo' }).release();
    expect(showXdp('lo')[0]?.mode).toBe('generic');
    expect(detachXdp('lo').map(({ name }) => name)).toEqual(['pass']);
    expect(detachXdp('lo')).toEqual([]);
  });

  test('says what is wrong', () => {
    using program = xdp('pass', PASS);
    expect(
      words(errorOf(() => attachXdp(program, { interface: 'lo', mode: 'native' }))),
    ).toMatchInlineSnapshot(
      `"cannot attach program 'pass' to lo: the driver of lo has no native XDP; the kernel says: Underlying driver does not support XDP in native mode (EOPNOTSUPP) [mode 'generic' works on every interface]"`,
    );
    expect(
      words(errorOf(() => attachXdp(program, { interface: 'lo', mode: 'offload' }))),
    ).toMatchInlineSnapshot(
      `"cannot attach program 'pass' to lo: lo is no card that runs XDP itself; the kernel says: Underlying driver does not support XDP in native mode (EOPNOTSUPP) [leave 'mode' out: the interface then runs it as it can]"`,
    );
    createVethPair('card', 'no_card');
    expect(
      words(errorOf(() => attachXdp(program, { interface: 'card', mode: 'offload' }))),
    ).toMatchInlineSnapshot(
      `"cannot attach program 'pass' to card: card is no card that runs XDP itself (EINVAL) [leave 'mode' out: the interface then runs it as it can]"`,
    );
    expect(
      words(errorOf(() => attachXdpLink(program, { interface: 'card', mode: 'offload' }))),
    ).toMatchInlineSnapshot(
      `"cannot attach program 'pass' to card (xdp): card is no card that runs XDP itself (EINVAL) [leave 'mode' out: the interface then runs it as it can]"`,
    );
    deleteLink('card');
    expect(words(errorOf(() => attachXdp(program, { interface: 'l0' })))).toMatchInlineSnapshot(
      `"there is no network interface named 'l0'; this namespace has: lo [did you mean 'lo'?]"`,
    );
    expect(words(errorOf(() => attachXdp(program, { interface: 77 })))).toMatchInlineSnapshot(
      `"there is no network interface with index 77; this namespace has: lo"`,
    );
    expect(
      words(errorOf(() => attachXdp(program, { interface: 'a name that is long' }))),
    ).toMatchInlineSnapshot(
      `"'a name that is long' cannot be an interface's name: 1 to 15 bytes without spaces and slashes"`,
    );
    using filter = Program.load({ name: 'filter', type: 'tc', code: returns(0) });
    expect(words(errorOf(() => attachXdp(filter, { interface: 'lo' })))).toMatchInlineSnapshot(
      `"program 'filter' is of type sched_cls; an interface takes xdp programs"`,
    );
  });
});

describeKernel('XDP on a veth pair', () => {
  beforeAll(enterNewNetworkNamespace);

  test.each<XdpMode>(['generic', 'native'])('in %s mode: frames arrive, stop, arrive again', (mode) => {
    createVethPair('left', 'right');
    setLink('left', { up: true });
    setLink('right', { up: true });
    const sender = new PacketSocket(findLink('left').ifindex);
    // Generic XDP runs before packet sockets see a frame, as native XDP does.
    const receiver = new PacketSocket(findLink('right').ifindex);
    using drop = xdp('drop_all', DROP);
    const counts = [arrivals(sender, receiver, 5)];
    const attachment = attachXdp(drop, { interface: 'right', mode });
    expect(showXdp('right')[0]).toMatchObject({ mode, programs: [{ name: 'drop_all' }] });
    counts.push(arrivals(sender, receiver, 5));
    attachment.detach();
    counts.push(arrivals(sender, receiver, 5));
    sender.close();
    receiver.close();
    deleteLink('left');
    expect(counts).toEqual([5, 0, 5]);
  });

  test('keeps the prog array of its program filled', async () => {
    createVethPair('left', 'right');
    setLink('left', { up: true });
    setLink('right', { up: true });
    const sender = new PacketSocket(findLink('left').ifindex);
    const receiver = new PacketSocket(findLink('right').ifindex);
    const jump = { kind: 'map', slot: 0, map: 'jump' } as const;
    const collection = loadCollection(
      objectSpec({
        functions: [
          functionSpec('entry', 'xdp', tailCalls(0, PASS), XDP, [jump]),
          functionSpec('drops', 'xdp/drop', returns(DROP)),
        ],
        maps: [progArray('jump', 1, 'drops')],
      }),
    );
    const attachment = attachXdp(collection.program('entry'), { interface: 'right', mode: 'native' });
    collection.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const dropped = 5 - arrivals(sender, receiver, 5);
    const orphans = words(errorOf(() => attachment.release()));
    attachment.detach();
    sender.close();
    receiver.close();
    deleteLink('left');
    expect(dropped).toBe(5);
    expect(orphans).toMatchInlineSnapshot(
      `"leaving program 'entry' on right alone would orphan prog array 'jump': its slots are emptied with the last descriptor [pin the prog array first, or keep this process and its collection open]"`,
    );
  });

  test('is gone with its interface', () => {
    createVethPair('left', 'right');
    using program = xdp('pass', PASS);
    const attachment = attachXdp(program, { interface: 'left', mode: 'native' });
    deleteLink('left');
    expect(attachment.detach()).toBe(false);
  });

  test('tells of both modes at once', () => {
    createVethPair('left', 'right');
    using program = xdp('pass', PASS);
    using _native = attachXdp(program, { interface: 'left', mode: 'native' });
    const error = words(errorOf(() => attachXdp(program, { interface: 'left', mode: 'generic' })));
    deleteLink('left');
    expect(error).toMatchInlineSnapshot(
      `"cannot attach program 'pass' to left: an XDP program (id N name pass, native) is already attached to left; the kernel says: Native and generic XDP can't be active at the same time (EEXIST) [replace it (replace: true, with mode 'native'), or detach it first]"`,
    );
  });
});
