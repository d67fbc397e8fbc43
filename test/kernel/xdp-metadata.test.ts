import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import {
  attachTc,
  attachXdp,
  attachXdpLink,
  BpfMap,
  type Collection,
  detachXdp,
  devmapEntry,
  type LoadOptions,
  loadCollection,
  NetworkNamespace,
  Program,
} from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';
import type { ObjectSpec } from '../../src/object/spec.ts';
import {
  createVethPair,
  deleteLink,
  enterNewNetworkNamespace,
  findLink,
  PacketSocket,
  setLink,
} from '../../src/syscall/index.ts';
import { enterNetworkNamespace } from '../../src/syscall/network-namespace.ts';
import { u32 } from '../../src/util/struct.ts';
import { frameOf, returns } from '../support/bpf-code.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';
import { METADATA_TEXT, type Metadata, metadataOf } from '../support/xdp-metadata.ts';

const ENODATA = 61;
const PASS = 2;
const specOf = (text: string): ObjectSpec => collect(assembleOrThrow(text).object);
const words = (act: () => unknown): string => {
  const { message, hint } = errorOf(act);
  return `${message}${hint ? ` [${hint}]` : ''}`;
};

function withPair<T>(use: () => T): T {
  createVethPair('left', 'right');
  try {
    setLink('left', { up: true });
    setLink('right', { up: true });
    return use();
  } finally {
    deleteLink('left');
  }
}

const seen = (collection: Collection): Metadata => metadataOf(collection.map('seen').getBytes(0)!);

/** A frame to a host, so that each host has a flow of its own. */
function send(ifname: string, host: number): void {
  using socket = new PacketSocket(findLink(ifname).ifindex);
  const frame = frameOf(253);
  frame.fill(0xff, 0, 6);
  frame[33] = host;
  socket.send(frame);
}

/** What goes out gets a VLAN tag beside the frame, as cards have it: htons(0x8100), VLAN 7. */
const TAGS = `
    .license "GPL"
    .program tags, "tc"
    r2 = 0x0081
    r3 = 7
    call bpf_skb_vlan_push
    r0 = TC_ACT_OK
    exit
`;

/** Calls through a prog array with what the driver tells, and falls through to XDP_ABORTED. */
const CHAIN = `
    .license "GPL"
    .map jump, prog_array, entries=2
    .entry 0, last
    .program first, "xdp"
    r2 = jump ll
    r3 = 0
    call bpf_tail_call
    r0 = XDP_ABORTED
    exit
    .program last, "xdp/last"
    r0 = XDP_DROP
    exit
`;

const TWO = `
    .program one, "xdp"
    r0 = XDP_PASS
    exit
    .program two, "xdp"
    r0 = XDP_PASS
    exit
`;

const bound = (name: string, device: string | number): Program =>
  Program.load({ name, type: 'xdp', code: returns(PASS), device });

