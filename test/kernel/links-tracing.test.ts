import { execFileSync } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  attachKprobe,
  attachKprobeMulti,
  attachPerfEvent,
  attachTracepoint,
  attachTracing,
  attachUprobe,
  attachUprobeMulti,
  attachUretprobe,
  attachUsdt,
  findBinary,
  Link,
  type LinkInfo,
  type LinkTarget,
  listLinkInfos,
  listUsdt,
  probeOffset,
} from '../../src/kernel/index.ts';
import { enterNewMountNamespace, unmount } from '../../src/syscall/index.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { cookieText, countingText, hits, loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`.replaceAll(directory, 'DIR');

/** A program that calls `work` as often as it is told, and a probe in a note of its own. */
const C_SOURCE = `
#include <stdlib.h>
unsigned short probe_semaphore __attribute__((section(".probes")));
__attribute__((noinline)) int work(int n) { __asm__ volatile("" : "+r"(n)); return n + 1; }
__attribute__((noinline)) int rest(int n) { __asm__ volatile("" : "+r"(n)); return n * 2; }
__attribute__((noinline)) void noted(int n)
{
  __asm__ volatile(
    "990: nop\\n"
    ".pushsection .note.stapsdt,\\"\\",\\"note\\"\\n"
    ".balign 4\\n"
    ".4byte 992f-991f, 994f-993f, 3\\n"
    "991: .asciz \\"stapsdt\\"\\n"
    "992: .balign 4\\n"
    "993: .8byte 990b\\n"
    ".8byte _.stapsdt.base\\n"
    ".8byte probe_semaphore\\n"
    ".asciz \\"lab\\"\\n"
    ".asciz \\"step\\"\\n"
    ".asciz \\"-4@%0 8@$5\\"\\n"
    "994: .balign 4\\n"
    ".popsection\\n"
    ".pushsection .stapsdt.base,\\"aG\\",\\"progbits\\",.stapsdt.base,comdat\\n"
    ".weak _.stapsdt.base\\n"
    ".hidden _.stapsdt.base\\n"
    "_.stapsdt.base: .space 1\\n"
    ".size _.stapsdt.base, 1\\n"
    ".popsection\\n" :: "r"(n));
}
int main(int argc, char **argv)
{
  int n = atoi(argv[1]), sum = 0;
  for (int i = 0; i < n; i++) sum += work(i) + rest(i), noted(i);
  return probe_semaphore;
}
`;

let directory = '';
let binary = '';
const run = (count: number): number => {
  try {
    execFileSync(binary, [`${count}`]);
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
};

const infoOf = (attached: { close(): void }): LinkInfo => (attached as Link).info();

/** What a link of a perf event tells of its target: older kernels tell nothing. */
const eventTarget = (target: Partial<LinkTarget>): Partial<LinkTarget> =>
  lacks('perf link info') ? { kind: 'other' } : target;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsbpf-tracing-'));
  binary = join(directory, 'worker');
  writeFileSync(`${binary}.c`, C_SOURCE);
  execFileSync('gcc', ['-O1', '-g', '-o', binary, `${binary}.c`]);
});
afterAll(() => rmSync(directory, { recursive: true }));

