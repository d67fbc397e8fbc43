import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { decodeInsnAt } from '../../src/isa/index.ts';
import {
  type KernelFacts,
  kernelBtf,
  link,
  type ObjectSpec,
  parseKconfig,
  withKconfig,
} from '../../src/object/index.ts';
import { viewOf } from '../../src/util/bytes.ts';
import { TsbpfError } from '../../src/util/errors.ts';

const spec: ObjectSpec = readObject(
  new Uint8Array(readFileSync(new URL('../btf/fixtures/objects/externs-19.o', import.meta.url))),
);

function errorOf(act: () => unknown): TsbpfError {
  try {
    act();
  } catch (error) {
    if (error instanceof TsbpfError) return error;
    throw error;
  }
  throw new Error('expected an error, but nothing was thrown');
}

/** A kernel with the functions and variables that the object asks for, or some of them. */
function kernelWith(names: readonly string[]): KernelFacts {
  const b = new BtfBuilder();
  const int = b.int('int', 4, { signed: true });
  const task = b.ptr(b.struct('task_struct', 4, []));
  const protos: Record<string, number> = {
    bpf_task_from_pid: b.funcProto(task, [{ name: 'pid', type: int }]),
    bpf_task_release: b.funcProto(0, [{ name: 'p', type: task }]),
    bpf_rcu_read_lock: b.funcProto(0, []),
    bpf_rcu_read_unlock: b.funcProto(0, [{ name: 'another', type: int }]),
  };
  for (const name of names) {
    if (name === 'bpf_prog_active') b.variable(name, int, 'global');
    else b.func(name, protos[name]!, 'static');
  }
  return { btf: parseBtf(b.build('little')), kallsyms: new Map([['vfs_read', 0xffff_ffff_8123_4567n]]) };
}

const all = ['bpf_task_from_pid', 'bpf_task_release', 'bpf_rcu_read_lock', 'bpf_prog_active'];

describe('functions and variables of the kernel', () => {
  test('become their type numbers', () => {
    const facts = kernelWith(all);
    const numberOf = (name: string): number => facts.btf!.findByName(name)!;
    const { code, relocations, poisoned } = link(spec, 'functions', facts);
    const calls = [...Array(code.length / 8).keys()]
      .map((slot) => decodeInsnAt(code, slot))
      .filter(({ opcode, src }) => opcode === 0x85 && src === 2);
    expect(calls.map(({ imm }) => imm)).toEqual(['bpf_task_from_pid', 'bpf_task_release'].map(numberOf));
    expect(relocations.filter(({ kind }) => kind === 'extern')).toEqual([]);
    expect(poisoned.map(({ reason }) => reason)).toMatchInlineSnapshot(`
      [
        "the kernel has no function no_such_kfunc that fits its declaration",
      ]
    `);
    const { code: other } = link(spec, 'variables', facts);
    const variable = [...Array(other.length / 8).keys()]
      .map((slot) => decodeInsnAt(other, slot))
      .find(({ opcode }) => opcode === 0x18);
    expect(variable).toMatchObject({ src: 3, imm: numberOf('bpf_prog_active'), nextImm: 0 });
  });

  test('that are weak are absent where their types do not fit', () => {
    const { poisoned } = link(spec, 'locks', kernelWith([...all, 'bpf_rcu_read_unlock']));
    expect(poisoned.map(({ slot, helper }) => [slot, helper > 2e9])).toEqual([[1, true]]);
  });

  test('of modules keep their names, with where they were found', () => {
    const module = kernelWith(all).btf!;
    const facts = { ...kernelWith(['bpf_task_release']), moduleBtf: new Map([['tasks', module]]) };
    const found = link(spec, 'functions', facts).relocations.filter(({ kind }) => kind === 'extern');
    const type = module.findByName('bpf_task_from_pid');
    expect(found).toMatchObject([{ name: 'bpf_task_from_pid', module: { name: 'tasks', type } }]);
  });

  test('that are missing are named', () => {
    const messages = [
      errorOf(() => link(spec, 'functions', kernelWith(all.slice(1)))),
      errorOf(() => link(spec, 'variables', kernelWith(all.slice(0, 3)))),
      errorOf(() => link(spec, 'symbols', { ...kernelWith(all), kallsyms: new Map() })),
    ].map(({ code, message, hint }) => `${code}: ${message}\n  ${hint}`);
    expect(messages.join('\n')).toMatchInlineSnapshot(`
      "EXTERN_UNRESOLVED: functions needs the kernel's function bpf_task_from_pid, which this kernel does not have
        declare it __weak and ask bpf_ksym_exists(bpf_task_from_pid) before it is used
      EXTERN_UNRESOLVED: variables needs the kernel's variable bpf_prog_active, which this kernel does not have
        declare it __weak and ask bpf_ksym_exists(bpf_prog_active) before it is used
      EXTERN_UNRESOLVED: symbols needs the kernel's symbol vfs_read, which this kernel does not have
        declare it __weak and ask bpf_ksym_exists(vfs_read) before it is used"
    `);
  });

  test('are left to the binding where nothing is known of the kernel', () => {
    const names = link(spec, 'functions').relocations.flatMap((each) =>
      each.kind === 'extern' ? [each.name] : [],
    );
    expect(names).toContain('bpf_task_from_pid');
  });

  test('without a type are addresses, or zero', () => {
    const { code } = link(spec, 'symbols', kernelWith(all));
    const loads = [...Array(code.length / 8).keys()]
      .map((slot) => decodeInsnAt(code, slot))
      .filter(({ opcode, src, imm }) => opcode === 0x18 && src === 0 && imm !== 0);
    expect(loads).toMatchObject([{ imm: 0x8123_4567 | 0, nextImm: -1 }]);
  });
});

