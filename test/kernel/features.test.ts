import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { HELPERS_BY_PROG_TYPE } from '../../src/isa/helper-protos.generated.ts';
import { HELPERS } from '../../src/isa/helpers.generated.ts';
import { runningKernel } from '../../src/kernel/facts.ts';
import { FEATURE_KINDS, featureNames, KernelFeatures } from '../../src/kernel/features/features.ts';
import type { FeatureAnswer, FeatureState } from '../../src/kernel/features/features-answer.ts';
import { callHelper, probeWithLog, returns } from '../../src/kernel/features/features-probe.ts';
import {
  isAnswer,
  type ProgTypeName,
  programOf,
  variantsOf,
} from '../../src/kernel/features/features-programs.ts';
import { KernelTypes } from '../../src/kernel/features/features-types.ts';
import { loadCollection } from '../../src/kernel/load/collection.ts';
import { concatBytes } from '../../src/util/bytes.ts';
import { tsbpf } from '../support/cli.ts';
import { describeKernel } from '../support/kernel.ts';

interface Probed {
  readonly program_types: Readonly<Record<string, boolean>>;
  readonly map_types: Readonly<Record<string, boolean>>;
  readonly helpers: Readonly<Record<string, readonly string[]>>;
  readonly misc: Readonly<Record<string, boolean>>;
  readonly system_config: Readonly<Record<string, string | number | null>>;
}