describeKernel('a tracepoint', () => {
  beforeAll(() => {
    enterNewMountNamespace();
    execFileSync('mount', ['-t', 'tracefs', 'nodev', '/sys/kernel/tracing']);
  });
  afterAll(() => unmount('/sys/kernel/tracing'));

  test.each(['link', 'ioctl'] as const)('fires by %s', (via) => {
    using collection = loadText(countingText('tracepoint/syscalls/sys_enter_readlink', 0));
    const attached = attachTracepoint(collection.program('probe'), 'syscalls', 'sys_enter_readlink', { via });
    const before = hits(collection);
    for (let i = 0; i < 5; i++) readlinkSync('/proc/self/exe');
    expect(hits(collection) - before).toBeGreaterThanOrEqual(5n);
    expect(attached instanceof Link).toBe(via === 'link');
    if (attached instanceof Link)
      expect(attached.info().target).toMatchObject(
        eventTarget({ kind: 'tracepoint', name: 'sys_enter_readlink', cookie: 0n }),
      );
    attached.close();
    const last = hits(collection);
    readlinkSync('/proc/self/exe');
    expect(hits(collection)).toBe(last);
  });

  test('passes a cookie to the program', () => {
    using collection = loadText(cookieText('tracepoint/syscalls/sys_enter_readlink', process.pid));
    using attached = attachTracepoint(collection.program('probe'), 'syscalls', 'sys_enter_readlink', {
      cookie: 0x1234_5678_9abcn,
    });
    readlinkSync('/proc/self/exe');
    expect([hits(collection), hits(collection, 1)]).toEqual([1n, 0x1234_5678_9abcn]);
    const shown = execFileSync('/usr/sbin/bpftool', ['-j', 'link', 'show', 'id', `${infoOf(attached).id}`], {
      encoding: 'utf8',
    });
    expect(JSON.parse(shown)).toMatchObject({ type: 'perf_event', prog_id: collection.program('probe').id });
    expect(infoOf(attached).target).toMatchObject(
      eventTarget({ kind: 'tracepoint', cookie: 0x1234_5678_9abcn }),
    );
  });

  test('says what is wrong', () => {
    using collection = loadText(countingText('tracepoint/syscalls/sys_enter_readlink', 0));
    const program = collection.program('probe');
    expect(
      words(errorOf(() => attachTracepoint(program, 'syscalls', 'sys_enter_readlnk'))),
    ).toMatchInlineSnapshot(
      `"there is no tracepoint 'syscalls/sys_enter_readlnk' [ls /sys/kernel/tracing/events/syscalls lists those of 'syscalls']"`,
    );
    expect(
      words(errorOf(() => attachTracepoint(program, 'syscall', 'sys_enter_readlink'))),
    ).toMatchInlineSnapshot(
      `"there is no tracepoint 'syscall/sys_enter_readlink' [ls /sys/kernel/tracing/events lists the categories]"`,
    );
    using xdp = loadText(countingText('xdp', 2));
    expect(
      words(errorOf(() => attachTracepoint(xdp.program('probe'), 'syscalls', 'sys_enter'))),
    ).toMatchInlineSnapshot(
      `"program 'probe' is of type xdp; tracepoint syscalls/sys_enter takes tracepoint programs"`,
    );
  });
});

