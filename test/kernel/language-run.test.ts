import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { exampleMap } from '../../src/cli/doc/maps.ts';
import { writeElf } from '../../src/elf/index.ts';
import { MAP_DOCS } from '../../src/isa/map-docs.ts';
import { loadCollection } from '../../src/kernel/index.ts';
import {
  enterNewMountNamespace,
  enterNewNetworkNamespace,
  mountBpffs,
  setLink,
  unmount,
} from '../../src/syscall/index.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks, type Need } from '../support/needs.ts';

const [BPFTOOL, IP] = ['/usr/sbin/bpftool', '/sbin/ip'];
for (const tool of [BPFTOOL, IP]) if (!existsSync(tool)) console.warn(`skipped: ${tool} is not installed`);

interface Case {
  readonly name: string;
  readonly text: string;
  /** What the first program answers. */
  readonly answer: number;
  /** libbpf refuses functions outside of `.text`. */
  readonly ours?: true;
  /** What not every kernel has. */
  readonly need?: Need;
}

const SUM_OF_PACKET = 64;

const CASES: readonly Case[] = [
  {
    name: 'variables',
    text: `
    .var const u32 limit = 300
    .var u64 total = 5
    .var u32 zeroed
    .var static char name[8] = "abc"
    .program first, "xdp"
    r1 = limit ll
    r0 = *(u32 *)(r1 + 0)
    r1 = total ll
    r2 = *(u64 *)(r1 + 0)
    r0 += r2
    r2 += 1
    *(u64 *)(r1 + 0) = r2
    r1 = zeroed ll
    r2 = *(u32 *)(r1 + 0)
    r0 += r2
    r1 = name + 1 ll
    r2 = *(u8 *)(r1 + 0)
    r0 += r2
    exit`,
    answer: 300 + 5 + 0 + 'b'.charCodeAt(0),
  },
  {
    name: 'strings',
    text: `
    .program first, "xdp"
    r1 = "n is %d\\n" ll
    r2 = sizeof("n is %d\\n")
    r3 = 1
    call bpf_trace_printk
    r1 = "A" ll
    r0 = *(u8 *)(r1 + 0)
    r1 = *(u8 *)(r1 + 1)        // the NUL
    r0 += r1
    exit`,
    answer: 65,
  },
  {
    name: 'structs',
    text: `
    .struct event { u8 kind; struct { u32 low; u64 high; } where; u16 list[3]; }
    .const SIZE = sizeof(event)
    .program first, "xdp"
    *(u64 *)(r10 - SIZE + event.where.high) = 5
    *(u16 *)(r10 - SIZE + offsetof(event.list[2])) = 7
    r0 = *(u64 *)(r10 - SIZE + event.where.high)
    r1 = *(u16 *)(r10 - SIZE + event.list + 2 * sizeof(u16))
    r0 += r1
    r0 += sizeof(event.list)
    exit`,
    answer: 5 + 7 + 6,
  },
  {
    name: 'the context',
    text: `
    .program first, "xdp"
    r2 = ctx.data
    r0 = *(u32 *)(r1 + ctx.data_end)
    r0 -= r2
    exit`,
    answer: SUM_OF_PACKET,
  },
  {
    name: 'byte order',
    text: `
    .program first, "xdp"
    *(u16 *)(r10 - 2) = be16(0x1234)
    r0 = *(u8 *)(r10 - 2)
    exit`,
    answer: 0x12,
  },
  {
    name: 'types of the kernel',
    text: `
    .struct task_struct { int tgid; struct task_struct *real_parent; u32 no_such_field; }
    .struct nobody { u32 x; }
    .enum bpf_map_type { BPF_MAP_TYPE_ARRAY = 77 }
    .program first, "xdp"
    r0 = core.exists(task_struct.tgid)
    r1 = core.exists(task_struct.no_such_field)
    r0 <<= 1
    r0 |= r1
    r1 = core.type_exists(struct nobody)
    r0 <<= 1
    r0 |= r1
    r1 = core.size(task_struct.tgid)
    r0 <<= 4
    r0 |= r1
    r1 = core.enum_value(bpf_map_type.BPF_MAP_TYPE_ARRAY) ll
    r0 <<= 8
    r0 |= r1
    exit`,
    answer: (4 << 12) | (4 << 8) | 2,
  },
  {
    name: 'maps in maps',
    text: `
    .map template, array, key=u32, value=u64, entries=1
    .map outer, array_of_maps, inner=template, entries=2
    .entry 1, template
    .program first, "xdp"
    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = outer ll
    call bpf_map_lookup_elem
    if r0 == 0 goto none
    *(u32 *)(r10 - 4) = 0
    r1 = r0
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto none
    *(u64 *)(r0 + 0) = 1
    r0 = 7
    exit
none:
    r0 = 0
    exit`,
    answer: 7,
  },
  {
    name: 'loop, tail_call and macros',
    text: `
    .map jumps, prog_array, entries=2
    .entry 1, second
    .macro slot name, size=8
    .set \\name, -\\size
    *(u64 *)(r10 + \\name) = 0
    .endm
    .program first, "xdp"
    r6 = r1
    slot SUM
    r7 = r10
    r7 += SUM
    loop 10, add, r7
    r1 = *(u64 *)(r10 + SUM)
    if r1 != 45 goto wrong
    .rept 2; r1 += 1; .endr
    tail_call r6, jumps, 1
wrong:
    r0 = 0
    exit
    .program second, "xdp"
    r0 = 9
    exit
    .function static long add(u32 index, u64 *sum)
    r3 = *(u64 *)(r2 + 0)
    r3 += r1
    *(u64 *)(r2 + 0) = r3
    r0 = 0
    exit`,
    answer: 9,
  },
  {
    name: 'functions, one checked by its prototype',
    text: `
    .struct pair { u32 a; u32 b; }
    .program first, "xdp"
    *(u32 *)(r10 - 8 + pair.a) = 3
    *(u32 *)(r10 - 8 + pair.b) = 4
    r1 = r10
    r1 += -8
    call sum
    r1 = r0
    call half
    exit
    .function int sum(struct pair *p), linkage=global
    r0 = 0
    if r1 == 0 goto out
    r0 = *(u32 *)(r1 + pair.a)
    r1 = *(u32 *)(r1 + pair.b)
    r0 += r1
out:
    exit
    .function half
    r0 = r1
    r0 >>= 1
    exit`,
    answer: 3,
  },
  {
    name: 'a function of the kernel',
    text: `
    .extern void bpf_rcu_read_lock(void)
    .program first, "tc"
    call bpf_rcu_read_lock
    call bpf_rcu_read_unlock
    r0 = 3
    exit`,
    answer: 3,
    need: 'rcu kfuncs',
  },
  {
    name: 'a label that is called',
    text: `
    .program first, "xdp"
    r1 = 5
    call sub
    exit
sub:
    r0 = r1
    r0 += 1
    exit`,
    answer: 6,
    ours: true,
  },
  {
    name: 'calls by distance',
    text: `
    .program first, "xdp"
    r1 = 5
    call pc+2
    r0 += 1
    exit
    r1 += 1
    call local +1
    exit
    r0 = r1
    r0 *= 2
    exit`,
    answer: 13,
    ours: true,
  },
  {
    name: 'a label as a callback',
    text: `
    .program first, "xdp"
    loop 4, .Lcallback
    exit
.Lcallback:
    r0 = 0
    exit`,
    answer: 4,
    ours: true,
  },
  {
    name: 'labels in two programs of a section, typed or called by the other',
    text: `
    .program first, "xdp"
    call sub
    r6 = r0
    call other
    r0 += r6
    exit
    .type sub,@function
sub:
    r0 = 2
    exit
    .program second, "xdp"
    call other
    exit
other:
    r0 = 40
    exit`,
    answer: 42,
    ours: true,
  },
];

