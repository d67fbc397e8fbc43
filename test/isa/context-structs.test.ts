import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseElf } from '../../src/elf/index.ts';
import { CONTEXT_OF_PROG_TYPE, CONTEXT_STRUCTS } from '../../src/isa/context-structs.generated.ts';
import { ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { testWith } from '../asm/tools.ts';
import { bpftool, hasKernelBtf, withFolder } from '../btf/tools.ts';

interface Row {
  readonly kind: 'struct' | 'union';
  readonly size: number;
  readonly align: number;
  readonly fields: Readonly<Record<string, readonly [number, number, string, number?, number?]>>;
}
const structs: readonly (readonly [string, Row])[] = Object.entries(CONTEXT_STRUCTS);

/** Where Debian keeps <asm/types.h>. */
const flags = ['-target', 'bpfel', '-w', '-idirafter', '/usr/include/x86_64-linux-gnu'];

/** A number of the table, and how C asks for it. */
interface Question {
  readonly what: string;
  readonly c: string;
  readonly value: number;
}

function questions(): Question[] {
  return structs.flatMap(([name, row]): Question[] => {
    const type = `${row.kind} ${name}`;
    const fields = Object.entries(row.fields).flatMap(([field, [offset, size, , bitOffset]]): Question[] =>
      bitOffset !== undefined
        ? []
        : [
            { what: `${name}.${field}: offset`, c: `__builtin_offsetof(${type}, ${field})`, value: offset },
            { what: `${name}.${field}: size`, c: `sizeof(((${type} *)0)->${field})`, value: size },
          ],
    );
    return [
      { what: `${name}: size`, c: `sizeof(${type})`, value: row.size },
      { what: `${name}: align`, c: `_Alignof(${type})`, value: row.align },
      ...fields,
    ];
  });
}

/** The questions that a header can answer, with the compiler's answers. */
function answers(header: string, asked: readonly Question[]): ReadonlyMap<Question, number> {
  return withFolder((folder) => {
    const [source, object] = [join(folder, 'in.c'), join(folder, 'out.o')];
    const write = (list: readonly Question[]): void =>
      writeFileSync(
        source,
        `${header}\nlong answers[] = {\n${list.map(({ c }) => `(long)${c},`).join('\n')}\n};\n`,
      );
    write(asked);
    const firstLine = header.split('\n').length + 2;
    const check = spawnSync('clang-19', [...flags, '-fsyntax-only', '-ferror-limit=0', source], {
      encoding: 'utf8',
    });
    const refused = new Set(
      [...check.stderr.matchAll(/in\.c:(\d+):\d+: error/g)].map((match) => Number(match[1]) - firstLine),
    );
    const known = asked.filter((_, index) => !refused.has(index));
    write(known);
    execFileSync('clang-19', [...flags, '-c', source, '-o', object]);
    const { bytes } = parseElf(new Uint8Array(readFileSync(object))).sections.find(
      ({ name }) => name === '.data',
    )!;
    const view = new DataView(bytes!.buffer, bytes!.byteOffset);
    return new Map(known.map((question, index) => [question, Number(view.getBigInt64(index * 8, true))]));
  });
}

function differences(found: ReadonlyMap<Question, number>): string[] {
  return [...found]
    .filter(([{ value }, answer]) => value !== answer)
    .map(([{ what, value }, answer]) => `${what}: ${value}, but C says ${answer}`);
}

/** With clang, where the kernel tells its types; says why where it does not run. */
function testOnKernelBtf(name: string, body: () => void): void {
  if (!hasKernelBtf) console.warn('skipped: this kernel does not tell its types (/sys/kernel/btf/vmlinux)');
  (hasKernelBtf ? testWith('clang-19') : test.skip)(name, body);
}

describe('the table of context structs', () => {
  testWith('clang-19')('agrees with <linux/bpf.h> about all that it knows', () => {
    const found = answers('#include <linux/bpf.h>', questions());
    // The header is some versions older: a struct that has grown since ends earlier there.
    const known = new Set([...found.keys()].map(({ what }) => what));
    const missing = questions().filter(({ what }) => !known.has(what));
    const grown = new Set(missing.map(({ what }) => what.split(/[.:]/)[0]));
    expect(found.size).toBeGreaterThan(500);
    expect(differences(found).filter((line) => !grown.has(/^(\w+): size/.exec(line)?.[1]))).toEqual([]);
  });

  testOnKernelBtf('agrees with the running kernel', () => {
    const header = execFileSync(bpftool, ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    const found = answers(header, questions());
    expect(found.size).toBe(questions().length);
    expect(differences(found)).toEqual([]);
  });

  test('says what each program type is given', () => {
    const names = Object.entries(ProgType).flatMap(([name, type]) => {
      const context = (CONTEXT_OF_PROG_TYPE as Readonly<Record<number, string>>)[type];
      return context === undefined ? [] : [`${name} ${context}`];
    });
    expect(names).toMatchInlineSnapshot(`
      [
        "SOCKET_FILTER __sk_buff",
        "KPROBE pt_regs",
        "SCHED_CLS __sk_buff",
        "SCHED_ACT __sk_buff",
        "XDP xdp_md",
        "PERF_EVENT bpf_perf_event_data",
        "CGROUP_SKB __sk_buff",
        "CGROUP_SOCK bpf_sock",
        "LWT_IN __sk_buff",
        "LWT_OUT __sk_buff",
        "LWT_XMIT __sk_buff",
        "SOCK_OPS bpf_sock_ops",
        "SK_SKB __sk_buff",
        "CGROUP_DEVICE bpf_cgroup_dev_ctx",
        "SK_MSG sk_msg_md",
        "RAW_TRACEPOINT bpf_raw_tracepoint_args",
        "CGROUP_SOCK_ADDR bpf_sock_addr",
        "LWT_SEG6LOCAL __sk_buff",
        "SK_REUSEPORT sk_reuseport_md",
        "FLOW_DISSECTOR __sk_buff",
        "CGROUP_SYSCTL bpf_sysctl",
        "RAW_TRACEPOINT_WRITABLE bpf_raw_tracepoint_args",
        "CGROUP_SOCKOPT bpf_sockopt",
        "SK_LOOKUP bpf_sk_lookup",
        "NETFILTER bpf_nf_ctx",
      ]
    `);
  });

  test('holds every struct that it speaks of by value', () => {
    const named = structs.flatMap(([, { fields }]) =>
      Object.values(fields).flatMap(([, , type]) => /^(?:struct|union) (\w+)(?:\[|$)/.exec(type)?.[1] ?? []),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !(name in CONTEXT_STRUCTS))).toEqual([]);
  });

  test('can be completed by name', () => {
    const field: keyof (typeof CONTEXT_STRUCTS)['xdp_md']['fields'] = 'data_end';
    expect(CONTEXT_STRUCTS.xdp_md.fields[field]).toEqual([4, 4, '__u32']);
    const context: 'xdp_md' = CONTEXT_OF_PROG_TYPE[ProgType.XDP];
    expect(context).toBe('xdp_md');
  });
});
