import { describe, expect, test } from 'vitest';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { KernelFeatures } from '../../src/kernel/features/features.ts';
import { acceptedName, allowMemory } from '../../src/kernel/features/features-fallback.ts';
import { loadBtf } from '../../src/kernel/load/load-btf.ts';
import { btfLoadAttr, mapCreateAttr, progLoadAttr } from '../../src/syscall/bpf-attr.ts';
import { encodeText } from '../../src/util/bytes.ts';
import type { TsbpfError } from '../../src/util/errors.ts';
import { objectSpec } from '../support/bpf-code.ts';
import { type FakeNative, useFakeNative } from '../support/fake-native.ts';

const fake = useFakeNative();
const EPERM = -1;
const EACCES = -13;
const EINVAL = -22;

/** A kernel whose types are these enumerations. */
function types(enums: Readonly<Record<string, readonly string[]>>): ReturnType<typeof parseBtf> {
  const btf = new BtfBuilder();
  for (const [name, values] of Object.entries(enums))
    btf.enum(name, Object.fromEntries(values.map((value, index) => [value, index])));
  return parseBtf(btf.build('little'), 'fake');
}

/** Answers programs and maps by what they are; `log` is what the verifier writes about a refusal. */
function kernel(
  native: FakeNative,
  answer: (command: string, attr: Uint8Array) => number,
  log = '',
): () => number {
  let asked = 0;
  native.answerAll((call, memory) => {
    if (!memory.named(call, 'bpf')) return 0;
    asked++;
    const { command, attr } = memory.bpf(call);
    const result = answer(command, attr);
    if (command !== 'PROG_LOAD' || result >= 0) return result;
    const { log_buf } = progLoadAttr.decode(attr);
    if (log_buf !== 0n) memory.at(log_buf).set(encodeText(`${log}\0`));
    return result;
  });
  return () => asked;
}

const version = (6 << 16) | (1 << 8);

describe('an answer', () => {
  test('is no without asking where the types of the kernel do not name it', () => {
    const asked = kernel(fake(), () => 3);
    const btf = types({ bpf_map_type: ['BPF_MAP_TYPE_HASH'], bpf_prog_type: ['BPF_PROG_TYPE_XDP'] });
    const features = new KernelFeatures({ version, btf });
    expect(features.ask('map/arena')).toEqual({
      state: 'no',
      why: 'the types of this kernel do not name it',
    });
    expect(features.ask('program/netfilter').state).toBe('no');
    expect(asked()).toBe(0);
    expect(features.ask('map/hash').state).toBe('yes');
    expect(asked()).toBe(1);
  });

  test.each([
    [5, 'yes', 'a program loads'],
    [EACCES, 'yes', 'the verifier looks at such programs'],
    [EINVAL, 'no', 'the kernel does not take such programs (EINVAL)'],
    [-38, 'no', 'this kernel was built without bpf(2)'],
    [EPERM, 'unknown', expect.stringMatching(/EPERM/)],
    [-12, 'unknown', 'out of memory (ENOMEM)'],
  ])('to a program is told by %i: %s', (result, state, why) => {
    kernel(fake(), () => result);
    const answer = new KernelFeatures({ version }).ask('program/socket_filter');
    expect(answer).toEqual({ state, why, ...(result < 0 && result !== EACCES && { errno: -result }) });
  });

  test('is kept where it is firm, and asked again where it is not', () => {
    let result = EPERM;
    const asked = kernel(fake(), () => result);
    const features = new KernelFeatures({ version });
    expect(features.ask('map/array').state).toBe('unknown');
    result = 7;
    expect(features.ask('map/array').state).toBe('yes');
    result = EINVAL;
    expect(features.ask('map/array').state).toBe('yes');
    expect(asked()).toBe(2);
  });

  test('can be given', () => {
    const asked = kernel(fake(), () => 3);
    const features = new KernelFeatures({}, { answers: { 'isa/jmp32': 'no', 'isa/unsigned-less': 'yes' } });
    expect(features.ask('isa/v3')).toEqual({ state: 'no', why: 'as given' });
    expect(features.has('isa/v2')).toBe(true);
    expect(asked()).toBe(0);
  });

  test.each([
    ['mapp/hash', "'mapp' is no kind of feature", "did you mean 'map'?"],
    ['map/hasch', "there is no map 'hasch' to ask about", "did you mean 'hash'?"],
  ])('to %s is refused', (name, message, hint) => {
    expect(() => new KernelFeatures({}).ask(name)).toThrow(
      expect.objectContaining({ code: 'FEATURE_UNKNOWN', message, hint }) as TsbpfError,
    );
  });
});