describeKernel('a uprobe', () => {
  test.each(['link', 'ioctl'] as const)('counts the calls of a function by %s', (via) => {
    using collection = loadText(countingText('uprobe', 0));
    const attached = attachUprobe(collection.program('probe'), { path: binary, symbol: 'work', via });
    run(7);
    expect(hits(collection)).toBe(7n);
    attached.close();
    run(3);
    expect(hits(collection)).toBe(7n);
  });

  test('at a symbol, an offset, an address: the same place', () => {
    const nm = execFileSync('nm', [binary], { encoding: 'utf8' });
    const address = Number.parseInt(/^([0-9a-f]+) T work$/m.exec(nm)![1]!, 16);
    const offset = probeOffset(binary, { symbol: 'work' });
    expect(probeOffset(binary, { address })).toBe(offset);
    expect(probeOffset(binary, { symbol: 'work+0x4' })).toBe(offset + 4);
    using collection = loadText(countingText('uprobe', 0));
    using attached = attachUprobe(collection.program('probe'), { path: binary, offset });
    run(2);
    expect(hits(collection)).toBe(2n);
    expect(infoOf(attached).target).toMatchObject(
      eventTarget({
        kind: 'uprobe',
        path: binary,
        offset,
        cookie: 0n,
        refCtrOffset: 0n,
      }),
    );
  });

  test('sees returns, with a cookie', () => {
    using collection = loadText(cookieText('uretprobe'));
    using attached = attachUretprobe(collection.program('probe'), {
      path: binary,
      symbol: 'rest',
      cookie: 42n,
    });
    run(4);
    expect([hits(collection), hits(collection, 1)]).toEqual([4n, 42n]);
    expect(infoOf(attached).target).toMatchObject(eventTarget({ kind: 'uretprobe', cookie: 42n }));
  });

  test('of one process sees no other, of a library by its name', () => {
    using collection = loadText(countingText('uprobe', 0));
    using mine = attachUprobe(collection.program('probe'), {
      path: 'libc',
      symbol: 'readlink',
      pid: process.pid,
    });
    const before = hits(collection);
    readlinkSync('/proc/self/exe');
    expect(hits(collection)).toBe(before + 1n);
    execFileSync('readlink', ['/proc/self/exe']);
    expect(hits(collection)).toBe(before + 1n);
    expect(mine.target).toContain('libc.so.6:readlink');
    expect(findBinary('bash')).toMatch(/\/bash$/);
  });

  test('says what is wrong', () => {
    using collection = loadText(countingText('uprobe', 0));
    const program = collection.program('probe');
    const attach = (options: Parameters<typeof attachUprobe>[1]) =>
      words(errorOf(() => attachUprobe(program, options)));
    expect(attach({ path: binary, symbol: 'wrk' })).toMatchInlineSnapshot(
      `"DIR/worker has no function 'wrk' [did you mean 'work'?]"`,
    );
    expect(attach({ path: '/nowhere', symbol: 'x' })).toMatchInlineSnapshot(`"there is no file /nowhere"`);
    expect(attach({ path: 'no-such-program', symbol: 'x' })).toMatchInlineSnapshot(
      `"there is neither a program nor a library 'no-such-program' [programs are looked for in PATH, libraries in /etc/ld.so.cache and LD_LIBRARY_PATH; a path works always]"`,
    );
    expect(attach({ path: binary })).toMatchInlineSnapshot(
      `"a probe in DIR/worker needs a symbol, an offset or an address"`,
    );
    expect(attach({ path: binary, offset: 2 ** 30 })).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to uprobe DIR/worker:0x40000000: no instruction that can be probed begins at 0x40000000 of DIR/worker (EINVAL)"`,
    );
    expect(attach({ path: `${binary}.c`, symbol: 'work' })).toMatchInlineSnapshot(
      `"DIR/worker.c: is no ELF file [probes go into programs and shared libraries, not into scripts]"`,
    );
    expect(attach({ path: binary, symbol: 'work', pid: 2 ** 22 })).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to uprobe DIR/worker:work: there is no process 4194304 (ESRCH)"`,
    );
  });
});

describeKernel('uprobe.multi', () => {
  test.skipIf(lacks('uprobe.multi'))('counts two functions by one link, each with its cookie', () => {
    using collection = loadText(cookieText('uprobe.multi'));
    using link = attachUprobeMulti(collection.program('probe'), {
      path: binary,
      symbols: ['work', 'rest'],
      cookies: [1n, 2n],
    });
    run(3);
    expect([hits(collection), hits(collection, 1)]).toEqual([6n, 2n]);
    const { target } = link.info();
    const offsets = ['work', 'rest'].map((symbol) => BigInt(probeOffset(binary, { symbol })));
    expect(target).toMatchObject({ kind: 'uprobe_multi', path: binary, offsets, cookies: [1n, 2n], pid: 0 });
  });

  test.skipIf(lacks('uprobe.multi'))('has as many cookies as places', () => {
    using collection = loadText(cookieText('uprobe.multi'));
    const program = collection.program('probe');
    const at = { path: binary, symbols: ['work', 'rest'] };
    const refused = (options: object): string =>
      words(errorOf(() => attachUprobeMulti(program, { path: binary, ...options }).close()));
    expect(refused({ ...at, cookies: [1n] })).toMatchInlineSnapshot(
      `"there are 1 cookies for 2 places: give one for each"`,
    );
    expect(refused({ ...at, refCtrOffsets: [0, 0, 0] })).toMatchInlineSnapshot(
      `"there are 3 refCtrOffsets for 2 places: give one for each"`,
    );
    expect(refused({ offsets: [] })).toMatchInlineSnapshot(`"probes in DIR/worker need symbols or offsets"`);
    using link = attachUprobeMulti(program, { ...at, cookie: 1n });
    expect(link.info().target).toMatchObject({ cookies: [1n, 1n] });
  });

  test.skipIf(lacks('uprobe.multi'))('gives the cookie of an attachment by its section to all places', () => {
    using collection = loadText(cookieText(`uprobe.multi/${binary}:w?rk`));
    using link = collection.program('probe').attach({ cookie: 1n });
    expect((link as Link).info().target).toMatchObject({ cookies: [1n] });
    run(2);
    expect(hits(collection)).toBe(2n);
  });

  test.skipIf(lacks('uprobe.session'))('a session sees both ends', () => {
    using collection = loadText(countingText('uprobe.session', 0));
    using _link = attachUprobeMulti(collection.program('probe'), {
      path: binary,
      symbols: (name) => name === 'work',
    });
    run(5);
    expect(hits(collection)).toBe(10n);
  });
});

