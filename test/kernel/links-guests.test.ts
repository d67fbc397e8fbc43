import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  attachKprobe,
  attachKprobeMulti,
  attachKsyscall,
  attachTracing,
  type Collection,
  type Link,
  loadCollection,
  type ProgramTarget,
  runningKernel,
} from '../../src/kernel/index.ts';
import type { ObjectSpec } from '../../src/object/spec.ts';
import { enterNewMountNamespace, unmount } from '../../src/syscall/index.ts';
import { compileBpf, newestClang } from '../support/c-object.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { cookieText, hits, loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

// What runs only on kernels that are built for it: kprobes, trampolines, LSM hooks.

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`;

/** Calls setpriority(2), and with it security_task_setnice(), so often. @returns the errno of the last */
function renice(times = 1): number {
  try {
    for (let i = 0; i < times; i++) setPriority(process.pid, getPriority());
    return 0;
  } catch (error) {
    return (error as { info?: { errno?: number } }).info?.errno ?? 0;
  }
}

const infoOf = (attached: { close(): void }) => (attached as Link).info();
const HOOK = 'security_task_setnice';

if (!newestClang) console.warn('skipped: programs in C: clang is not installed');
const fixture = fileURLToPath(new URL('./fixtures/tracing.c', import.meta.url));
let spec: ObjectSpec;
/** One program of fixtures/tracing.c. */
function load(
  name: string,
  options: { readonly answer?: number; readonly target?: ProgramTarget } = {},
): Collection {
  const { answer = 0, target } = options;
  spec ??= compileBpf(fixture);
  return loadCollection(spec, {
    programs: [name],
    variables: { only_pid: process.pid, answer },
    ...(target && { targets: { [name]: target } }),
  });
}

beforeAll(() => {
  enterNewMountNamespace();
  execFileSync('mount', ['-t', 'tracefs', 'nodev', '/sys/kernel/tracing']);
});
afterAll(() => unmount('/sys/kernel/tracing'));

const kprobes = describe.skipIf(lacks('kprobes') !== undefined);

describeKernel('a function of the kernel', () => {
  kprobes('probed', () => {
    test.each(['link', 'ioctl'] as const)('counts its calls by %s', (via) => {
      using collection = loadText(cookieText('kprobe', process.pid));
      const attached = attachKprobe(collection.program('probe'), { function: HOOK, via });
      renice(3);
      expect(hits(collection)).toBe(3n);
      attached.close();
      renice();
      expect(hits(collection)).toBe(3n);
    });

    test.each([false, true])('passes a cookie, at its return: %s', (ret) => {
      using collection = loadText(cookieText('kprobe', process.pid));
      using attached = attachKprobe(collection.program('probe'), { function: HOOK, ret, cookie: 77n });
      renice(2);
      expect([hits(collection), hits(collection, 1)]).toEqual([2n, 77n]);
      const { target } = infoOf(attached);
      // Before Linux 6.6 the kernel does not tell.
      if (!lacks('perf link info'))
        expect(target).toMatchObject({ kind: ret ? 'kretprobe' : 'kprobe', name: HOOK, offset: 0 });
    });

    test('at an offset and at an address', () => {
      const { kconfig, kallsyms } = runningKernel();
      // The call for tracers is its first instruction, or stands behind the landing place of an indirect call.
      const offset = kconfig?.get('CONFIG_X86_KERNEL_IBT') === 'y' ? 4 : 5;
      using collection = loadText(cookieText('kprobe', process.pid));
      const program = collection.program('probe');
      using _first = attachKprobe(program, { function: HOOK, offset });
      using _second = attachKprobe(program, { address: kallsyms!.get(HOOK)! });
      renice();
      expect(hits(collection)).toBe(2n);
      expect(
        words(errorOf(() => attachKprobe(program, { function: HOOK, offset: 1 }))),
      ).toMatchInlineSnapshot(
        `"cannot attach program 'probe' to kprobe security_task_setnice+0x1: 'security_task_setnice' may not be probed, or no instruction begins there (EILSEQ)"`,
      );
    });

    test.each([false, true])('through tracefs, at its return: %s', (ret) => {
      using collection = loadText(cookieText('kprobe', process.pid));
      const program = collection.program('probe');
      const attached = attachKprobe(program, { function: HOOK, ret, events: 'tracefs', cookie: 5n });
      renice(2);
      expect([hits(collection), hits(collection, 1)]).toEqual([2n, 5n]);
      const events = '/sys/kernel/tracing/kprobe_events';
      expect(readFileSync(events, 'utf8')).toContain(`tsbpf_${process.pid}/`);
      expect([attached.detach(), attached.detach()]).toEqual([true, false]);
      renice();
      expect(hits(collection)).toBe(2n);
      expect(readFileSync(events, 'utf8')).not.toContain(`tsbpf_${process.pid}/`);
    });

    test.each(['pmu', 'tracefs'] as const)('says what is wrong (%s)', (events) => {
      using collection = loadText(cookieText('kprobe'));
      const attach = (name: string): string =>
        words(errorOf(() => attachKprobe(collection.program('probe'), { function: name, events }))).replace(
          / \(E[A-Z]+\)/,
          ' (ERRNO)',
        );
      expect(attach('no_such_function')).toBe(
        "cannot attach program 'probe' to kprobe no_such_function: the kernel has no function 'no_such_function' that can be probed (ERRNO) [compilers inline functions and rename them (.isra, .part): see /proc/kallsyms]",
      );
    });

    test.each([
      `kprobe/${HOOK}`,
      `kretprobe/${HOOK}`,
      `kprobe/${HOOK}+0x0`,
      'ksyscall/setpriority',
      'kretsyscall/setpriority',
    ])('%s fires by its name', (section) => {
      using collection = loadText(cookieText(section, process.pid));
      using _attached = collection.program('probe').attach({ cookie: 3n });
      renice(2);
      expect([hits(collection), hits(collection, 1)]).toEqual([2n, 3n]);
    });

    test('as a system call says what is wrong', () => {
      using collection = loadText(cookieText('ksyscall'));
      expect(
        words(errorOf(() => attachKsyscall(collection.program('probe'), 'setpriorty'))),
      ).toMatchInlineSnapshot(
        `"the kernel has no system call 'setpriorty' [its function would be __x64_sys_setpriorty: see /proc/kallsyms]"`,
      );
    });
  });

  describe.skipIf(lacks('kprobe.multi') !== undefined)('among many', () => {
    test('each with its cookie', () => {
      using collection = loadText(cookieText('kprobe.multi', process.pid));
      using link = attachKprobeMulti(collection.program('probe'), {
        functions: [HOOK, '__x64_sys_setpriority'],
        cookies: [1n, 2n],
      });
      renice(2);
      // The hook is called last.
      expect([hits(collection), hits(collection, 1)]).toEqual([4n, 1n]);
      expect(link.info()).toMatchObject({ typeName: 'kprobe_multi' });
    });

    test.each([
      ['kprobe.multi/security_task_setn?ce', 2n],
      ['kretprobe.multi/security_task_setnic*', 2n],
      ['kprobe.multi/security_task_setnice,__x64_sys_setpriority', 4n],
    ])('%s fires by its pattern', (section, expected) => {
      using collection = loadText(cookieText(section, process.pid));
      using _attached = collection.program('probe').attach();
      renice(2);
      expect(hits(collection)).toBe(expected);
    });

    test('says what is wrong', () => {
      using collection = loadText(cookieText('kprobe.multi'));
      const attach = (functions: readonly string[] | (() => boolean)): string =>
        words(errorOf(() => attachKprobeMulti(collection.program('probe'), { functions })));
      expect([attach(['no_such_function']), attach(() => false)]).toMatchInlineSnapshot(`
        [
          "cannot attach program 'probe' to 1 function of the kernel (kprobe.multi): one of the functions is not there, or cannot be probed (ESRCH)",
          "no function of the kernel that can be probed is wanted [available_filter_functions of tracefs lists them]",
        ]
      `);
    });

    test.skipIf(lacks('kprobe.session'))('in a session, which sees both ends', () => {
      using collection = loadText(cookieText(`kprobe.session/${HOOK}`, process.pid));
      using _attached = collection.program('probe').attach();
      renice(3);
      expect(hits(collection)).toBe(6n);
    });
  });

  test.skipIf(!/has it first/.test(lacks('kprobe.session') ?? ''))('no session before its time', () => {
    // Older kernels look at neither, or know no such attach type when the program is loaded.
    const error = errorOf(() => {
      using collection = loadText(cookieText('kprobe.session'));
      attachKprobeMulti(collection.program('probe'), { functions: [HOOK] });
    });
    expect(words(error)).toMatchInlineSnapshot(
      `"cannot attach program 'probe' to 1 function of the kernel (kprobe.multi): this kernel has no kprobe.session link, or the program was loaded for another attach type (EINVAL) [kprobe.session link came with Linux 6.10]"`,
    );
  });
});

describeKernel('a function of the kernel, by trampoline', () => {
  const fentry = test.skipIf(!newestClang || lacks('fentry'));

  fentry('fentry and fexit see it, its arguments and its result', () => {
    using entry = load('on_entry');
    using exit = load('on_exit');
    using first = attachTracing(entry.program('on_entry'));
    using _second = exit.program('on_exit').attach();
    renice(3);
    expect([hits(entry), hits(exit), hits(exit, 2)]).toEqual([3n, 3n, 0n]);
    expect(hits(exit, 3)).toBe(BigInt(getPriority()));
    expect(first.info()).toMatchObject({
      typeName: 'tracing',
      target: { kind: 'tracing', attachType: 'trace_fentry' },
    });
  });

  test.skipIf(!newestClang || lacks('fentry cookie'))('fentry passes a cookie', () => {
    using collection = load('on_entry');
    using _link = attachTracing(collection.program('on_entry'), { cookie: 0xabcdn });
    renice();
    expect([hits(collection), hits(collection, 1)]).toEqual([1n, 0xabcdn]);
  });

  test.skipIf(!newestClang || lacks('fmod_ret'))('fmod_ret changes what it answers', () => {
    using collection = load('on_return', { answer: -77 });
    const link = collection.program('on_return').attach();
    expect(renice()).toBe(-77);
    link.close();
    expect(renice()).toBe(0);
  });

  fentry('says that there is no such function', () => {
    expect(
      words(errorOf(() => loadText(cookieText('fentry/no_such_function_at_all')))),
    ).toMatchInlineSnapshot(
      `"the kernel has no function 'no_such_function_at_all' [the compiler may have inlined it, or its module is not loaded: /proc/kallsyms has what there is]"`,
    );
  });
});

describeKernel('a loaded program', () => {
  const frame = new Uint8Array(64);

  test.skipIf(!newestClang || lacks('freplace'))('has a function replaced by freplace', () => {
    using collection = load('target');
    const target = collection.program('target');
    const run = (): number => target.testRun({ data: frame }).retval;
    using other = load('replacement', { target: { program: target } });
    expect(run()).toBe(200);
    const link = other.program('replacement').attach() as Link;
    expect(run()).toBe(500);
    expect(link.info().target).toMatchObject({ kind: 'tracing', attachType: 'cgroup_inet_ingress' });
    link.close();
    expect(run()).toBe(200);
  });

  test.skipIf(!newestClang || lacks('freplace'))('may be another than that of the load', () => {
    using a = load('target');
    using b = load('target');
    using other = load('replacement', { target: { program: a.program('target') } });
    using _link = attachTracing(other.program('replacement'), {
      replace: { program: b.program('target'), function: 'part' },
    });
    const results = [a, b].map((each) => each.program('target').testRun({ data: frame }).retval);
    expect(results).toEqual([200, 500]);
  });

  test.skipIf(!newestClang || lacks('fentry'))('is seen by fentry and fexit', () => {
    using collection = load('target');
    const program = collection.program('target');
    using entry = load('on_program', { target: { program } });
    using exit = load('on_program_exit', { target: { program, function: 'part' } });
    using _first = attachTracing(entry.program('on_program'));
    using _second = exit.program('on_program_exit').attach();
    program.testRun({ data: frame });
    expect([hits(entry), hits(exit), hits(exit, 2)]).toEqual([1n, 1n, 200n]);
  });

  test.skipIf(!newestClang)('is to be named, and to have the function', () => {
    using collection = load('target');
    const program = collection.program('target');
    const messages = [
      () => load('replacement'),
      () => load('replacement', { target: { program, function: 'prt' } }),
    ].map((act) => words(errorOf(act)));
    expect(messages).toMatchInlineSnapshot(`
      [
        "program 'replacement' does not say which program's function it is for [name the program when it is loaded: targets: { replacement: { program } }]",
        "program 'target' has no function 'prt' [did you mean 'part'?]",
      ]
    `);
  });
});

describeKernel('an LSM hook', () => {
  const lsm = test.skipIf(!newestClang || lacks('lsm'));

  lsm('denies', () => {
    using collection = load('on_hook', { answer: -1 });
    const link = collection.program('on_hook').attach() as Link;
    expect([renice(), hits(collection)]).toEqual([-1, 1n]);
    expect(link.info()).toMatchObject({ target: { kind: 'tracing', attachType: 'lsm_mac' } });
    link.close();
    expect(renice()).toBe(0);
  });

  lsm('may sleep', () => {
    using collection = load('on_open');
    using _link = attachTracing(collection.program('on_open'));
    readFileSync('/proc/self/stat');
    expect(hits(collection)).toBeGreaterThan(0n);
  });

  lsm('is to be one', () => {
    expect(words(errorOf(() => loadText(cookieText('lsm/no_such_hook'))))).toMatchInlineSnapshot(
      `"the kernel has no LSM hook 'no_such_hook' [the hooks are those of security/ in the kernel: file_open, bprm_check_security, socket_connect …]"`,
    );
  });
});
