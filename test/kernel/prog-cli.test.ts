import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assemble, rawCode } from '../../src/asm/index.ts';
import { decodeInsns, ProgType } from '../../src/isa/index.ts';
import {
  loadCollection,
  objectOwners,
  Program,
  programDump,
  RunStats,
  xlatedLines,
  xlatedText,
} from '../../src/kernel/index.ts';
import { xlatedInsn } from '../../src/kernel/inspect/xlated-insn.ts';
import { logText, tryProgLoad } from '../../src/syscall/bpf-prog.ts';
import { toHex } from '../../src/util/index.ts';
import { returns } from '../support/bpf-code.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

const BPFTOOL = '/usr/sbin/bpftool';
const hasBpftool = existsSync(BPFTOOL);
const root = join(import.meta.dirname, '..', '..');
const bpftool = (...args: string[]): string => spawnSync(BPFTOOL, args, { encoding: 'utf8' }).stdout;
const objectFile = (name: string): Uint8Array => new Uint8Array(readFileSync(join(root, 'bpf', name)));

/** Newer kernels take the address of a per-CPU value with a move that Debian's bpftool shows as a plain one. */
const asDebianHasIt = (text: string): string =>
  text.replaceAll(/r(\d) = &\(void __percpu \*\)\(r(\d)\)/g, 'r$1 = r$2');

/** Debian's bpftool leaves the backslashes of sources as they are in JSON, which then mean something else. */
const unescaped = (text: string | undefined): string | undefined =>
  text?.startsWith('asm volatile') ? 'asm' : text;

const KINDS = `
        .program kinds, "socket"
        r6 = r1
        r0 = *(u8 *)skb[0]
        r1 = 3
        r0 = *(u16 *)skb[r1 + 2]
        r1 = 3
        r1 = be16 r1
        r1 = bswap32 r1
        w1 = -w1
        r1 = (s8)r1
        w2 = (s16)w1
        r2 = 7
        r1 s/= r2
        w1 s%= 3
        *(u64 *)(r10 - 8) = 5
        r3 = 1
        lock *(u32 *)(r10 - 8) += r3
        r3 = atomic_fetch_or((u64 *)(r10 - 8), r3)
        r3 = xchg_64(r10 - 8, r3)
        r0 = 1
        r0 = cmpxchg_64(r10 - 8, r0, r3)
        r4 = *(s16 *)(r10 - 8)
        *(u16 *)(r10 - 8) = r4
        if w4 s> -2 goto next
        if r4 & r3 goto next
        r5 = 0x1122334455667788 ll
        r5 >>= 3
      next:
        gotol end
      end:
        r0 = 0
        exit`;