describeKernel('a USDT probe', () => {
  test('is found, fires, and raises its semaphore', () => {
    expect(listUsdt(binary)).toMatchObject([
      {
        provider: 'lab',
        name: 'step',
        arguments: [
          { size: 4, signed: true, operand: expect.stringMatching(/^%\w+$/) },
          { size: 8, signed: false, operand: '$5' },
        ],
      },
    ]);
    expect(run(1)).toBe(0);
    using collection = loadText(countingText('usdt', 0));
    using group = attachUsdt(collection.program('probe'), { path: binary, provider: 'lab', name: 'step' });
    expect(run(6)).toBe(1);
    expect(hits(collection)).toBe(6n);
    expect(group.links).toHaveLength(1);
    expect(
      words(
        errorOf(() =>
          attachUsdt(collection.program('probe'), { path: binary, provider: 'lab', name: 'stp' }),
        ),
      ),
    ).toMatchInlineSnapshot(`"DIR/worker has no probe lab:stp [did you mean 'lab:step'?]"`);
  });
});

describeKernel('a perf event', () => {
  test('samples every CPU', () => {
    using collection = loadText(countingText('perf_event', 0));
    using group = attachPerfEvent(collection.program('probe'), { event: 'cpu-clock', frequency: 2000 });
    const until = Date.now() + 200;
    while (Date.now() < until);
    expect(hits(collection)).toBeGreaterThan(0n);
    expect(group.links.length).toBeGreaterThan(0);
    expect(infoOf(group.links[0]!).target).toMatchObject(eventTarget({ kind: 'perf_event', config: 0n }));
  });

  test('says what is wrong', () => {
    using collection = loadText(countingText('perf_event', 0));
    const program = collection.program('probe');
    expect(
      words(errorOf(() => attachPerfEvent(program, { event: 'cpu-clok' as 'cpu-clock' }))),
    ).toMatchInlineSnapshot(`"there is no perf event 'cpu-clok' [did you mean 'cpu-clock'?]"`);
  });
});

describeKernel('tp_btf', () => {
  test('fires', () => {
    using collection = loadText(countingText('tp_btf/sys_enter', 0));
    const cookie = lacks('cookie of raw tracepoints') ? 0n : 9n;
    using link = attachTracing(collection.program('probe'), { cookie });
    readlinkSync('/proc/self/exe');
    expect(hits(collection)).toBeGreaterThan(0n);
    expect(link.info()).toMatchObject({
      typeName: 'raw_tracepoint',
      target: {
        kind: 'raw_tracepoint',
        name: 'sys_enter',
        cookie: lacks('cookie in raw tracepoint info') ? 0n : cookie,
      },
    });
    expect(listLinkInfos().some(({ id }) => id === link.id)).toBe(true);
  });

  test('says what is wrong', () => {
    expect(words(errorOf(() => loadText(countingText('tp_btf/sys_entr', 0))))).toMatchInlineSnapshot(
      `"the kernel has no tracepoint 'sys_entr' [did you mean 'sys_enter'?]"`,
    );
    expect(words(errorOf(() => loadText(countingText('tp_btf', 0))))).toMatchInlineSnapshot(
      `"program 'probe' does not say which tracepoint it is for [name it behind the slash of its section, as in tp_btf/sched_switch or fentry/do_unlinkat, or in targets]"`,
    );
  });
});

