import { expect, test } from 'vitest';
import { MapType } from '../../src/isa/kernel-tables.generated.ts';
import { programText } from '../../src/kernel/inspect/list-text.ts';
import { whyNotBound } from '../../src/kernel/load/bound-device.ts';
import { Errno } from '../../src/syscall/errno.ts';

const map = (name: string, type: MapType): { name: string; type: MapType } => ({ name, type });
const counts = map('counts', MapType.ARRAY);
const jump = map('jump', MapType.PROG_ARRAY);

test('why a program is not bound, by errno, maps and kernel', () => {
  const { EINVAL, EOPNOTSUPP, EACCES } = Errno;
  expect([
    whyNotBound(EOPNOTSUPP, 'lo', []),
    whyNotBound(EINVAL, 'veth0', [jump], 0x6_01_00),
    whyNotBound(EINVAL, 'veth0', [counts, jump], 0x6_0c_00),
  ]).toMatchInlineSnapshot(`
    [
      "the driver of lo has no XDP of its own, so it tells a program nothing of its packets",
      "this kernel binds no program to an interface; Linux 6.3 has that first",
      "a program that is bound to an interface may not use 'jump' in this kernel; Linux 6.16 and stable kernels since then let it use prog arrays, devmaps and cpumaps",
    ]
  `);
  // The errno's own words have to do.
  expect([
    whyNotBound(EINVAL, 'veth0', [counts], 0x6_0c_00),
    whyNotBound(EINVAL, 'veth0', [jump], 0x6_10_00),
    whyNotBound(EINVAL, 'veth0', [jump]),
    whyNotBound(EACCES, 'veth0', [jump], 0x6_01_00),
  ]).toEqual([undefined, undefined, undefined, undefined]);
});

test('a program in a card is shown with it', () => {
  const card = { ifindex: 7, netnsDev: 4n, netnsInode: 4026531840n };
  const shown = (deviceName?: string): string | undefined =>
    programText({
      id: 5,
      type: 6,
      typeName: 'xdp',
      name: 'drop',
      tag: '57cd311f2e27366b',
      gplCompatible: true,
      xlatedLength: 16,
      jitedLength: 0,
      jited: false,
      mapIds: [],
      btfId: 0,
      loadTimeNs: 0n,
      loadedAt: new Date(0),
      uid: 0,
      runTimeNs: 9n,
      runCount: 1n,
      verifiedInsns: 2,
      memlock: 4096,
      device: card,
      deviceName,
    }).split('\n')[0];
  expect([shown(), shown('eth0')]).toMatchInlineSnapshot(`
    [
      "5: xdp  name drop  tag 57cd311f2e27366b  offloaded_to ifindex 7 ns_dev 4 ns_ino 4026531840  gpl run_time_ns 9 run_cnt 1",
      "5: xdp  name drop  tag 57cd311f2e27366b  offloaded_to eth0  gpl run_time_ns 9 run_cnt 1",
    ]
  `);
});
