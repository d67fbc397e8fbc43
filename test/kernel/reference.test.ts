import { closeSync } from 'node:fs';
import { release } from 'node:os';
import { expect, test } from 'vitest';
import { HELPERS_BY_PROG_TYPE } from '../../src/isa/helper-protos.generated.ts';
import { encodeInsns, HELPERS, makeInsn } from '../../src/isa/index.ts';
import { AttachType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { RETURN_CODES } from '../../src/isa/return-codes.ts';
import { logText, tryProgLoad } from '../../src/syscall/bpf-prog.ts';
import { describeKernel } from '../support/kernel.ts';
import { atLeast } from '../support/needs.ts';

const A = AttachType;

/** Types that load without a target, at an attach type that stands for those that no entry names. */
const LOADABLE: Readonly<Partial<Record<keyof typeof ProgType, number>>> = {
  SOCKET_FILTER: 0,
  KPROBE: 0,
  SCHED_CLS: 0,
  SCHED_ACT: 0,
  TRACEPOINT: 0,
  XDP: 0,
  PERF_EVENT: 0,
  CGROUP_SOCK: A.CGROUP_INET_SOCK_CREATE,
  LWT_IN: 0,
  LWT_OUT: 0,
  LWT_XMIT: 0,
  LWT_SEG6LOCAL: 0,
  SOCK_OPS: A.CGROUP_SOCK_OPS,
  SK_SKB: A.SK_SKB_STREAM_VERDICT,
  SK_MSG: A.SK_MSG_VERDICT,
  CGROUP_DEVICE: A.CGROUP_DEVICE,
  RAW_TRACEPOINT: 0,
  RAW_TRACEPOINT_WRITABLE: 0,
  CGROUP_SOCK_ADDR: A.CGROUP_INET4_CONNECT,
  SK_REUSEPORT: A.SK_REUSEPORT_SELECT,
  FLOW_DISSECTOR: A.FLOW_DISSECTOR,
  CGROUP_SYSCTL: A.CGROUP_SYSCTL,
  CGROUP_SOCKOPT: A.CGROUP_SETSOCKOPT,
  SK_LOOKUP: A.SK_LOOKUP,
  NETFILTER: A.NETFILTER,
};
const isLoadable = (type: ProgType): boolean =>
  Object.keys(LOADABLE).some((name) => ProgType[name as keyof typeof ProgType] === type) ||
  type === ProgType.CGROUP_SKB;

const exit = makeInsn('exit');

/** Loads a program and gives it up; the log where the kernel refused. */
function refusal(
  type: ProgType,
  expectedAttachType: number,
  insns: readonly ReturnType<typeof makeInsn>[],
): string | undefined {
  const buffer = new Uint8Array(4096);
  const { result } = tryProgLoad({
    name: 'reference',
    type,
    expectedAttachType,
    code: encodeInsns(insns),
    license: 'GPL',
    flags: 0,
    log: { level: 1, buffer },
  });
  if (result < 0) return logText(buffer) || `errno ${-result}`;
  closeSync(result);
  return undefined;
}

describeKernel('the tables of the reference', () => {
  test('the verifier takes the return values that the table has, and no others', ({ skip }) => {
    if (!atLeast('6.18')) skip(`the table is of Linux 6.18, this is ${release()}`);
    const wrong: string[] = [];
    for (const { progType, attachTypes, range } of RETURN_CODES) {
      if (!isLoadable(progType)) continue;
      const name = Object.keys(ProgType).find((key) => ProgType[key as keyof typeof ProgType] === progType)!;
      for (const attach of attachTypes ?? [LOADABLE[name as keyof typeof ProgType]!]) {
        for (const value of [-1, 0, 1, 2, 3, 4, 100]) {
          const refused = refusal(progType, attach, [makeInsn('mov_k', { dst: 0, imm: value }), exit]);
          const expected = range === undefined || (value >= range[0] && value <= range[1]);
          if ((refused === undefined) !== expected)
            wrong.push(`${name}/${attach} ${value}: ${refused ?? 'taken'}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('the kernel lets programs call the helpers that the table has', ({ skip }) => {
    const table = '6.18';
    if (!release().startsWith(`${table}.`)) skip(`the table is of Linux ${table}, this is ${release()}`);
    // What a kernel may be built or booted without.
    const configured = new Set(['bpf_override_return', 'bpf_probe_write_user']);
    // Another attach type of the same type may call more.
    const varies = new Set(['CGROUP_SKB', 'CGROUP_SOCK_ADDR', 'CGROUP_SOCKOPT', 'SK_SKB']);
    const wrong: string[] = [];
    for (const [name, attach] of Object.entries(LOADABLE) as [keyof typeof ProgType, number][]) {
      const ids = new Set(HELPERS_BY_PROG_TYPE[name]);
      for (const { id, name: helper } of HELPERS) {
        const insns = [makeInsn('call', { imm: id }), makeInsn('mov_k', { dst: 0, imm: 0 }), exit];
        const allowed = !/cannot use helper|unknown func/.test(refusal(ProgType[name], attach, insns) ?? '');
        const excused = configured.has(helper) || (varies.has(name) && !allowed);
        if (allowed !== ids.has(id) && !excused) wrong.push(`${name} ${helper}: ${allowed}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