describeKernel('an XDP program that asks the driver', () => {
  beforeAll(enterNewNetworkNamespace);
  const load = (options: LoadOptions = {}): Collection => loadCollection(specOf(METADATA_TEXT), options);

  test.skipIf(lacks('metadata kfuncs'))('is told of what comes in', () => {
    withPair(() => {
      using collection = load({ device: 'right' });
      const program = collection.program('ask');
      const { ifindex } = findLink('right');
      expect(program.device).toMatchObject({ ifindex, ifname: 'right', netns: undefined });
      using _attached = attachXdp(program, { interface: 'right', mode: 'native' });
      const told = [1, 1, 2].map((host) => {
        send('left', host);
        return seen(collection);
      });
      expect(told.map(({ frames }) => frames)).toEqual([1n, 2n, 3n]);
      // veth hands the packet's hash on, which is one of its flow; time stamps of hardware it has none.
      expect(told[0]!.hash).not.toBe(0);
      expect(told.map(({ hash }) => hash === told[0]!.hash)).toEqual([true, true, false]);
      expect(told[2]).toMatchObject({ results: { hash: 0, timestamp: 0, vlan: -ENODATA }, timestamp: 0n });
    });
  });

  test.skipIf(lacks('metadata kfuncs'))(
    'is told the VLAN of a packet, by a link in another namespace',
    () => {
      using here = NetworkNamespace.own();
      enterNewNetworkNamespace();
      using there = NetworkNamespace.own();
      enterNetworkNamespace(here);
      there.run(() => {
        createVethPair('left', 'right');
        setLink('left', { up: true });
        setLink('right', { up: true });
      });
      using collection = load({ device: { ask: 'right' }, netns: there });
      using tags = loadText(TAGS);
      using _tagged = attachTc(tags.program('tags'), {
        interface: 'left',
        direction: 'egress',
        netns: there,
      });
      using _link = attachXdpLink(collection.program('ask'), { interface: 'right', netns: there });
      there.run(() => send('left', 1));
      expect(seen(collection)).toMatchObject({ results: { vlan: 0 }, vlan: { protocol: 0x8100, tci: 7 } });
    },
  );

  test.skipIf(lacks('metadata kfuncs'))('says what is missing where it is not bound', () => {
    expect(words(() => load())).toMatchInlineSnapshot(
      `"the verifier rejected program 'ask': metadata kfuncs require device-bound program (EINVAL) [they ask the driver of one interface: load the program for it (device: 'veth0', or tsbpf xdp attach --bound); programs in prog arrays, devmaps and cpumaps cannot call them]"`,
    );
  });
});