describe('a helper', () => {
  /** The program without a call loads; one with a call gets this answer. */
  function helper(result: number, log: string): ReturnType<KernelFeatures['ask']> {
    kernel(
      fake(),
      (command, attr) => (command === 'PROG_LOAD' && progLoadAttr.decode(attr).insn_cnt > 2 ? result : 4),
      log,
    );
    return new KernelFeatures({ version }).ask('helper/xdp/bpf_redirect');
  }

  test.each([
    [9, '', 'yes'],
    [EACCES, 'R1 type=ctx expected=scalar', 'yes'],
    // Linux to 6.9, and after.
    [EINVAL, 'unknown func bpf_redirect#23', 'no'],
    [EINVAL, 'program of this type cannot use helper bpf_redirect#23', 'no'],
    [EINVAL, 'helper call might sleep in a non-sleepable prog', 'yes'],
    // Words that are not known are not understood as a no.
    [EINVAL, 'Verification failed: something else', 'unknown'],
    [EINVAL, 'unknown func bpf_other#24', 'unknown'],
    [EPERM, '', 'unknown'],
  ])('that is answered with %i and %j is: %3$s', (result, log, state) => {
    expect(helper(result, log).state).toBe(state);
  });
});

describe('a kernel without', () => {
  test('names gets none', () => {
    const old = new KernelFeatures({}, { answers: { 'kernel/names': 'no' } });
    expect(acceptedName('counts', old)).toBe('');
    const dotless = new KernelFeatures(
      {},
      { answers: { 'kernel/names': 'yes', 'kernel/dots-in-names': 'no' } },
    );
    expect(acceptedName('.rodata', dotless)).toBe('_rodata');
    expect(acceptedName('counts', dotless)).toBe('counts');
  });

  test('names is found out by E2BIG or EINVAL', () => {
    kernel(fake(), (command, attr) =>
      command === 'MAP_CREATE' && mapCreateAttr.decode(attr).map_name !== '' ? -7 : 5,
    );
    expect(acceptedName('counts', new KernelFeatures({ version: (4 << 16) | (9 << 8) }))).toBe('');
  });

  test('accounting of memory by cgroup has its limit lifted, once; others are left alone', () => {
    const native = fake();
    native.answerAll(() => 0);
    const limits = (): number => native.calls.filter((call) => native.named(call, 'prlimit64')).length;
    allowMemory(new KernelFeatures({ version }));
    expect(limits()).toBe(0);
    const old = new KernelFeatures({}, { answers: { 'kernel/memcg-accounting': 'no' } });
    allowMemory(old);
    allowMemory(old);
    expect(limits()).toBe(1);
    const [call] = native.calls.filter((each) => native.named(each, 'prlimit64'));
    expect(native.at(call!.args[2]!)).toEqual(new Uint8Array(16).fill(0xff));
  });

  test.each([
    [(4 << 16) | (19 << 8), EINVAL, 'no'],
    [(4 << 16) | (19 << 8), 6, 'yes'],
    [(5 << 16) | (11 << 8), EINVAL, 'yes'],
  ])('types is asked for a helper of 5.11 unless its version tells: %i, %i: %s', (release, result, state) => {
    kernel(fake(), () => result);
    expect(new KernelFeatures({ version: release }).ask('kernel/memcg-accounting').state).toBe(state);
  });
});

