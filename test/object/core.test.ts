import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseBtf } from '../../src/btf/index.ts';
import { readObject, writeElf } from '../../src/elf/index.ts';
import { runningKernel } from '../../src/kernel/index.ts';
import {
  bind,
  type KernelFacts,
  link,
  lower,
  type ObjectSpec,
  parseKconfig,
  withKconfig,
} from '../../src/object/index.ts';
import { fromHex, toHex } from '../../src/util/bytes.ts';
import { TsbpfError } from '../../src/util/errors.ts';
import { askLibbpf, hasLibbpf } from '../oracle/libbpf.ts';
import { fc, test as property } from '../support/property.ts';
import { coreModel, corePlan } from './core-model.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const hasTypes = existsSync(VMLINUX);
if (!hasTypes) console.log(`skipped: comparisons with libbpf on this kernel: there is no ${VMLINUX}`);

/** The first slot of each program, linked. */
function firstSlots(spec: ObjectSpec, facts: KernelFacts): Record<string, string> {
  const names = [...spec.functions.keys()];
  return Object.fromEntries(names.map((name) => [name, toHex(link(spec, name, facts).code.subarray(0, 8))]));
}

describe('random structs of a program against random ones of a kernel', () => {
  const order = fc.constantFrom('little' as const, 'big' as const);
  property.prop([corePlan, order], { numRuns: 300 })('are relocated as their layouts say', (plan, endian) => {
    const { spec, target, expected } = coreModel(plan, endian);
    expect(firstSlots(spec, { btf: parseBtf(target) })).toEqual(Object.fromEntries(expected));
  });

  (hasLibbpf() ? property : property.skip).prop([corePlan], { numRuns: 25 })('and as libbpf does', (plan) => {
    const { spec, target } = coreModel(plan);
    const object = writeElf(lower(spec));
    const [theirs] = askLibbpf([object], { btf: target });
    expect(theirs!.error).toBeUndefined();
    const slots = [...theirs!.programs.values()].map(({ name, slots }) => [name, slots[0]!]);
    expect(firstSlots(readObject(object), { btf: parseBtf(target) })).toEqual(Object.fromEntries(slots));
  });
});

describe('damaged types', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
  const spoil = (bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array => {
    const out = bytes.slice();
    // The header is left, so that most of what comes is types.
    for (const [at, value] of changes) out[24 + (at % (out.length - 24))] = value;
    return out;
  };

  property.prop([corePlan, damage, fc.boolean()], { numRuns: 500 })(
    'give an answer or an error of ours',
    (plan, changes, ofKernel) => {
      const { spec, target } = coreModel(plan);
      const work = (): void => {
        const btf = ofKernel ? spec.btf! : parseBtf(spoil(spec.btf!.bytes, changes));
        const facts = { btf: parseBtf(ofKernel ? spoil(target, changes) : target) };
        for (const name of spec.functions.keys()) {
          try {
            for (const { reason } of link({ ...spec, btf }, name, facts).poisoned)
              expect(reason).not.toBe('');
          } catch (error) {
            if (!(error instanceof TsbpfError)) throw error;
          }
        }
      };
      try {
        work();
      } catch (error) {
        if (!(error instanceof TsbpfError)) throw error;
      }
    },
  );
});

/** libbpf 1.1 leaves the call of a weak function without a number; ours says which function it was. */
const WEAK_CALL = '8520000000000000';

describe('compiled objects are relocated against this kernel as libbpf does', () => {
  const cases = ['core', 'externs'].flatMap((name) => [14, 16, 19].map((clang) => [name, clang] as const));
  test.skipIf(!hasTypes || !hasLibbpf()).each(cases)('%s, clang %i', (name, clang) => {
    const bytes = new Uint8Array(
      readFileSync(new URL(`../btf/fixtures/objects/${name}-${clang}.o`, import.meta.url)),
    );
    const [theirs] = askLibbpf([bytes]);
    expect(theirs!.error).toBeUndefined();
    const spec = withKconfig(readObject(bytes), runningKernel());
    const fdOf = (map: string): number => theirs!.fds.get(map)!;
    for (const { name: program, slots } of theirs!.programs.values()) {
      const linked = link(spec, program, runningKernel());
      const ours = toHex(bind(linked, { map: fdOf, mapValue: fdOf })).match(/.{16}/g);
      const weak = new Set(linked.poisoned.filter(({ helper }) => helper > 2e9).map(({ slot }) => slot));
      expect([program, ours]).toEqual([
        program,
        slots.map((slot, index) => (weak.has(index) && slot === WEAK_CALL ? ours![index] : slot)),
      ]);
    }
    expect(configuration(spec, theirs!.maps.get('.kconfig')?.initial)).toBe(configuration(spec));
  });
});

describe('configuration values are written as libbpf writes them', () => {
  const number = fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(String),
    fc.nat(2 ** 31 - 1).map((value) => `0x${value.toString(16)}`),
    fc.nat(2 ** 20).map((value) => `0${value.toString(8)}`),
  );
  const config = fc.record({
    CONFIG_HZ: number,
    CONFIG_NR_CPUS: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String),
    CONFIG_IPV6: fc.constantFrom('y', 'n', 'm'),
    CONFIG_BPF_SYSCALL: fc.constantFrom('y', 'n'),
    CONFIG_BPF_JIT: fc.constantFrom('y', 'n', 'm', '0', '7', '127'),
    CONFIG_NO_SUCH_OPTION: fc.nat(65535).map(String),
    CONFIG_DEFAULT_HOSTNAME: fc.stringMatching(/^[a-z().]{0,12}$/).map((text) => `"${text}"`),
  });
  const bytes = new Uint8Array(
    readFileSync(new URL('../btf/fixtures/objects/externs-19.o', import.meta.url)),
  );

  (hasTypes && hasLibbpf() ? property : property.skip).prop([config], { numRuns: 20 })(
    'whatever they are',
    (values) => {
      const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
      const kconfig = lines.join('');
      const [theirs] = askLibbpf([bytes], { kconfig });
      expect(theirs!.error).toBeUndefined();
      const { version, btf } = runningKernel();
      const spec = withKconfig(readObject(bytes), { version, btf, kconfig: parseKconfig(kconfig) });
      expect(configuration(spec, theirs!.maps.get('.kconfig')!.initial)).toBe(configuration(spec));
    },
  );
});

/** The bytes of `.kconfig` without the one that libbpf finds out with a kprobe, which not every kernel lets it set. */
function configuration(spec: ObjectSpec, hex?: string): string {
  const entry = spec.maps.get('.kconfig')?.contents[0];
  const bytes = hex === undefined ? (entry?.kind === 'bytes' ? entry.value : new Uint8Array()) : fromHex(hex);
  const probed = spec.variables.get('LINUX_HAS_SYSCALL_WRAPPER')?.offset;
  return toHex(bytes.filter((_, index) => index !== probed));
}
