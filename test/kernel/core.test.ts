import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { expect, test } from 'vitest';
import { parseBtf } from '../../src/btf/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { loadCollection, runningKernel, VerifierError } from '../../src/kernel/index.ts';
import { kernelBtf, parseKconfig, withKconfig } from '../../src/object/index.ts';
import { btfInfo } from '../../src/syscall/bpf-info.ts';
import { allIds, fdById } from '../../src/syscall/bpf-object.ts';
import { logText, tryBtfLoad } from '../../src/syscall/bpf-prog.ts';
import { Fd } from '../../src/syscall/fd.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

const generations = [14, 16, 19] as const;

function fixture(name: string, clang: number): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../btf/fixtures/objects/${name}-${clang}.o`, import.meta.url)));
}

describeKernel('programs that adapt to the kernel', () => {
  test.each(generations)('every guarded access loads, clang %i', (clang) => {
    const programs = ['offsets', 'fields', 'bitfields', 'types', 'enums'];
    using collection = loadCollection(fixture('core', clang), { programs });
    expect([...collection.programs.keys()]).toEqual(programs);
  });

  test.each(generations)('what they find is what the kernel has, clang %i', (clang) => {
    using collection = loadCollection(fixture('core', clang), { programs: ['types', 'enums', 'process'] });
    const run = (name: string): number => collection.program(name).testRun({}).retval;
    // Exists, list_head has 16 bytes, has a number, has one of its own, atomic_t exists.
    expect(run('types')).toBe(1 + 4 * 16 + 16 + 32 + 64);
    // BPF_MAP_TYPE_XSKMAP is 17, BPF_MAP_TYPE_RINGBUF 27; the value exists, the unknown ones do not.
    expect(run('enums')).toBe(17 + 27 * 100 + 20000);
    expect(run('process')).toBe(process.pid);
  });

  test.each(generations)('an access that is not there is named when it is reached, clang %i', (clang) => {
    const error = errorOf(() => loadCollection(fixture('core', clang), { programs: ['reached_poison'] }));
    expect(error).toBeInstanceOf(VerifierError);
    expect(error.message.split('\n')[0]).toBe(
      "the verifier rejected program 'reached_poison': byte offset of struct task_struct___none.no_such_member: struct task_struct of the kernel has no member no_such_member (EINVAL)",
    );
  });
});

describeKernel('externs', () => {
  test.each(generations)('the configuration and the kernel itself are there to read, clang %i', (clang) => {
    using collection = loadCollection(fixture('externs', clang), { programs: ['configuration'] });
    collection.program('configuration').testRun({});
    const bytes = collection.variable('values').get() as Uint8Array;
    const words = new Uint32Array(bytes.slice(0, 28).buffer);
    const { kconfig, version } = runningKernel();
    const [major, minor] = release().split('.').map(Number);
    expect(words[0]! >>> 8).toBe((major! << 8) | minor!);
    expect([...words]).toEqual([
      version,
      Number(kconfig!.get('CONFIG_HZ')),
      Number(kconfig!.get('CONFIG_NR_CPUS')),
      kconfig!.get('CONFIG_IPV6') === 'm' ? 2 : 1,
      0,
      7,
      'y'.charCodeAt(0),
    ]);
    expect(Buffer.from(bytes.subarray(28)).toString().replace(/\0+$/, '')).toBe(
      kconfig!.get('CONFIG_DEFAULT_HOSTNAME')!.slice(1, -1).slice(0, 7),
    );
  });

  test.each(generations)('symbols have their addresses, those that are missing zero, clang %i', (clang) => {
    using collection = loadCollection(fixture('externs', clang), { programs: ['symbols'] });
    collection.program('symbols').testRun({});
    const line = readFileSync('/proc/kallsyms', 'utf8').match(/^([0-9a-f]+) \w vfs_read$/m);
    expect(collection.variable('address').get()).toBe(BigInt.asUintN(64, BigInt(`0x${line![1]}`)));
    expect(collection.variable('missing').get()).toBe(0n);
  });

  const hasVariables = / bpf_prog_active$/m.test(readFileSync('/proc/kallsyms', 'utf8'));
  if (!hasVariables)
    console.warn('skipped: kernel variables: this kernel was built without CONFIG_KALLSYMS_ALL');
  test.skipIf(!hasVariables)('variables of the kernel are read by their types', () => {
    using collection = loadCollection(fixture('externs', 19), { programs: ['variables'] });
    expect(collection.program('variables').testRun({}).retval).toBe(2);
  });

  // They are those of tasks.
  test.skipIf(lacks('task kfuncs')).each(generations)(
    'kernel functions are called, guarded ones only where they are, clang %i',
    (clang) => {
      using collection = loadCollection(fixture('externs', clang), { programs: ['functions', 'locks'] });
      collection.variable('pid').set(process.pid);
      expect(collection.program('functions').testRun({}).retval).toBe(2);
      collection.variable('pid').set(0);
      expect(collection.program('functions').testRun({}).retval).toBe(1);
      expect(collection.program('locks').testRun({}).retval).toBe(3);
    },
  );

  test('a kernel function that is not there is named when it is reached', () => {
    const error = errorOf(() => loadCollection(fixture('externs', 19), { programs: ['reached_weak'] }));
    expect(error.message.split('\n')[0]).toMatchInlineSnapshot(
      `"the verifier rejected program 'reached_weak': the kernel has no function no_such_kfunc that fits its declaration (EINVAL)"`,
    );
  });

  test.each(generations)('the kernel takes their declarations as types, clang %i', (clang) => {
    const spec = withKconfig(readObject(fixture('externs', clang)), runningKernel());
    const log = new Uint8Array(1 << 16);
    const result = tryBtfLoad(kernelBtf(spec)!, log);
    expect(result, logText(log)).toBeGreaterThanOrEqual(0);
    new Fd(result, 'BTF').close();
  });

  test('types of the kernel are found by their ids', () => {
    const names = allIds('BTF').map((id) => {
      using fd = new Fd(fdById('BTF', id), 'BTF');
      const { name, ofKernel } = btfInfo(fd.number);
      return ofKernel ? name : '';
    });
    expect(names.filter((name) => name === 'vmlinux')).toHaveLength(1);
  });

  test('another configuration and other types may be given', () => {
    const { btf } = runningKernel();
    const facts = {
      version: 1,
      btf: parseBtf(btf!.bytes),
      kconfig: parseKconfig(
        'CONFIG_HZ=1\nCONFIG_NR_CPUS=0x10\nCONFIG_IPV6=m\nCONFIG_BPF_SYSCALL=n\nCONFIG_BPF_JIT=m\nCONFIG_DEFAULT_HOSTNAME="a longer name"\nCONFIG_NO_SUCH_OPTION=077',
      ),
      hasBpfCookie: false,
      hasSyscallWrapper: false,
    };
    using collection = loadCollection(fixture('externs', 19), { programs: ['configuration'], facts });
    collection.program('configuration').testRun({});
    const bytes = collection.variable('values').get() as Uint8Array;
    expect([...new Uint32Array(bytes.slice(0, 28).buffer)]).toEqual([1, 1, 16, 2, 63, 0, 'm'.charCodeAt(0)]);
    expect(Buffer.from(bytes.subarray(28)).toString()).toBe('a longe\0');
  });
});