const bytesOf = (text: string): Uint8Array =>
  writeElf(assembleOrThrow({ name: 'prog.s', text: `    .license "GPL"\n${text}\n` }).object);

describeKernel('programs in the language', () => {
  let directory = '';
  let bpffs = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsbpf-run-'));
    bpffs = mkdtempSync(join(tmpdir(), 'tsbpf-run-fs-'));
    enterNewMountNamespace();
    mountBpffs(bpffs);
    // iproute2 makes folders in the one that it finds: let that be one that goes with this process.
    mountBpffs('/sys/fs/bpf');
    enterNewNetworkNamespace();
    setLink('lo', { up: true });
  });
  afterAll(() => {
    unmount(bpffs);
    rmdirSync(bpffs);
    rmSync(directory, { recursive: true });
  });
  const tool = (path: string, ...args: string[]): string =>
    execFileSync(path, args, { encoding: 'utf8', stdio: 'pipe' });
  const written = (text: string): string => {
    const path = join(directory, 'x.o');
    writeFileSync(path, bytesOf(text));
    return path;
  };

  describe.each(CASES.filter(({ need }) => !need || !lacks(need)))('$name', ({ text, answer, ours }) => {
    test('loads, with its types, and runs', () => {
      using collection = loadCollection(bytesOf(text));
      const program = collection.program('first');
      expect(program.testRun({ data: new Uint8Array(SUM_OF_PACKET) }).retval).toBe(answer);
      expect(program.info().btfId).toBeGreaterThan(0);
    });

    test.skipIf(!existsSync(BPFTOOL))('is what bpftool loads and shows with its lines', () => {
      using collection = loadCollection(bytesOf(text));
      const { id } = collection.program('first');
      const shown = tool(BPFTOOL, 'prog', 'dump', 'xlated', 'id', `${id}`, 'linum');
      expect(shown).toMatch(/^; \S.* \[file:prog\.s line_num:\d+ line_col:\d+\]$/m);
      if (ours) return;
      const packet = join(directory, 'packet');
      writeFileSync(packet, new Uint8Array(SUM_OF_PACKET));
      try {
        tool(BPFTOOL, 'prog', 'loadall', written(text), `${bpffs}/p`, 'pinmaps', `${bpffs}/m`);
        const run = ['--json', 'prog', 'run', 'pinned', `${bpffs}/p/first`, 'data_in', packet];
        expect(JSON.parse(tool(BPFTOOL, ...run)).retval).toBe(answer);
      } finally {
        for (const pins of ['p', 'm']) rmSync(`${bpffs}/${pins}`, { recursive: true, force: true });
      }
    });
  });

  // What iproute2's libbpf takes; it loads one program, so that a prog array cannot be filled with others.
  const forIproute = CASES.filter(
    ({ ours, text }) => !ours && text.includes('"xdp"') && !text.includes('prog_array'),
  );
  test.skipIf(!existsSync(IP)).each(forIproute)('$name is what iproute2 attaches', ({ text }) => {
    try {
      tool(IP, 'link', 'set', 'dev', 'lo', 'xdpgeneric', 'obj', written(text), 'sec', 'xdp');
      expect(tool(IP, 'link', 'show', 'dev', 'lo')).toMatch(/xdpgeneric.*prog\/xdp id \d+/s);
    } finally {
      tool(IP, 'link', 'set', 'dev', 'lo', 'xdpgeneric', 'off');
    }
  });

  test('the verifier quotes the line that it refuses, that of a use where a macro is at fault', () => {
    const refusal = (text: string): string => errorOf(() => loadCollection(bytesOf(text))).message;
    const read = '    r0 = *(u64 *)(r2 + 0)      # of nothing';
    expect(refusal(`    .program bad, "xdp"\n    r2 = 0\n${read}\n    exit`)).toMatchInlineSnapshot(`
      "the verifier rejected program 'bad': R2 invalid mem access 'scalar' (EACCES)
        source: r0 = *(u64 *)(r2 + 0)      # of nothing @ prog.s:4
        at slot 1: (79) r0 = *(u64 *)(r2 +0)
        state: R2=0"
    `);
    expect(
      refusal(
        `    .macro read to\n${read.replace('r0', '\\to')}\n    .endm\n    .program bad, "xdp"\n    r2 = 0\n    read r0\n    exit`,
      ),
    ).toMatchInlineSnapshot(`
      "the verifier rejected program 'bad': R2 invalid mem access 'scalar' (EACCES)
        source: read r0 @ prog.s:7
        at slot 1: (79) r0 = *(u64 *)(r2 +0)
        state: R2=0"
    `);
  });

  test.skipIf(!existsSync(BPFTOOL))('each line is shown before what became of it', () => {
    using collection = loadCollection(
      bytesOf(
        '    .macro twice reg\n    \\reg += \\reg\n    .endm\n    .program first, "xdp"\n    r0 = 1; r0 += 1\n    twice r0 # again\n    if r0 == 5 goto out\n    twice r0\nout:\n    exit',
      ),
    );
    const { id } = collection.program('first');
    expect(tool(BPFTOOL, 'prog', 'dump', 'xlated', 'id', `${id}`, 'linum')).toMatchInlineSnapshot(`
      "int first(struct xdp_md * ctx):
      ; r0 = 1; r0 += 1 [file:prog.s line_num:6 line_col:5]
         0: (b7) r0 = 1
         1: (07) r0 += 1
      ; twice r0 # again [file:prog.s line_num:7 line_col:5]
         2: (0f) r0 += r0
      ; if r0 == 5 goto out [file:prog.s line_num:8 line_col:5]
         3: (15) if r0 == 0x5 goto pc+1
      ; twice r0 [file:prog.s line_num:9 line_col:5]
         4: (0f) r0 += r0
      ; exit [file:prog.s line_num:11 line_col:5]
         5: (95) exit
      "
    `);
  });
});

