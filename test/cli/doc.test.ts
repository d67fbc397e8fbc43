import { afterEach, describe, expect, test, vi } from 'vitest';
import { assemble } from '../../src/asm/assemble/assemble.ts';
import { type DocOptions, doc } from '../../src/cli/commands/doc.ts';
import { encodingDiagram } from '../../src/cli/doc/encoding.ts';
import { exampleText } from '../../src/cli/doc/insns.ts';
import { exampleMap } from '../../src/cli/doc/maps.ts';
import { KINDS } from '../../src/cli/doc/page.ts';
import { wrap } from '../../src/cli/doc/render-text.ts';
import { allShelves } from '../../src/cli/doc/shelves.ts';
import { main } from '../../src/cli/program.ts';
import { decodeInsns } from '../../src/isa/codec.ts';
import { findInsn, INSN_TABLE } from '../../src/isa/insn-table.ts';
import { MAP_DOCS } from '../../src/isa/map-docs.ts';

afterEach(() => vi.restoreAllMocks());

/** What `tsbpf doc WORDS` prints, without colours. */
async function shown(words: string, options: DocOptions = {}): Promise<string> {
  vi.stubEnv('FORCE_COLOR', '');
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    await doc(words === '' ? [] : words.split(' '), options);
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
  return out;
}

const names = (text: string): string[] =>
  [
    ...text.matchAll(/^(\S+) {2}(?:helper|instruction|map type|program type|directive|kfunc|constant)$/gm),
  ].map((match) => match[1]!);

