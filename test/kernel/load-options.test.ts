import { expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { loadCollection, typedVariable } from '../../src/kernel/index.ts';
import { collect } from '../../src/object/index.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';
import { countingText, hits, loadText } from '../support/link-programs.ts';

const words = (error: Error & { hint?: string }): string =>
  `${error.message}${error.hint ? ` [${error.hint}]` : ''}`;

const events = collect(
  assembleOrThrow(`
    .license "GPL"
    .struct event { u32 pid; char comm[16]; u64 total; }
    .var const char wanted[8]
    .var struct event last = { .pid = 1, .comm = "init" }
    .var u16 ports[2]
    .var u32 size = 7
    .var u64 total
    .program pass, "xdp"
    r1 = wanted ll
    r0 = *(u8 *)(r1 + 1)
    r1 = total ll
    r2 = 1
    lock *(u64 *)(r1 + 0) += r2
    exit
`).object,
);

describeKernel('variables of a load', () => {
  test('are given as their types have them', () => {
    using collection = loadCollection(events, {
      variables: { wanted: 'curl', last: { pid: 5, comm: 'node' }, ports: [80, 443], total: 6n },
    });
    const read = (name: string): unknown => typedVariable(collection, name).get();
    expect(['wanted', 'last', 'ports'].map(read)).toEqual([
      'curl',
      { pid: 5, comm: 'node', total: 0n },
      [80, 443],
    ]);
    expect(collection.program('pass').testRun({ data: new Uint8Array(64) }).retval).toBe('u'.charCodeAt(0));
    expect(collection.variable('total').get()).toBe(7n);
    const refused = (variables: Record<string, string | object>): string =>
      words(errorOf(() => loadCollection(events, { variables }).close()));
    expect(refused({ wanted: 'far too long a name' })).toMatchInlineSnapshot(
      `"variable 'wanted'.length is 19, but must be a whole number from 0 to 8"`,
    );
    expect(refused({ last: { pid: 'five' } })).toMatchInlineSnapshot(
      `"variable 'last'.pid must be a number, but is of type string"`,
    );
    expect(refused({ last: { pid: 5, com: 'node' } })).toMatchInlineSnapshot(
      `"variable 'last' has no member 'com' [did you mean 'comm'?]"`,
    );
    expect(refused({ ports: [1, 2, 3] })).toMatchInlineSnapshot(
      `"variable 'ports'.length is 3, but must be a whole number from 0 to 2"`,
    );
    expect(refused({ total: 'six' })).toMatchInlineSnapshot(
      `"variable 'total' must be a number, but is of type string"`,
    );
  });

  test('are members of a collection by their names', () => {
    using collection = loadCollection(events);
    const { variables } = collection;
    variables.total?.set(41n);
    variables.total?.add(1);
    expect(variables.get('total')?.get()).toBe(42n);
    // What maps have keeps its meaning.
    expect([variables.size, variables.get('size')?.get()]).toEqual([5, 7]);
    expect([...variables.keys()].sort()).toEqual(['last', 'ports', 'size', 'total', 'wanted']);
  });
});

const TARGETED = countingText('tp_btf', 0);

describeKernel('the target of a program', () => {
  test('is named by the load where its section does not', () => {
    using collection = loadText(TARGETED, { targets: { probe: 'sys_enter' } });
    using _link = collection.program('probe').attach();
    process.getgroups?.();
    expect(hits(collection)).toBeGreaterThan(0n);
  });

  test('takes the place of the one that its section names', () => {
    using collection = loadText(TARGETED.replace('"tp_btf"', '"tp_btf/sched_process_fork"'), {
      targets: { 'tp_btf/sched_process_fork': 'sys_enter' },
    });
    using _link = collection.program('probe').attach();
    process.getgroups?.();
    expect(hits(collection)).toBeGreaterThan(0n);
  });

  test('says what is wrong', () => {
    const refused = (text: string, targets: Record<string, string>): string =>
      words(errorOf(() => loadText(text, { targets }).close()));
    expect(refused(TARGETED, {})).toMatchInlineSnapshot(
      `"program 'probe' does not say which tracepoint it is for [name it behind the slash of its section, as in tp_btf/sched_switch or fentry/do_unlinkat, or in targets]"`,
    );
    expect(refused(TARGETED, { probe: 'sys_entr' })).toMatch(/^the kernel has no tracepoint 'sys_entr'/);
    expect(refused(TARGETED, { prob: 'sys_enter' })).toMatchInlineSnapshot(
      `"there is no program or section 'prob'; there are probe (tp_btf) [did you mean 'probe'?]"`,
    );
    expect(refused(TARGETED.replace('tp_btf', 'raw_tp'), { probe: 'sys_enter' })).toMatchInlineSnapshot(
      `"program 'probe' of type raw_tracepoint is loaded for no target [it is told where it goes when it is attached]"`,
    );
    expect(refused(TARGETED.replace('tp_btf', 'freplace'), { probe: 'main' })).toMatchInlineSnapshot(
      `"program 'probe' does not say which program's function it is for [name the program when it is loaded: targets: { probe: { program } }]"`,
    );
  });
});