const config = `CONFIG_HZ=250
# CONFIG_NO_SUCH_OPTION is not set
CONFIG_BPF_SYSCALL=y
CONFIG_BPF_JIT=y
CONFIG_IPV6=m
CONFIG_NR_CPUS=64
CONFIG_DEFAULT_HOSTNAME="(none)"
`;

const factsWith = (text: string): KernelFacts => ({
  version: (6 << 16) | 7,
  kconfig: parseKconfig(text),
  hasSyscallWrapper: true,
});

function configured(settled: ObjectSpec, name: string): bigint {
  const { offset, size } = settled.variables.get(name)!;
  const entry = settled.maps.get('.kconfig')!.contents[0]!;
  if (entry.kind !== 'bytes') throw new Error('.kconfig has no bytes');
  const view = viewOf(entry.value.slice(offset, offset + size));
  return [...Array(size).keys()].reduceRight((sum, index) => (sum << 8n) | BigInt(view.getUint8(index)), 0n);
}

describe('the configuration of the kernel', () => {
  test('is read as its file has it', () => {
    expect([...parseKconfig(config)]).toEqual([
      ['CONFIG_HZ', '250'],
      ['CONFIG_BPF_SYSCALL', 'y'],
      ['CONFIG_BPF_JIT', 'y'],
      ['CONFIG_IPV6', 'm'],
      ['CONFIG_NR_CPUS', '64'],
      ['CONFIG_DEFAULT_HOSTNAME', '"(none)"'],
    ]);
  });

  test('is not so large', () => {
    const b = new BtfBuilder();
    const text = b.array(b.int('char', 1), b.int('int', 4), 1 << 21);
    const type = b.variable('CONFIG_TEXT', text, 'extern');
    const extern = { name: 'CONFIG_TEXT', kind: 'kconfig', weak: true, type } as const;
    const large = { ...spec, btf: parseBtf(b.build('little')), externs: new Map([[extern.name, extern]]) };
    expect(errorOf(() => withKconfig(large, {})).code).toBe('KCONFIG_TYPE');
  });

  test('becomes a frozen map with a variable for each', () => {
    const settled = withKconfig(spec, factsWith(config));
    expect(settled.maps.get('.kconfig')).toMatchObject({
      keySize: 4,
      maxEntries: 1,
      freeze: true,
      flags: 0x80,
      origin: 'data',
    });
    const names = [
      'CONFIG_HZ',
      'CONFIG_IPV6',
      'CONFIG_NR_CPUS',
      'CONFIG_NO_SUCH_OPTION',
      'LINUX_KERNEL_VERSION',
      'LINUX_HAS_BPF_COOKIE',
      'CONFIG_BPF_JIT',
    ];
    expect(names.map((name) => configured(settled, name))).toEqual([250n, 2n, 64n, 0n, 0x60007n, 1n, 0x79n]);
    expect(spec.maps.has('.kconfig')).toBe(false);
  });

  test('is needed where an extern is not weak', () => {
    const without = (name: string): TsbpfError =>
      errorOf(() =>
        withKconfig(spec, factsWith(config.replace(new RegExp(`^CONFIG_${name}=.*\n`, 'm'), ''))),
      );
    const { code, message, hint } = without('HZ');
    expect(`${code}: ${message}\n  ${hint}`).toMatchInlineSnapshot(`
      "EXTERN_UNRESOLVED: extern CONFIG_HZ is not set in the kernel's configuration
        declare it __weak to have zero then: extern … CONFIG_HZ __kconfig __weak;"
    `);
    expect(errorOf(() => withKconfig(spec, {})).message).toMatch(/configuration, which is not known/);
  });

  test.each([
    ['HZ', '0x1ffffffff', /does not fit the 4 bytes/],
    ['HZ', 'y', /does not fit the type/],
    ['HZ', 'many', /is no number, text or y, n, m/],
    ['BPF_SYSCALL', 'm', /does not fit the type/],
    ['BPF_SYSCALL', '"text"', /does not fit the type/],
    ['IPV6', '2', /does not fit the type/],
    ['BPF_JIT', '300', /does not fit the byte/],
    ['DEFAULT_HOSTNAME', '"open', /without end/],
    ['DEFAULT_HOSTNAME', '12', /does not fit the type/],
  ])('CONFIG_%s=%s is refused', (name, value, message) => {
    const text = config.replace(new RegExp(`^CONFIG_${name}=.*$`, 'm'), `CONFIG_${name}=${value}`);
    const error = errorOf(() => withKconfig(spec, factsWith(text)));
    expect([error.code, error.message]).toEqual(['KCONFIG_VALUE', expect.stringMatching(message)]);
  });

  test.each([
    ['HZ', '-1', 0xffff_ffffn],
    ['HZ', '0x10', 16n],
    ['HZ', '010', 8n],
    ['NR_CPUS', '18446744073709551615', (1n << 64n) - 1n],
    ['BPF_SYSCALL', 'n', 0n],
    ['BPF_SYSCALL', '1', 1n],
    ['IPV6', 'n', 0n],
    ['DEFAULT_HOSTNAME', '"abcdefghij"', 0x67666564636261n],
  ])('CONFIG_%s=%s is %d', (name, value, expected) => {
    const text = config.replace(new RegExp(`^CONFIG_${name}=.*$`, 'm'), `CONFIG_${name}=${value}`);
    expect(configured(withKconfig(spec, factsWith(text)), `CONFIG_${name}`)).toBe(expected);
  });
});

test('the types that the kernel gets hold no extern, and keep their numbers', () => {
  const btf = parseBtf(kernelBtf(withKconfig(spec, factsWith(config)))!);
  expect(btf.typeCount).toBe(spec.btf!.typeCount);
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if ('linkage' in type) expect([type.name, type.linkage]).not.toEqual([type.name, 'extern']);
    if (type.kind === 'var') expect(btf.sizeOf(id)).toBeGreaterThan(0);
  }
  expect(btf.findByName('.ksyms')).toBeUndefined();
  expect(btf.type(btf.findByName('.kconfig', 'datasec')!)).toMatchObject({ vars: { length: 10 } });
});