function bpftool(): Probed | undefined {
  try {
    const out = execFileSync('/usr/sbin/bpftool', ['-j', 'feature', 'probe'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    return JSON.parse(out) as Probed;
  } catch (error) {
    console.warn(`skipped: features beside bpftool: ${(error as Error).message.split('\n')[0]}`);
    return undefined;
  }
}

const version = runningKernel().version ?? 0;
const kernel = (major: number, minor: number): boolean => version >= ((major << 16) | (minor << 8));

describeKernel('features', () => {
  const features = new KernelFeatures();
  const state = (name: string): FeatureState => features.ask(name).state;

  describe('are those that bpftool finds', () => {
    const probed = bpftool();

    test.skipIf(!probed)('types of programs', () => {
      const differing: [string, boolean, FeatureAnswer][] = [];
      for (const [key, has] of Object.entries(probed!.program_types)) {
        const name = key.match(/^have_(.*)_prog_type$/)![1]!;
        const answer = features.ask(`program/${name}`);
        if (answer.state !== (has ? 'yes' : 'no')) differing.push([name, has, answer]);
      }
      for (const [name, has, answer] of differing) {
        // bpftool tries fentry alone, and takes every refusal for a no.
        expect(has, name).toBe(false);
        if (name === 'tracing') expect(answer.state).toBe('yes');
        else expect(answer, name).toMatchObject({ state: 'unknown', errno: 1 });
        expect(['tracing', 'ext', 'lsm']).toContain(name);
      }
      // Where fentry can be loaded, there is nothing to differ about.
      if (state('attach/trace_fentry') === 'yes') expect(differing).toEqual([]);
    });

    test.skipIf(!probed)('types of maps', () => {
      const ours = Object.keys(probed!.map_types).map((key) => {
        const name = key.match(/^have_(.*)_map_type$/)![1]!;
        return [key, state(`map/${name}`) === 'yes'];
      });
      expect(Object.fromEntries(ours)).toEqual(probed!.map_types);
    });

    test.skipIf(!probed)('instruction sets and sizes', () => {
      expect({
        have_large_insn_limit: state('isa/large-programs') === 'yes',
        have_bounded_loops: state('isa/bounded-loops') === 'yes',
        have_v2_isa_extension: state('isa/v2') === 'yes',
        have_v3_isa_extension: state('isa/v3') === 'yes',
      }).toEqual(probed!.misc);
    });

    test.skipIf(!probed)('options of the kernel', () => {
      const shared = featureNames('option').filter((name) => name in probed!.system_config);
      expect(shared.length).toBeGreaterThan(20);
      for (const name of shared) {
        const { state, why } = features.ask(`option/${name}`);
        expect(state === 'yes' ? why : null, name).toBe(probed!.system_config[name]);
      }
    });

    test.skipIf(!probed)('helpers of each type of program', () => {
      const types = new KernelTypes(runningKernel().btf);
      const known = new Set(Object.values(probed!.helpers).flat());
      expect(known.size).toBeGreaterThan(150);
      for (const [key, list] of Object.entries(probed!.helpers)) {
        const type = key.replace(/_available_helpers$/, '');
        if (state(`program/${type}`) === 'unknown') continue;
        for (const { name, id } of HELPERS.filter((helper) => known.has(helper.name))) {
          const answer = features.ask(`helper/${type}/${name}`);
          if (list.includes(name) === (answer.state === 'yes')) continue;
          // bpftool 7.1 knows the words of kernels to 6.9 for a refusal, takes other words for a yes, and asks for one
          // attach type of each.
          if (list.includes(name)) {
            expect(answer.state, `${type} ${name}`).toBe('no');
            expect(refusals(types, type.toUpperCase() as ProgTypeName, id), `${type} ${name}`).toEqual([]);
          } else {
            // It loads every type as nothing; what a type is loaded as decides about its helpers.
            const attachTypes = variantsOf(type.toUpperCase() as ProgTypeName).flatMap(
              (variant) => variant.attachType ?? [],
            );
            expect(attachTypes, `${type} ${name}: ${answer.why}`).not.toEqual([]);
          }
        }
      }
    });
  });

  test('helpers that the table of 6.18 has for a type are there on 6.18', ({ skip }) => {
    if (!kernel(6, 18) || kernel(6, 19)) skip('this is another kernel');
    const differing: string[] = [];
    for (const [type, ids] of Object.entries(HELPERS_BY_PROG_TYPE)) {
      if (state(`program/${type.toLowerCase()}`) !== 'yes') continue;
      for (const { id, name } of HELPERS.filter((helper) => !BY_SETTING.has(helper.name))) {
        const answer = state(`helper/${type.toLowerCase()}/${name}`);
        if (answer !== 'unknown' && ids.includes(id) !== (answer === 'yes'))
          differing.push(`${type} ${name} ${answer}`);
      }
    }
    expect(differing).toMatchInlineSnapshot(`
      [
        "TRACEPOINT bpf_get_func_ip no",
        "PERF_EVENT bpf_get_func_ip no",
        "RAW_TRACEPOINT bpf_get_func_ip no",
        "RAW_TRACEPOINT_WRITABLE bpf_get_func_ip no",
        "TRACING bpf_get_cgroup_classid yes",
        "TRACING bpf_strtol yes",
        "TRACING bpf_strtoul yes",
        "SYSCALL bpf_sk_storage_get no",
        "SYSCALL bpf_sk_storage_delete no",
        "SYSCALL bpf_d_path no",
        "SYSCALL bpf_get_func_ip no",
      ]
    `);
  });

  test('instruction sets are those of the kernel’s age', () => {
    expect(state('isa/atomics')).toBe('yes');
    expect(state('isa/v4')).toBe(kernel(6, 6) ? 'yes' : 'no');
    expect(state('isa/may-goto')).toBe(kernel(6, 9) ? 'yes' : 'no');
    expect(state('isa/addr-space-cast')).toBe(kernel(6, 9) ? 'yes' : 'no');
    expect(state('isa/load-acquire')).toBe(kernel(6, 15) ? 'yes' : 'no');
  });

  test('what types and attach types need is told from what is refused', () => {
    expect(state('attach/tcx_ingress')).toBe(kernel(6, 6) ? 'yes' : 'no');
    expect(state('attach/netfilter')).toBe(kernel(6, 4) ? 'yes' : 'no');
    expect(state('attach/trace_uprobe_multi')).toBe(kernel(6, 6) ? 'yes' : 'no');
    expect(state('map/arena')).toBe(kernel(6, 9) ? 'yes' : 'no');
    expect(state('kernel/token')).toBe(kernel(6, 9) ? 'yes' : 'no');
    expect(state('kernel/bpf-cookie')).toBe('yes');
    expect(state('kernel/memcg-accounting')).toBe('yes');
    for (const name of ['trace_fentry', 'trace_fexit', 'modify_return', 'lsm_mac']) {
      const answer = features.ask(`attach/${name}`);
      if (answer.state !== 'yes') expect(answer, name).toMatchObject({ state: 'unknown', errno: 1 });
    }
  });

  test('kfuncs are those that the kernel marks', () => {
    // A kernel whose types were made with pahole before 1.26 marks none, as Debian's 6.12; 6.1 has it not at all.
    const marked = state('kfunc/bpf_rcu_read_lock');
    expect(kernel(6, 2) ? ['yes', 'unknown'] : ['no']).toContain(marked);
    if (kernel(6, 18)) expect(marked).toBe('yes');
    expect(state('kfunc/no_such_function')).toBe('no');
    expect(state('kfunc/bpf_prog_load')).not.toBe('yes');
  });

  test('types of every kind are taken', () => {
    expect(features.btf()).toMatchObject({
      func: true,
      datasec: true,
      float: true,
      typeTag: true,
      enum64: true,
    });
    expect(features.btf().questionMarkDatasec).toBe(kernel(6, 9));
  });
});

describeKernel('docs/features.md', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const text = readFileSync(join(root, 'docs', 'features.md'), 'utf8');
  const examples = [...text.matchAll(/```ts\n(.*?)```\n\n```text\n(.*?)```/gs)].map(([, code, output]) => [
    code!,
    output!,
  ]);

  test('has examples', () => {
    expect(examples).toHaveLength(3);
  });

  // The page shows what Linux 6.18 answers.
  test.skipIf(!kernel(6, 18)).each(examples)('prints what it says: %s', (code, output) => {
    mkdirSync(join(root, '.tmp'), { recursive: true });
    const dir = mkdtempSync(join(root, '.tmp', 'features-'));
    try {
      const file = join(dir, 'example.ts');
      writeFileSync(file, code);
      const printed = execFileSync(process.execPath, [join(root, 'scripts', 'run-ts.mjs'), file], {
        cwd: root,
        encoding: 'utf8',
      });
      expect(printed).toBe(output);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('names every kind', () => {
    expect([...text.matchAll(/^\| `(\w+)` +\|/gm)].map(([, kind]) => kind)).toEqual([...FEATURE_KINDS]);
  });
});

describeKernel('an object that is loaded as for an old kernel', () => {
  const names = featureNames('btf');

  test.each([
    ['without functions', names.filter((name) => name !== 'int')],
    [
      'without sections',
      ['datasec', 'questionMarkDatasec', 'declTag', 'typeTag', 'float', 'enum64', 'globalFunc'],
    ],
    ['without tags', ['declTag', 'typeTag', 'enum64']],
  ])('%s works as well', (_, missing) => {
    const answers = Object.fromEntries(
      names.map((name) => [`btf/${name}`, missing.includes(name) ? ('no' as const) : ('yes' as const)]),
    );
    const object = readFileSync(new URL('../../bpf/jump_table.o', import.meta.url));
    using plain = loadCollection(object);
    using old = loadCollection(object, { features: new KernelFeatures(runningKernel(), { answers }) });
    expect([...old.programs.keys()]).toEqual([...plain.programs.keys()]);
    for (const [name, program] of old.programs)
      expect(program.info().tag).toBe(plain.program(name).info().tag);
  });
});

describeKernel('tsbpf features', () => {
  test('answers by its exit code where single names are asked for', () => {
    expect(tsbpf(['features', 'map/hash', 'program/xdp'])).toMatchObject({
      status: 0,
      stdout: 'map\nhash  yes\n\nprogram\nxdp      yes\n',
    });
    expect(tsbpf(['features', 'kfunc/no_such_function'])).toMatchObject({ status: 1 });
    expect(tsbpf(['features', 'helper/struct_ops/bpf_redirect'])).toMatchObject({
      status: 3,
      stdout:
        'helper\nstruct_ops/bpf_redirect  not told  that depends on what such a program stands in for\n',
    });
    expect(tsbpf(['features', 'mapp'])).toMatchObject({
      status: 2,
      stderr: "error[FEATURE_UNKNOWN]: 'mapp' is no kind of feature\nhelp: did you mean 'map'?\n",
    });
  });

  test('prints the answers of another machine', () => {
    const { stdout } = tsbpf(['features', '--json', 'map', 'isa/v4']);
    const dir = mkdtempSync('/tmp/tsbpf-features-');
    try {
      const file = join(dir, 'there.json');
      writeFileSync(file, stdout.replace(/("v4": \{\s*"state": )"\w+"/, '$1"no"'));
      expect(tsbpf(['features', '--from', file, 'isa/v4']).status).toBe(1);
      expect(tsbpf(['features', '--from', file, 'map/hash']).status).toBe(0);
      expect(tsbpf(['features', '--from', file, 'btf/func'])).toMatchObject({
        status: 3,
        stdout: `btf\nfunc  not told  it is not in ${file}\n`,
      });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

/** Helpers that lockdown and CONFIG_BPF_KPROBE_OVERRIDE decide about. */
const BY_SETTING: ReadonlySet<string> = new Set(['bpf_probe_write_user', 'bpf_override_return']);

/** Variants of a type whose refusal of a helper does not name it. */
function refusals(types: KernelTypes, type: ProgTypeName, id: number): string[] {
  return variantsOf(type).flatMap((variant) => {
    const plain = programOf(type, variant, types);
    if (isAnswer(plain)) return [];
    const code = concatBytes([callHelper(id), returns(variant.returns ?? 0)]);
    const { result, log } = probeWithLog({ ...plain, code }, version);
    return result < 0 && (log.includes(`#${id}`) || log === '') ? [] : [`${result} ${log}`];
  });
}