describeKernel('a program that is bound to an interface', () => {
  beforeAll(enterNewNetworkNamespace);

  test.skipIf(lacks('device-bound xdp'))('goes to that one, and into its driver', () => {
    withPair(() => {
      using program = bound('pass', 'right');
      const attach = (options: Omit<Parameters<typeof attachXdp>[1], 'replace'>): string[] => [
        words(() => attachXdp(program, options)),
        words(() => attachXdpLink(program, options)),
      ];
      expect([
        ...attach({ interface: 'left' }),
        ...attach({ interface: 'right', mode: 'generic' }),
        ...attach({ interface: 'right', mode: 'offload' }),
      ]).toMatchInlineSnapshot(`
        [
          "cannot attach program 'pass' to left: it is bound to interface right, and left is another; the kernel says: Program bound to different device (EINVAL) [load it once more for the other interface (device)]",
          "cannot attach program 'pass' to left (xdp): it is bound to interface right, and left is another (EINVAL) [load it once more for the other interface (device)]",
          "cannot attach program 'pass' to right: it is bound to right and runs in its driver, and mode 'generic' is outside of that; the kernel says: Can't attach device-bound programs in generic mode (EINVAL) [mode 'native', or leave it out]",
          "cannot attach program 'pass' to right (xdp): it is bound to right and runs in its driver, and mode 'generic' is outside of that (EINVAL) [mode 'native', or leave it out]",
          "cannot attach program 'pass' to right: it is bound to right and runs in its driver, and mode 'offload' is in the card (EINVAL) [mode 'native', or leave it out]",
          "cannot attach program 'pass' to right (xdp): it is bound to right and runs in its driver, and mode 'offload' is in the card (EINVAL) [mode 'native', or leave it out]",
        ]
      `);
      attachXdp(program, { interface: 'right' }).close();
      attachXdpLink(program, { interface: 'right', mode: 'native' }).close();
      using copy = program.duplicate();
      expect(copy.device).toEqual(program.device);
      expect(program.info().device).toBeUndefined();
    });
  });

  test.skipIf(lacks('device-bound xdp'))('is not taken for that of another namespace', () => {
    using former = NetworkNamespace.own();
    enterNewNetworkNamespace();
    using there = NetworkNamespace.own();
    there.run(() => createVethPair('left', 'right'));
    enterNewNetworkNamespace();
    try {
      withPair(() => {
        using program = bound('pass', 'right');
        expect(there.run(() => findLink('right').ifindex)).toBe(program.device?.ifindex);
        expect(words(() => attachXdp(program, { interface: 'right', netns: there }))).toMatchInlineSnapshot(
          `"cannot attach program 'pass' to right: it is bound to interface right, and this right is one of another network namespace; the kernel says: Program bound to different device (EINVAL) [load it once more for the other interface (device)]"`,
        );
      });
    } finally {
      enterNetworkNamespace(former);
    }
  });

  test.skipIf(lacks('device-bound xdp'))('takes no other place by an update of a link', () => {
    withPair(() => {
      using program = bound('asks', 'right');
      using any = Program.load({ name: 'any', type: 'xdp', code: returns(PASS) });
      const update = (options: Parameters<typeof attachXdpLink>[1]): void => {
        using link = attachXdpLink(any, options);
        link.update(program);
      };
      expect([
        words(() => update({ interface: 'left' })),
        words(() => update({ interface: 'right', mode: 'generic' })),
      ]).toMatchInlineSnapshot(`
        [
          "program 'asks' is bound to interface right, and the link does not run programs in its driver [attach it to right by a link of its own]",
          "program 'asks' is bound to interface right, and the link does not run programs in its driver [attach it to right by a link of its own]",
        ]
      `);
      update({ interface: 'right', mode: 'native' });
    });
  });

  test.skipIf(lacks('device-bound xdp'))(
    'is not run elsewhere: in a test, in a prog array, behind a redirect',
    () => {
      withPair(() => {
        using program = bound('pass', 'right');
        using jump = BpfMap.create({
          name: 'jump',
          type: MapType.PROG_ARRAY,
          keySize: 4,
          valueSize: 4,
          maxEntries: 1,
        });
        using away = BpfMap.create({
          name: 'away',
          type: MapType.DEVMAP,
          keySize: 4,
          valueSize: 8,
          maxEntries: 1,
        });
        const { ifindex } = findLink('left');
        expect([
          words(() => program.testRun({ data: frameOf(253) })),
          words(() => jump.set(0, program)),
          words(() => away.as({ key: u32, value: devmapEntry }).set(0, { ifindex, program })),
        ]).toMatchInlineSnapshot(`
          [
            "cannot run program 'pass': it is bound to right, and the kernel runs no such program outside of its driver (EINVAL)",
            "cannot write to map 'jump': 'pass' is bound to right, and prog array 'jump' takes no program that is bound to an interface (EINVAL)",
            "cannot write to map 'away': no interface of this network namespace has that index, or the program was not made for xdp/devmap (EINVAL)",
          ]
        `);
      });
    },
  );

  test.skipIf(lacks('device-bound xdp'))('says what cannot be bound', () => {
    withPair(() => {
      const pass = (options: { readonly type?: string; readonly device: string | number }): string =>
        words(() => Program.load({ name: 'pass', type: 'xdp', code: returns(0), ...options }));
      expect([
        pass({ device: 'lo' }),
        pass({ device: 'rigth' }),
        pass({ device: 4711 }).replace(/has: .*/, 'has: …'),
        pass({ type: 'tc', device: 'right' }),
        words(() => loadCollection(specOf(TAGS), { device: 'right' })),
        words(() => loadCollection(specOf(TAGS), { device: { tags: 'right' } })),
        words(() => loadCollection(specOf(CHAIN), { device: { frist: 'right' } })),
        words(() => loadCollection(specOf(CHAIN), { device: { 'xdp/last': 'right' } })),
        words(() => loadCollection(specOf(TWO), { programs: ['one'], device: { two: 'right' } })),
      ]).toMatchInlineSnapshot(`
        [
          "cannot load program 'pass' for lo: the driver of lo has no XDP of its own, so it tells a program nothing of its packets (EOPNOTSUPP)",
          "there is no network interface named 'rigth'; this namespace has: lo, right, left [did you mean 'right'?]",
          "there is no network interface with index 4711; this namespace has: …",
          "program 'pass' is of type sched_cls; only xdp programs are bound to an interface",
          "no program of this load can be bound to interface 'right' [xdp programs are that stand in no prog array, devmap or cpumap]",
          "program 'tags' is of type sched_cls; only xdp programs are bound to an interface",
          "there is no program or section 'frist'; there are first (xdp), last (xdp/last) [did you mean 'first'?]",
          "program 'last' stands in prog array 'jump', which takes no program that is bound to an interface [bind the program that calls through it, and let that one read what the driver tells]",
          "program 'two' is to be bound to an interface, but this load leaves it out",
        ]
      `);
    });
  });

  test.skipIf(lacks('device-bound xdp'))('calls those that are not bound', () => {
    withPair(() => {
      using collection = loadCollection(specOf(CHAIN), { device: 'right' });
      expect(['first', 'last'].map((name) => collection.program(name).device?.ifname)).toEqual([
        'right',
        undefined,
      ]);
      using receiver = new PacketSocket(findLink('right').ifindex);
      const arrives = (): boolean => {
        while (receiver.receive()) {}
        send('left', 1);
        for (let got = receiver.receive(); got; got = receiver.receive()) if (got[23] === 253) return true;
        return false;
      };
      const before = arrives();
      using _attached = attachXdp(collection.program('first'), { interface: 'right' });
      expect([before, arrives()]).toEqual([true, false]);
    });
  });
});

