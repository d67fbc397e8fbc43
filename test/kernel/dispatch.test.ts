import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { IpProtocol, ipv4Frame } from '../../examples/frames.ts';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { readObject } from '../../src/elf/index.ts';
import { XdpAction } from '../../src/isa/index.ts';
import { loadCollection } from '../../src/kernel/index.ts';
import { collect, type ObjectSpec } from '../../src/object/index.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

const generations = ['', 'clang-14', 'clang-16'] as const;
const objectOf = (name: string, clang: string): Uint8Array =>
  new Uint8Array(readFileSync(clang === '' ? `bpf/${name}.o` : `bpf/generations/${name}.${clang}.bpfel.o`));
const assembled = (name: string): ObjectSpec =>
  collect(assembleOrThrow({ name, text: readFileSync(`bpf/${name}.s`, 'utf8') }).object);

describeKernel('the protocol dispatcher', () => {
  test.each(generations)('as %s clang compiled it runs the handler of each protocol', (clang) => {
    using collection = loadCollection(objectOf('protocol_dispatch', clang), { programs: ['xdp_classifier'] });
    expect([...collection.programs.keys()].sort()).toEqual([
      'handle_icmp',
      'handle_tcp',
      'handle_udp',
      'packet_classifier',
    ]);
    const classifier = collection.program('packet_classifier');
    const counters = (): bigint[] => [
      ...new BigUint64Array((collection.variable('handled').get() as Uint8Array).slice().buffer),
    ];
    const expected = [0n, 0n, 0n];
    for (const [slot, protocol] of [IpProtocol.ICMP, IpProtocol.TCP, IpProtocol.UDP].entries()) {
      expect(classifier.testRun({ data: ipv4Frame(protocol) }).retval).toBe(XdpAction.PASS);
      expected[slot] = 1n;
      expect(counters()).toEqual(expected);
      expect(collection.variable('last_protocol').get()).toBe(protocol);
    }
  });

  test('as assembled tells by its verdict who ran, and falls through a slot that was deleted', () => {
    using collection = loadCollection(assembled('protocol_dispatch'));
    const classify = (protocol: number): number =>
      collection.program('classify').testRun({ data: ipv4Frame(protocol) }).retval;
    expect(classify(IpProtocol.ICMP)).toBe(XdpAction.TX);
    expect(classify(IpProtocol.TCP)).toBe(XdpAction.DROP);
    expect(classify(IpProtocol.UDP)).toBe(XdpAction.ABORTED);
    expect(classify(50)).toBe(XdpAction.PASS);
    expect(collection.map('handlers').delete(1)).toBe(true);
    expect(classify(IpProtocol.TCP)).toBe(XdpAction.PASS);
    collection.map('handlers').set(1, collection.program('handle_icmp'));
    expect(classify(IpProtocol.TCP)).toBe(XdpAction.TX);
  });

  test('a slot is written with a program and read as its id', () => {
    using collection = loadCollection(assembled('protocol_dispatch'));
    const { programs } = collection;
    expect([...collection.map('handlers').entries()]).toEqual([
      [0, programs.get('handle_icmp')!.id],
      [1, programs.get('handle_tcp')!.id],
      [2, programs.get('handle_udp')!.id],
    ]);
  });
});

describeKernel('programs in sections of older conventions', () => {
  test.each(generations)('the jump table as %s clang compiled it', (clang) => {
    using collection = loadCollection(objectOf('jump_table', clang));
    const run = (): number => collection.program('classifier').testRun({ data: new Uint8Array(64) }).retval;
    const table = collection.map('jmp_table');
    expect(run()).toBe(3);
    for (const slot of [0, 1]) table.set(slot, collection.program(`classifier/${slot}`));
    expect(run()).toBe(1);
    table.delete(1);
    expect(run()).toBe(0);
    table.delete(0);
    expect(run()).toBe(3);
    expect(errorOf(() => collection.program('classifier/2')).message).toMatchInlineSnapshot(
      `"there is no program 'classifier/2'; there are: bpf_func_0, bpf_func_1, entry"`,
    );
  });

  test.each(generations)(
    'a legacy root array as %s clang compiled it runs the first slot that is filled',
    (clang) => {
      using collection = loadCollection(objectOf('legacy_root_array', clang));
      const run = (): number => collection.program('xdp-root').testRun({ data: new Uint8Array(64) }).retval;
      const root = collection.map('root_array');
      expect(run()).toBe(XdpAction.PASS);
      root.set(2, collection.program('xdp/tx'));
      expect(run()).toBe(XdpAction.TX);
      root.set(0, collection.program('xdp/drop'));
      expect(run()).toBe(XdpAction.DROP);
    },
  );

  test('objects in the other byte order are read, and refused only by the load', () => {
    for (const name of ['protocol_dispatch', 'jump_table', 'legacy_root_array', 'tail_call_limit']) {
      const bytes = new Uint8Array(readFileSync(`bpf/generations/${name}.clang-19.bpfeb.o`));
      expect(readObject(bytes).endian).toBe('big');
      expect(errorOf(() => loadCollection(bytes)).code).toBe('ENDIAN_FOREIGN');
    }
  });
});
