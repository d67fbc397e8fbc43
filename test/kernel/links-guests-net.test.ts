import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { attachCgroup, attachNetkit, loadCollection, queryNetkit } from '../../src/kernel/index.ts';
import {
  deleteLink,
  enterNewNetworkNamespace,
  findLink,
  listLinks,
  PacketSocket,
  setLink,
} from '../../src/syscall/index.ts';
import { frameOf } from '../support/bpf-code.ts';
import { compileBpf, newestClang } from '../support/c-object.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { countingText, hits, loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`;

const IP = '/usr/sbin/ip';

/** NETKIT_NEXT and NETKIT_DROP (Linux, `include/uapi/linux/if_link.h`). */
const [NEXT, DROP] = [-1, 2];

/** A pair of netkit devices, of which the kernel names the second. */
function withPair(use: (peer: string) => void): void {
  execFileSync(IP, ['link', 'add', 'kit', 'type', 'netkit']);
  try {
    const peer = listLinks().find(({ ifname }) => ifname !== 'kit' && ifname.startsWith('nk'))!.ifname;
    for (const name of ['kit', peer]) setLink(name, { up: true });
    use(peer);
  } finally {
    deleteLink('kit');
  }
}

function send(from: string, count: number): void {
  using socket = new PacketSocket(findLink(from).ifindex);
  for (let i = 0; i < count; i++) {
    try {
      socket.send(frameOf(253));
    } catch (error) {
      // What a program drops the sender is told of.
      if ((error as { code?: string }).code !== 'ENOBUFS') throw error;
    }
  }
}

describeKernel('a netkit pair', () => {
  beforeAll(() => {
    enterNewNetworkNamespace();
    setLink('lo', { up: true });
  });
  const netkit = test.skipIf(lacks('netkit'));

  netkit('runs programs of either end, in order', () => {
    withPair((peer) => {
      using drop = loadText(countingText('netkit/primary', DROP));
      using next = loadText(countingText('netkit/primary', NEXT));
      using ofPeer = loadText(countingText('netkit/peer', NEXT));
      const before = [drop, next, ofPeer].map((each) => hits(each));
      using a = attachNetkit(drop.program('probe'), { interface: 'kit' });
      using b = attachNetkit(next.program('probe'), { interface: 'kit', position: { before: a } });
      using c = attachNetkit(ofPeer.program('probe'), { interface: 'kit', end: 'peer' });
      send('kit', 3);
      const counted = (): bigint[] => [drop, next, ofPeer].map((each, index) => hits(each) - before[index]!);
      expect(counted().slice(0, 2)).toEqual([counted()[0], counted()[0]]);
      expect(counted()[0]).toBeGreaterThanOrEqual(3n);
      const ofPeerBefore = counted()[2]!;
      send(peer, 2);
      expect(counted()[2]! - ofPeerBefore).toBeGreaterThanOrEqual(2n);
      expect(queryNetkit('kit', 'primary').programs.map(({ linkId }) => linkId)).toEqual([b.id, a.id]);
      expect(queryNetkit('kit', 'peer').programs.map(({ linkId }) => linkId)).toEqual([c.id]);
      expect(c.info()).toMatchObject({
        typeName: 'netkit',
        target: { kind: 'netkit', ifindex: findLink(peer).ifindex, attachType: 'netkit_peer' },
      });
      expect(a.detach()).toBe(true);
      expect(queryNetkit('kit', 'primary').programs).toHaveLength(1);
    });
  });

  netkit('says what is wrong', () => {
    withPair((peer) => {
      using collection = loadText(countingText('netkit/primary', NEXT));
      const attach = (name: string): string =>
        words(errorOf(() => attachNetkit(collection.program('probe'), { interface: name })));
      expect([attach('lo'), attach(peer).replaceAll(peer, 'PEER')]).toMatchInlineSnapshot(`
        [
          "cannot attach program 'probe' to lo (netkit primary): this interface is no netkit device (ENXIO)",
          "cannot attach program 'probe' to PEER (netkit primary): this is the peer of a netkit pair, which takes no programs itself (EACCES) [attach through the primary device: its own programs with end 'primary', those of the peer with end 'peer']",
        ]
      `);
    });
  });
});

const cgroupRoot = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((root) =>
  existsSync(`${root}/cgroup.controllers`),
);
const fixture = fileURLToPath(new URL('./fixtures/tracing.c', import.meta.url));

describeKernel('an LSM hook of a cgroup', () => {
  test.skipIf(!newestClang || !cgroupRoot || lacks('lsm_cgroup'))('denies in it, and only there', () => {
    const cgroup = `${cgroupRoot}/tsbpf-lsm-${process.pid}`;
    /** The exit code of a process in the cgroup that makes a socket. */
    const makeSocket = (): number => {
      const script = `echo $$ > ${cgroup}/cgroup.procs && exec 3<>/dev/udp/127.0.0.1/9`;
      try {
        execFileSync('/bin/bash', ['-c', script], { stdio: 'pipe' });
        return 0;
      } catch (error) {
        return (error as { status: number }).status;
      }
    };
    const spec = compileBpf(fixture);
    const load = (answer: number) => loadCollection(spec, { programs: ['on_socket'], variables: { answer } });
    mkdirSync(cgroup);
    try {
      expect(makeSocket()).toBe(0);
      // 0 denies, 1 allows.
      for (const answer of [0, 1]) {
        using collection = load(answer);
        using link = attachCgroup(collection.program('on_socket'), { cgroup });
        expect([makeSocket(), hits(collection) > 0n]).toEqual([1 - answer, true]);
        expect(link.info()).toMatchObject({ target: { kind: 'cgroup', attachType: 'lsm_cgroup' } });
      }
      expect(makeSocket()).toBe(0);
    } finally {
      rmdirSync(cgroup);
    }
  });
});