describeKernel('a kernel that is too old for it', () => {
  beforeAll(enterNewNetworkNamespace);

  test.skipIf(!lacks('device-bound xdp'))('says so', () => {
    withPair(() => {
      expect(words(() => bound('pass', 'right'))).toMatchInlineSnapshot(
        `"cannot load program 'pass' for right: this kernel binds no program to an interface; Linux 6.3 has that first (EINVAL)"`,
      );
    });
  });
});

describeKernel('a bound program on the command line', () => {
  beforeAll(enterNewNetworkNamespace);

  test.skipIf(lacks('metadata kfuncs'))('is loaded for the interface that it is attached to', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsbpf-bound-'));
    try {
      withPair(() => {
        const file = join(folder, 'ask.s');
        writeFileSync(file, METADATA_TEXT);
        const said = (...args: string[]): string => {
          const { status, stdout, stderr } = tsbpf(args);
          return `${status} ${stdout}${stderr}`
            .replace(/\b(id|program|map) \d+/g, '$1 N')
            .replace(/tag \w+/, 'tag T');
        };
        expect(said('xdp', 'attach', 'right', file, '--bound')).toMatchInlineSnapshot(`
          "0 right: native prog/xdp id N name ask tag T
          "
        `);
        expect(detachXdp('right').map(({ name, mode }) => [name, mode])).toEqual([['ask', 'native']]);
        const unbound = said('xdp', 'attach', 'right', file);
        expect(unbound).toMatch(/^1 error.*: the verifier rejected program 'ask': metadata kfuncs require/);
        expect(unbound).toContain('tsbpf xdp attach --bound');
        expect(said('xdp', 'attach', 'right', file, '--bound', '--mode', 'generic')).toMatchInlineSnapshot(`
          "1 error[EINVAL]: cannot attach program 'ask' to right: it is bound to right and runs in its driver, and mode 'generic' is outside of that; the kernel says: Can't attach device-bound programs in generic mode (EINVAL)
          help: mode 'native', or leave it out
          "
        `);
        expect(said('load', file, '--device', 'left')).toMatchInlineSnapshot(`
          "0 program N: xdp ask (xdp) tag T
          map N: array seen key 4B value 48B max_entries 1
          note: nothing was pinned, so all of this is gone when the command ends (--pin DIR keeps it)
          "
        `);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('is asked about as a feature', () => {
    const { status, stdout } = tsbpf(['features', 'kernel/device-bound-xdp']);
    expect([status, stdout.trim()]).toEqual(
      lacks('device-bound xdp') ? [1, expect.stringContaining('no')] : [0, expect.stringContaining('yes')],
    );
  });
});