/** What is declared for a scheduler or the like is of the kernel's own types. */
const MAP_NAMES = (Object.keys(MAP_DOCS) as (keyof typeof MAP_DOCS)[]).filter(
  (name) =>
    name !== 'STRUCT_OPS' &&
    (name !== 'CGRP_STORAGE' || !lacks('cgrp_storage')) &&
    (name !== 'ARENA' || !lacks('arena')),
);

describeKernel('maps in the language', () => {
  test.each(MAP_NAMES)('%s is created as declared', (name) => {
    using collection = loadCollection(
      bytesOf(`${exampleMap(name as never)}\n.program first, "xdp"\nr0 = 0\nexit`),
    );
    expect(collection.map('my_map').typeName).toBe(name.toLowerCase());
  });

  test('they keep the types of their keys and values', () => {
    using collection = loadCollection(
      bytesOf(`
    .struct event { u32 pid; char comm[16]; }
    .map seen, hash, key=u32, value=struct event, entries=4
    .program first, "xdp"
    r0 = 0
    exit`),
    );
    const map = collection.map('seen');
    const value = new Uint8Array(20);
    value.set([7, 0, 0, 0, 0x61, 0x62]);
    map.set(5, value);
    const dump = execFileSync(BPFTOOL, ['map', 'dump', 'id', `${map.info().id}`], { encoding: 'utf8' });
    expect(JSON.parse(dump)).toMatchInlineSnapshot(`
      [
        {
          "key": 5,
          "value": {
            "comm": "ab",
            "pid": 7,
          },
        },
      ]
    `);
  });
});