describeKernel('the commands of programs', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tsbpf-prog-cli-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test
    .skipIf(!hasBpftool)
    .each([
      'protocol_dispatch.o',
      'jump_table.o',
      'hot_swap.o',
      'drop_tcp.o',
      'forwarding_tables.o',
      'tail_call_limit.o',
      'drop_world.o',
    ])('dump what became of %s as bpftool does', (name) => {
    using collection = loadCollection(objectFile(name));
    expect(collection.programs.size).toBeGreaterThan(0);
    for (const program of collection.programs.values()) {
      const id = `${program.id}`;
      const dump = programDump(program);
      expect(asDebianHasIt(xlatedText(dump)), program.name).toBe(bpftool('prog', 'dump', 'xlated', 'id', id));
      for (const option of ['opcodes', 'linum'] as const)
        expect(asDebianHasIt(xlatedText(dump, { [option]: true })), `${program.name} ${option}`).toBe(
          bpftool('prog', 'dump', 'xlated', 'id', id, option),
        );
      const theirs = JSON.parse(bpftool('-j', 'prog', 'dump', 'xlated', 'id', id)) as {
        disasm: string;
        src?: string;
        proto?: string;
      }[];
      expect(
        xlatedLines(dump).map(({ text, source, prototype }) => [
          asDebianHasIt(text),
          unescaped(source?.text),
          prototype,
        ]),
      ).toEqual(theirs.map(({ disasm, src, proto }) => [disasm, unescaped(src), proto]));
      const file = join(folder, 'xlated');
      bpftool('prog', 'dump', 'xlated', 'id', id, 'file', file);
      expect(toHex(dump.xlated)).toBe(toHex(readFileSync(file)));
      const shown = JSON.parse(bpftool('-j', 'prog', 'show', 'id', id)) as { bytes_jited: number };
      expect(dump.jited.reduce((sum, code) => sum + code.length, 0)).toBe(shown.bytes_jited);
    }
  });

  test.skipIf(lacks('isa v4'))('write instructions of every kind as the verifier does', () => {
    const { object } = assemble({ name: 'kinds.s', text: KINDS });
    const code = rawCode(object!);
    const buffer = new Uint8Array(1 << 18);
    const { result } = tryProgLoad({
      name: 'kinds',
      type: ProgType.SOCKET_FILTER,
      code,
      license: 'GPL',
      log: { level: 2, buffer },
    });
    const log = logText(buffer);
    expect(result, log).toBeGreaterThan(0);
    closeSync(result);
    const theirs = new Map(
      [...log.matchAll(/^(\d+): (\([0-9a-f]{2}\) .*?) *(;.*)?$/gm)].map(([, slot, text]) => [
        Number(slot),
        text,
      ]),
    );
    const none = { symbol: () => undefined, subprogram: () => undefined };
    let slot = 0;
    const ours = decodeInsns(code).map((insn): [number, string] => {
      slot += insn.def.slots;
      return [slot - insn.def.slots, xlatedInsn(insn, none)];
    });
    expect(ours).toEqual([...theirs].sort(([one], [other]) => one - other));
    expect(theirs.size).toBeGreaterThan(25);
  });

  test('show what there is', () => {
    using program = Program.load({ name: 'a_long_name_15c', type: 'xdp', code: returns(2) });
    const id = `${program.id}`;
    const shown = tsbpf(['prog', 'show', id]).stdout;
    const ofDay = (text: string): string => text.replace(/loaded_at \S+/, 'loaded_at T');
    if (hasBpftool)
      expect(ofDay(shown).replace(/\n\tpids .*/, '')).toBe(ofDay(bpftool('-f', 'prog', 'show', 'id', id)));
    const time = (text: string): number => Date.parse(/loaded_at (\S+)\+0000/.exec(text)![1]!);
    if (hasBpftool)
      expect(Math.abs(time(shown) - time(bpftool('prog', 'show', 'id', id)))).toBeLessThanOrEqual(1000);
    expect(objectOwners().program.get(program.id)).toContainEqual(
      expect.objectContaining({ pid: process.pid }),
    );
    const { programs } = JSON.parse(tsbpf(['prog', 'show', 'a_long_name_15c', '--json']).stdout);
    expect(programs).toMatchObject([
      { id: program.id, type: 'xdp', xlatedLength: 16, pinned: [], owners: [{ pid: process.pid }] },
    ]);
    const dump = JSON.parse(tsbpf(['prog', 'dump', 'xlated', 'tag', program.info().tag, '--json']).stdout);
    expect(dump.insns).toEqual([
      { slot: 0, text: '(b7) r0 = 2', bytes: 'b700000002000000' },
      { slot: 1, text: '(95) exit', bytes: '9500000000000000' },
    ]);
    const jited = tsbpf(['prog', 'dump', 'jited', id]).stdout;
    const [code] = programDump(program.id).jited;
    expect(jited.replaceAll(/^.*:.*$/gm, '').replaceAll(/\s/g, '')).toBe(toHex(code!));
  });

  test('run on what is handed in', () => {
    using program = Program.load({ name: 'answers', type: 'xdp', code: returns(2) });
    const packet = join(folder, 'packet.hex');
    writeFileSync(packet, '00'.repeat(20));
    const answer = JSON.parse(
      tsbpf(['prog', 'run', `${program.id}`, '--data', packet, '--repeat', '3', '--json']).stdout,
    );
    expect(answer).toMatchObject({
      program: { id: program.id, type: 'xdp' },
      retval: 2,
      verdict: 'XDP_PASS',
      data: '00'.repeat(20),
    });
    const ofObject = tsbpf(['prog', 'run', 'bpf/drop_world.o', '--data', packet]);
    expect(ofObject.stdout.split('\n')[0]).toBe('retval: 1 (XDP_DROP)');
    // struct xdp_md: the packet from byte 4 on, which the kernel takes for meta data.
    const ctx = join(folder, 'ctx.hex');
    writeFileSync(ctx, '00000000 14000000 00000000 01000000 00000000 00000000');
    expect(
      JSON.parse(tsbpf(['prog', 'run', `${program.id}`, '--data', packet, '--ctx', ctx, '--json']).stdout)
        .ctx,
    ).toHaveLength(48);
  });

  test('count runs while somebody asks', () => {
    using program = Program.load({ name: 'counted', type: 'xdp', code: returns(2) });
    using stats = RunStats.open();
    program.testRun({ data: new Uint8Array(20), repeat: 1000 });
    const own = stats.sample().find((sample) => sample.program.id === program.id)!;
    expect(own.runs).toBe(1000n);
    expect(own.timeNs).toBeGreaterThan(0n);
    expect(stats.sample().find((sample) => sample.program.id === program.id)!.runs).toBe(0n);
    const { stdout } = tsbpf(['prog', 'stats', 'counted', '--interval', '0.05', '--json']);
    expect(JSON.parse(stdout).programs).toMatchObject([{ id: program.id, runs: '0', nsPerRun: null }]);
    const lines = tsbpf([
      'prog',
      'stats',
      'counted',
      '--watch',
      '--count',
      '2',
      '--interval',
      '0.05',
      '--json',
    ]).stdout;
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).programs[0].id),
    ).toEqual([program.id, program.id]);
  });

  test('say what is wrong', () => {
    const said = (...args: string[]): string => {
      const { status, stdout, stderr } = tsbpf(args);
      return `${status} ${stdout}${stderr}`;
    };
    expect(
      [
        said('prog', 'show', '4294967290'),
        said('prog', 'show', 'tag', '0123456789abcdef'),
        said('prog', 'dump', 'xlated', 'no_such_program'),
        said('prog', 'run', '4294967290', '--program', 'x'),
        said('prog', 'stats', '--interval', 'soon'),
      ].join(''),
    ).toMatchInlineSnapshot(`
      "1 error[ENOENT]: cannot open program 4294967290: nothing has id 4294967290 (any more) (ENOENT)
      1 error[PROGRAM_NOT_FOUND]: there is no program with the tag 0123456789abcdef
      help: tsbpf prog list shows those that are there
      1 error[PROGRAM_NOT_FOUND]: there is no program 'no_such_program'
      help: tsbpf prog list shows those that are there
      2 error[OPTIONS_CONTRADICT]: --program is for objects, and this names a program that is loaded already
      2 error: option '--interval <seconds>' argument 'soon' is invalid. it takes seconds, from more than 0 to 86400
      (tsbpf prog stats --help shows what it takes)
      "
    `);
    expect(errorOf(() => programDump(4294967290)).message).toMatchInlineSnapshot(
      `"cannot open program 4294967290: nothing has id 4294967290 (any more) (ENOENT)"`,
    );
  });
});