// Kernels that have them are tested elsewhere.
describeKernel('a kprobe where the kernel has none', () => {
  test.skipIf(!/CONFIG/.test(lacks('kprobes') ?? ''))('is refused in words', () => {
    using collection = loadText(countingText('kprobe', 0));
    const error = errorOf(() => attachKprobe(collection.program('probe'), { function: 'do_unlinkat' }));
    expect(error.code).toBe('KPROBE_UNAVAILABLE');
  });

  test.skipIf(!/CONFIG/.test(lacks('kprobe.multi') ?? ''))('is refused in words, of many functions', () => {
    using multi = loadText(countingText('kprobe.multi', 0));
    const refused = errorOf(() => attachKprobeMulti(multi.program('probe'), { functions: ['do_unlinkat'] }));
    expect(words(refused)).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to 1 function of the kernel (kprobe.multi): this kernel cannot probe its functions (CONFIG_FPROBE is off) (EOPNOTSUPP) [tracepoints and raw tracepoints may serve instead: tp_btf/…, tracepoint/…]"`,
    );
  });
});

describeKernel("a program attached by its section's name", () => {
  beforeAll(() => {
    enterNewMountNamespace();
    execFileSync('mount', ['-t', 'tracefs', 'nodev', '/sys/kernel/tracing']);
  });
  afterAll(() => unmount('/sys/kernel/tracing'));

  test.each([
    ['raw_tp/sys_enter', () => readlinkSync('/proc/self/exe')],
    ['tracepoint/syscalls/sys_enter_readlink', () => readlinkSync('/proc/self/exe')],
    ['tp_btf/sys_enter', () => readlinkSync('/proc/self/exe')],
    ['uprobe/BINARY:work', () => run(1)],
    ['uretprobe/BINARY:work', () => run(1)],
    ['uprobe.s/BINARY:work+0x0', () => run(1)],
    ...(lacks('uprobe.multi')
      ? []
      : ([
          ['uprobe.multi/BINARY:w?rk', () => run(1)],
          ['uretprobe.multi/BINARY:*rk', () => run(1)],
        ] as const)),
    ['usdt/BINARY:lab:step', () => run(1)],
  ] as const)('%s fires', (section, act) => {
    using collection = loadText(countingText(section.replace('BINARY', binary), 0));
    using _attached = collection.program('probe').attach();
    act();
    expect(hits(collection)).toBeGreaterThan(0n);
  });

  test('says what is missing', () => {
    const messages = [
      'xdp',
      'uprobe',
      'uprobe//bin/bash',
      'usdt//bin/bash:x',
      'tracepoint/syscalls',
      'perf_event',
      'kprobe',
    ].map((section) => {
      using collection = loadText(countingText(section, 0));
      return words(errorOf(() => collection.program('probe').attach()));
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "section 'xdp' does not say where program 'probe' (xdp) goes [attach it with attachXdp or attachXdpLink (tsbpf xdp attach)]",
        "section 'uprobe' does not say where program 'probe' goes [its target is written PATH:FUNCTION, as in uprobe//bin/bash:readline or uretprobe/libc.so.6:malloc]",
        "section 'uprobe//bin/bash' does not say where program 'probe' goes [its target is written PATH:FUNCTION, as in uprobe//bin/bash:readline or uretprobe/libc.so.6:malloc]",
        "section 'usdt//bin/bash:x' does not say where program 'probe' goes [its target is written PATH:PROVIDER:NAME, as in usdt/libc.so.6:libc:setjmp]",
        "section 'tracepoint/syscalls' does not say where program 'probe' goes [its target is written CATEGORY/NAME, as in tracepoint/syscalls/sys_enter_execve]",
        "section 'perf_event' does not say where program 'probe' (perf_event) goes [attach it with attachPerfEvent]",
        "section 'kprobe' does not say where program 'probe' goes [its target is written FUNCTION, as in kprobe/do_unlinkat]",
      ]
    `);
  });
});