describe('types that an object has', () => {
  const object = (() => {
    const btf = new BtfBuilder();
    const int = btf.int('int', 4, { signed: true });
    btf.enum64('wide', { A: 1n });
    btf.float('float', 4);
    btf.ptr(btf.typeTag('user', int));
    return { ...objectSpec({ functions: [] }), btf: parseBtf(btf.build('little'), 'object') };
  })();

  /** Takes types unless they have one of these kinds; answers the types that it took. */
  function taking(...unknownKinds: number[]): () => Uint8Array | undefined {
    let taken: Uint8Array | undefined;
    const native = fake();
    kernel(native, (command, attr) => {
      if (command !== 'BTF_LOAD') return 3;
      const bytes = native.at(btfLoadAttr.decode(attr).btf);
      if (kindsOf(bytes).some((kind) => unknownKinds.includes(kind))) return EINVAL;
      taken = bytes;
      return 8;
    });
    return () => taken;
  }
  const ENUM64 = 19;
  const FLOAT = 16;
  const TYPE_TAG = 18;

  test('are loaded as they are where the kernel takes them, with one call', () => {
    const taken = taking();
    loadBtf(object)?.close();
    expect(kindsOf(taken()!)).toEqual(expect.arrayContaining([ENUM64, FLOAT, TYPE_TAG]));
    expect(fake().calls.filter((call) => fake().named(call, 'bpf'))).toHaveLength(1);
  });

  test('lose what an old kernel does not take, and only that', () => {
    const taken = taking(ENUM64, TYPE_TAG);
    const fd = loadBtf(object);
    expect(fd).toBeDefined();
    fd?.close();
    const kinds = kindsOf(taken()!);
    expect(kinds).toContain(FLOAT);
    expect(kinds).not.toContain(ENUM64);
    expect(kinds).not.toContain(TYPE_TAG);
  });

  test('are given up where the kernel takes none', () => {
    kernel(fake(), () => EINVAL);
    expect(loadBtf(object)).toBeUndefined();
  });

  test('are decided by answers that were given', () => {
    const asked: number[][] = [];
    const native = fake();
    kernel(native, (_, attr) => {
      asked.push(kindsOf(native.at(btfLoadAttr.decode(attr).btf)));
      return 8;
    });
    const answers = Object.fromEntries(
      ['func', 'globalFunc', 'datasec', 'questionMarkDatasec', 'declTag', 'typeTag', 'enum64'].map((name) => [
        `btf/${name}`,
        'yes' as const,
      ]),
    );
    loadBtf(
      object,
      new KernelFeatures(
        {},
        { answers: { ...answers, 'btf/float': 'no', 'kernel/memcg-accounting': 'yes' } },
      ),
    )?.close();
    expect(asked).toHaveLength(1);
    expect(asked[0]).not.toContain(FLOAT);
    expect(asked[0]).toContain(ENUM64);
  });
});

/** The kind numbers of all types, from the bytes. */
function kindsOf(bytes: Uint8Array): number[] {
  const btf = parseBtf(bytes, 'taken');
  const view = new DataView(btf.bytes.buffer, btf.bytes.byteOffset);
  return Array.from(
    { length: btf.typeCount - 1 },
    (_, index) => (view.getUint32(btf.offsetOf(index + 1) + 4, true) >>> 24) & 0x1f,
  );
}

test('every type of program and map can be asked about', () => {
  kernel(fake(), () => EINVAL);
  const features = new KernelFeatures({ version });
  for (const [kind, table] of [
    ['program', ProgType],
    ['map', MapType],
  ] as const) {
    for (const name of Object.keys(table).filter(
      (each) => each !== 'UNSPEC' && !each.endsWith('_DEPRECATED'),
    ))
      expect(['no', 'unknown'], name).toContain(features.ask(`${kind}/${name.toLowerCase()}`).state);
  }
});
