import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Btf } from '../../src/btf/btf.ts';
import { parseBtf } from '../../src/btf/index.ts';

/** Where a member lies, in bytes. */
export interface Place {
  readonly offset: number;
  readonly size: number;
}

/** Members as C writes them: `union bpf_attr` `link_create.target_fd`. */
export interface Member {
  readonly type: string;
  readonly path: string;
}

/** Answers for those members that it knows. */
export type Witness = (member: Member) => Place | undefined;

export const keyOf = ({ type, path }: Member): string => `${type} ${path}`;

const VMLINUX = '/sys/kernel/btf/vmlinux';
const GCC = '/usr/bin/gcc';
const HEADERS = [
  'linux/bpf.h',
  'linux/perf_event.h',
  'linux/netlink.h',
  'linux/rtnetlink.h',
  'linux/if_packet.h',
  'sys/epoll.h',
  'sys/resource.h',
];

/** The types of the running kernel; undefined where it does not show them. */
export function kernelWitness(): Witness | undefined {
  if (!existsSync(VMLINUX)) return undefined;
  const btf = parseBtf(readFileSync(VMLINUX));
  return ({ type, path }) => {
    const [kind, name] = type.split(' ');
    const id = btf.findByName(name!, kind as 'struct' | 'union');
    return id === undefined ? undefined : placeIn(btf, id, path.split('.'), 0);
  };
}

function placeIn(btf: Btf, id: number, [name, ...rest]: readonly string[], base: number): Place | undefined {
  const type = btf.type(strip(btf, id));
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  for (const member of type.members) {
    const offset = base + member.offsetBits / 8;
    if (member.name === name)
      return rest.length === 0
        ? { offset, size: btf.sizeOf(member.type)! }
        : placeIn(btf, member.type, rest, offset);
    const within = member.name === '' ? placeIn(btf, member.type, [name!, ...rest], offset) : undefined;
    if (within) return within;
  }
  return undefined;
}

function strip(btf: Btf, id: number): number {
  const type = btf.type(id);
  return ['typedef', 'const', 'volatile', 'type_tag'].includes(type.kind) && 'type' in type
    ? strip(btf, type.type as number)
    : id;
}

/** What a compiler makes of the installed headers, which are older than the kernel; undefined without one. */
export function compilerWitness(members: readonly Member[]): Witness | undefined {
  if (!existsSync(GCC)) return undefined;
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-uapi-'));
  try {
    const source = join(dir, 'offsets.c');
    const program = join(dir, 'offsets');
    let known = members;
    for (;;) {
      writeFileSync(source, sourceOf(known));
      const { status, stderr } = spawnSync(GCC, ['-w', '-o', program, source], { encoding: 'utf8' });
      if (status === 0) break;
      const unknown = new Set([...stderr.matchAll(/offsets\.c:(\d+):/g)].map(([, line]) => Number(line)));
      const left = known.filter((_, index) => !unknown.has(index + FIRST_LINE));
      if (left.length === known.length) throw new Error(stderr);
      known = left;
    }
    const lines = execFileSync(program, { encoding: 'utf8' }).trim().split('\n');
    const places = new Map(
      lines.map((line, index) => {
        const [offset = 0, size = 0] = line.split(' ').map(Number);
        return [keyOf(known[index]!), { offset, size }];
      }),
    );
    return (member) => places.get(keyOf(member));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const HEAD = [
  '#include <stddef.h>',
  '#include <stdio.h>',
  ...HEADERS.map((name) => `#include <${name}>`),
  'int main(void) {',
];
const FIRST_LINE = HEAD.length + 1;

function sourceOf(members: readonly Member[]): string {
  const lines = members.map(
    ({ type, path }) => `printf("%zu %zu\\n", offsetof(${type}, ${path}), sizeof(((${type} *)0)->${path}));`,
  );
  return [...HEAD, ...lines, 'return 0; }', ''].join('\n');
}

const CONSTANT_HEADERS = [
  ...HEADERS,
  'linux/pkt_cls.h',
  'linux/pkt_sched.h',
  'linux/if_link.h',
  'linux/if_ether.h',
  'linux/veth.h',
  'linux/net_namespace.h',
  'arpa/inet.h',
  'sys/socket.h',
  'sys/mman.h',
  'sys/mount.h',
  'fcntl.h',
  'sched.h',
];

/** What C expressions come to, by their text; undefined without a compiler. */
export function constantWitness(expressions: readonly string[]): ReadonlyMap<string, number> | undefined {
  if (!existsSync(GCC)) return undefined;
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-uapi-'));
  try {
    const text = [
      '#define _GNU_SOURCE',
      '#include <stdio.h>',
      ...CONSTANT_HEADERS.map((name) => `#include <${name}>`),
      'int main(void) {',
      ...expressions.map((expression) => `printf("%lld\\n", (long long)(${expression}));`),
      'return 0; }',
      '',
    ].join('\n');
    writeFileSync(join(dir, 'constants.c'), text);
    execFileSync(GCC, ['-w', '-o', join(dir, 'constants'), join(dir, 'constants.c')]);
    const lines = execFileSync(join(dir, 'constants'), { encoding: 'utf8' }).trim().split('\n');
    return new Map(expressions.map((expression, index) => [expression, Number(lines[index])]));
  } finally {
    rmSync(dir, { recursive: true });
  }
}
