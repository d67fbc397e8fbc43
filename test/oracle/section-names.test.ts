import { describe, expect, test } from 'vitest';
import { programKind, sectionNames } from '../../src/object/index.ts';
import { hasLibbpf, titlesOfLibbpf } from './libbpf.ts';

/** Titles of the table, each with a target too, and some between what is known and what is not. */
const titles = [
  ...sectionNames.flatMap((name) => [name, `${name}/target`, `?${name}`]),
  ...['.text', 'maps', 'license', 'xd', 'xdpx', 'tcp', 'kprobes', 'kprobe.multix', 'fentrys', 'lsm_'],
];

/** After libbpf 1.1; the last two are of xdp-tutorial and never were libbpf's. */
const later =
  `usdt.s kprobe.session uprobe.multi uretprobe.multi uprobe.multi.s uretprobe.multi.s uprobe.session
  uprobe.session.s tracepoint.s tp.s raw_tracepoint.s raw_tp.s tp_btf.s fsession fsession.s
  fentry.multi fentry.multi.s fexit.multi fexit.multi.s fsession.multi fsession.multi.s struct_ops.s
  tc/ingress tcx/ingress tc/egress tcx/egress netkit/primary netkit/peer sk_skb/verdict netfilter
  cgroup/connect_unix cgroup/sendmsg_unix cgroup/recvmsg_unix cgroup/getpeername_unix
  cgroup/getsockname_unix xdp_devmap xdp_cpumap`.split(/\s+/);

test('the table has the 116 titles of libbpf 1.8, and two more', () => {
  expect(sectionNames.length).toBe(116 + 2);
});

describe.skipIf(!hasLibbpf())('a section title', () => {
  const theirs = hasLibbpf() ? titlesOfLibbpf(titles) : [];

  test('says what libbpf takes it to say', () => {
    const ours = titles.map((title) => {
      const kind = programKind(title);
      return kind && [kind.progType, kind.expectedAttachType];
    });
    const known = titles.flatMap((title, index) => (theirs[index] ? [[title, theirs[index]]] : []));
    expect(known.length).toBeGreaterThan(100);
    expect(titles.flatMap((title, index) => (theirs[index] ? [[title, ours[index]]] : []))).toEqual(known);
  });

  test('that libbpf does not know is one that came after version 1.1, or a convention of others', () => {
    const unknown = sectionNames.filter((name) => !theirs[titles.indexOf(name)]);
    expect(later).toEqual(expect.arrayContaining(unknown));
  });
});