describe('tsbpf doc', () => {
  test('alone lists the kinds', async () => {
    expect(await shown('')).toMatch(/^tsbpf doc KIND lists all/);
    expect(
      JSON.parse(await shown('', { json: true })).kinds.map(({ kind }: { kind: string }) => kind),
    ).toEqual([...KINDS]);
  });

  test('a kind lists its names', async () => {
    const text = await shown('helper');
    expect(text.split('\n').filter((line) => line.startsWith('bpf_'))).toHaveLength(211);
    expect(await shown('map', { json: true })).toContain('"name": "prog_array"');
  });

  test('a helper', async () => {
    expect(await shown('helper tail_call')).toMatchInlineSnapshot(`
      "bpf_tail_call  helper

          long bpf_tail_call(void *ctx, void *prog_array_map, __u32 index);

      Goes on in the program that a slot of a prog array holds and does not come back;
      falls through if the slot is empty.

      number    12, BPF_FUNC_tail_call
      Linux     4.2
      licence   any
      programs  all
      maps      prog_array
      "
    `);
    expect(await shown('bpf_tail_call')).toBe(await shown('helper tail_call'));
  });

  test('an instruction, by its text', async () => {
    expect(await shown('insn r1 += r2')).toMatchInlineSnapshot(`
      "add_x  instruction

          r1 += r2

      Adds (two registers).

          dst = dst + src

            byte 0        1          2..3   4..7
          ┌─────────────┬──────────┬──────┬──────┐
          │ opcode 0x0f │ src  dst │ 0    │ 0    │
          └─────────────┴──────────┴──────┴──────┘
            0000 1 111
            │    │ └── class ALU64
            │    └──── source X: a register
            └───────── operation ADD

      bytes            0f 21 00 00 00 00 00 00
      mnemonic         add
      instruction set  v1, the first
      Linux            3.18
      RFC 9669         section 4.1
      "
    `);
  });

  test('a map type', async () => {
    expect(await shown('map BPF_MAP_TYPE_PROG_ARRAY')).toMatchInlineSnapshot(`
      "prog_array  map type

      Programs to go on in with bpf_tail_call. User space fills it; it is emptied when
      user space holds neither descriptor nor pin of it.

          .map my_map, prog_array, entries=64

      number   3, BPF_MAP_TYPE_PROG_ARRAY
      keys     a number from 0, 4 bytes
      values   a program: its descriptor when written, its id when read, 4 bytes
      entries  the number of slots
      helpers  bpf_tail_call
      Linux    4.2
      "
    `);
  });

  test('a program type, by the section of its programs', async () => {
    expect(await shown('prog cgroup_skb/egress')).toMatch(/^cgroup_skb {2}program type/);
    expect(await shown('xdp')).toMatchInlineSnapshot(`
      "xdp  program type

      Runs on every frame that a network driver receives, before the kernel makes a
      packet of it.

      number        6, BPF_PROG_TYPE_XDP
      context (r1)  struct xdp_md *
      sections      xdp, xdp.frags, xdp/devmap, xdp_devmap, xdp.frags/devmap,
                    xdp/cpumap, xdp_cpumap, xdp.frags/cpumap
      Linux         4.8
      helpers       104 of 211

      Returns
        value  name          meaning
        0      XDP_ABORTED   drop the frame and report an error to the tracepoint
                             xdp:xdp_exception
        1      XDP_DROP      drop the frame
        2      XDP_PASS      hand the frame to the network stack
        3      XDP_TX        send the frame out of the interface that it came in by
        4      XDP_REDIRECT  send the frame where bpf_redirect or bpf_redirect_map
                             said
        other                dropped like XDP_ABORTED, with a warning in the kernel
                             log

      Fields of struct xdp_md
        offset  bytes  field
        0       4      data
        4       4      data_end
        8       4      data_meta
        12      4      ingress_ifindex
        16      4      rx_queue_index
        20      4      egress_ifindex
      "
    `);
  });

  test('a directive', async () => {
    expect(await shown('directive entry')).toMatchInlineSnapshot(`
      ".entry  directive

          .entry SLOT, PROGRAM

      Fills a slot of the prog array above it when that is loaded.

      origin  only here
      "
    `);
  });

  test('a kfunc, its prototype broken at the width', async () => {
    expect(await shown('bpf_rbtree_add_impl')).toMatchInlineSnapshot(`
      "bpf_rbtree_add_impl  kfunc

          extern int bpf_rbtree_add_impl(struct bpf_rb_root *root,
              struct bpf_rb_node *node, bool (*less)(struct bpf_rb_node *,
              const struct bpf_rb_node *), void *meta__ign, u64 off) __ksym;

      Linux     6.4
      programs  tracing, tracepoint, perf_event, lsm, sched_cls, xdp, struct_ops
      "
    `);
  });

  test('a constant', async () => {
    expect(await shown('XDP_PASS')).toMatchInlineSnapshot(`
      "XDP_PASS  constant

          XDP_PASS = 2 (0x2)

      returned by xdp  hand the frame to the network stack
      "
    `);
    expect(await shown('TCX_DROP')).toContain('drop the packet');
    expect(await shown('BPF_F_NO_PREALLOC')).toContain('BPF_F_NO_PREALLOC = 1 (0x1)');
  });

  test('Markdown', async () => {
    expect(await shown('map ringbuf', { markdown: true })).toMatchInlineSnapshot(`
      "# ringbuf

      A buffer of records from programs to user space, one for all CPUs, in order.

      \`\`\`asm
      .map my_map, ringbuf, entries=4096
      \`\`\`

      - number: 27, BPF_MAP_TYPE_RINGBUF
      - keys: none
      - values: none
      - entries: its size in bytes: a power of two, and whole pages
      - helpers: bpf_ringbuf_output, bpf_ringbuf_reserve, bpf_ringbuf_submit, bpf_ringbuf_discard, bpf_ringbuf_query, bpf_ringbuf_reserve_dynptr, bpf_ringbuf_submit_dynptr, bpf_ringbuf_discard_dynptr
      - Linux: 5.8
      "
    `);
  });

  test.each([
    ['insn add', ['add_k', 'add_x']],
    ['insn add_k', ['add_k']],
    ['insn 0x0f', ['add_x']],
    ['insn 0xdb', INSN_TABLE.filter(({ opcode }) => opcode === 0xdb).map(({ name }) => name)],
    ['insn MOVSX8', ['movsx8']],
    ['r1 = 5 ll', ['lddw']],
    ['BPF_FUNC_loop', ['bpf_loop']],
    ['BPF_PROG_TYPE_XDP', ['xdp']],
    ['map cgroup_storage_deprecated', ['cgroup_storage']],
    ['struct_ops', ['struct_ops', 'struct_ops']],
    ['rcu_read_lock', ['bpf_rcu_read_lock']],
    ['.text', ['.text']],
  ])('%s finds %j', async (words, found) => {
    expect(names(await shown(words))).toEqual(found);
  });

  test('--json has the facts', async () => {
    const { version, pages } = JSON.parse(await shown('insn exit', { json: true }));
    expect({ version, page: pages[0] }).toMatchInlineSnapshot(`
      {
        "page": {
          "class": "JMP",
          "fields": {
            "dst": 0,
            "imm": 0,
            "off": 0,
            "src": 0,
          },
          "isa": "v1",
          "kind": "insn",
          "mnemonic": "exit",
          "name": "exit",
          "opcode": 149,
          "pseudocode": "return r0",
          "rfc9669": "4.3",
          "since": "3.18",
          "slots": 1,
          "summary": "Ends the function, or the program; r0 is what it returns.",
          "syntax": "exit",
        },
        "version": 1,
      }
    `);
  });

  test('what is not found is told, with what was meant', async () => {
    const told: string[] = [];
    for (const words of [
      'helper bpf_tail_cal',
      'XDP_PAS',
      'zzzzzzzz',
      'prog cgrup_skb',
      'insn movsx9',
      'directive .mapp',
    ])
      told.push(await shown(words).catch(({ code, message, hint }) => `${code}: ${message} | ${hint}`));
    expect(told.join('\n')).toMatchInlineSnapshot(`
      "UNKNOWN_NAME: there is no helper named 'bpf_tail_cal' | did you mean 'bpf_tail_call'?
      UNKNOWN_NAME: there is nothing named 'XDP_PAS' | did you mean 'XDP_PASS'?
      UNKNOWN_NAME: there is nothing named 'zzzzzzzz' | 'tsbpf doc' lists what there is
      UNKNOWN_NAME: there is no program type named 'cgrup_skb' | did you mean 'cgroup_skb'?
      UNKNOWN_NAME: there is no instruction named 'movsx9' | did you mean 'movsx8'?
      UNKNOWN_NAME: there is no directive named '.mapp' | did you mean '.map'?"
    `);
  });

  test('an instruction that is none is told as the assembler tells it', async () => {
    await expect(shown('insn r1 += r11')).rejects.toThrow("there is no register 'r11'");
  });
});

test('a name that is not there ends the command with 1', async () => {
  vi.stubEnv('NO_COLOR', '1');
  let told = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told += String(text);
    return true;
  });
  const exitCode = await main(['doc', 'helper', 'tail_cal'], '0');
  vi.unstubAllEnvs();
  expect({ exitCode, told }).toMatchInlineSnapshot(`
    {
      "exitCode": 1,
      "told": "error[UNKNOWN_NAME]: there is no helper named 'tail_cal'
    help: did you mean 'tail_call'?
    ",
    }
  `);
});

describe('what pages are made of', () => {
  test('every name of a list is found, and its page has the name', async () => {
    for (const shelf of await allShelves()) {
      const lost = shelf.list().filter(({ name }) => !shelf.find(name).some((page) => page.name === name));
      // A constant that stands for a helper or a type has that one's page.
      if (shelf.kind === 'constant') expect(lost.every(({ name }) => shelf.find(name).length > 0)).toBe(true);
      else expect(lost).toEqual([]);
    }
  });

  test('no instruction or kfunc has a name that something else has', async () => {
    const shelves = await allShelves();
    const late = shelves.filter(({ kind }) => kind === 'insn' || kind === 'kfunc');
    for (const name of late.flatMap((shelf) => [...shelf.spellings()]))
      expect(shelves.filter((shelf) => shelf.find(name).length > 0).map(({ kind }) => kind)).toHaveLength(1);
  });

  test('the example of every instruction is read as that instruction', () => {
    // Names of a map, a function or a kfunc make rows that only a loader fills.
    const plain = INSN_TABLE.filter(({ kind, name }) => kind !== 'lddw' && !/^call_/.test(name));
    const wrong = plain.filter((def) => {
      const { object } = assemble(`${exampleText(def)}\n`);
      const code = object?.sections.find(({ name }) => name === '.text')?.bytes;
      return !code || decodeInsns(code)[0]?.def !== def;
    });
    expect(wrong.map(exampleText)).toEqual([]);
  });

  test('the assembler takes the example of every map type', () => {
    const types = Object.keys(MAP_DOCS) as (keyof typeof MAP_DOCS)[];
    const refused = types.filter((type) => assemble(`${exampleMap(type)}\n`).object === undefined);
    expect(refused).toEqual([]);
  });

  test('the bits of the opcode in a diagram are those of the table', () => {
    for (const def of INSN_TABLE) {
      const line = encodingDiagram(def)
        .split('\n')
        .find((text) => /^ {2}[01]{3,4} [01]{1,2} [01]{3}$/.test(text))!;
      expect(Number.parseInt(line.replaceAll(' ', ''), 2)).toBe(def.opcode);
    }
    expect(encodingDiagram(findInsn('lddw')!)).toMatchInlineSnapshot(`
      "  byte 0        1          2..3   4..7
      ┌─────────────┬──────────┬──────┬──────┐
      │ opcode 0x18 │ 0    dst │ 0    │ imm  │
      └─────────────┴──────────┴──────┴──────┘
        byte 8   9   10..11   12..15
      ┌────────┬───┬────────┬──────────┐
      │ 0      │ 0 │ 0      │ next_imm │
      └────────┴───┴────────┴──────────┘
        000 11 000
        │   │  └── class LD
        │   └───── size DW: 8 bytes
        └───────── mode IMM"
    `);
  });

  test('text is broken between words', () => {
    expect(wrap('one two three', 7)).toBe('one two\nthree');
    expect(wrap('one two three', 7, 2)).toBe('one two\n  three');
    expect(wrap('unbreakable', 4)).toBe('unbreakable');
  });
});
