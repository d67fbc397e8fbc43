import { describe, expect, test } from 'vitest';
import { type LogOptions, loadCollection, Program, VerifierError } from '../../src/kernel/index.ts';
import { encodeText, viewOf } from '../../src/util/bytes.ts';
import { functionSpec, objectSpec, returns } from '../support/bpf-code.ts';
import { useFakeNative } from '../support/fake-native.ts';

const fake = useFakeNative();

/** A verification that was asked for: the log's level and the size of its buffer. */
type Asked = [level: number, size: number];

const MIB = 1024 * 1024;
const WAY = '0: R1=ctx() R10=fp0\n0: (bf) r6 = r1    ; R6=ctx()\n';
const REASON = 'R3 !read_ok\n';
const NUMBERS = 'processed 123 insns (limit 1000000) max_states_per_insn 0\n';
const FULL = `${WAY}123: (bf) r0 = r3\n${REASON}${NUMBERS}`;

interface Kernel {
  /** Bytes of the log at level 1. */
  readonly size: number;
  readonly errno?: number;
  /** From 6.4 on the end is kept and the size told; from 5.2 on buffers may be large and level 4 is known. */
  readonly version: '5.1' | '5.2' | '6.4';
  /** It refuses for the log alone. */
  readonly good?: boolean;
}

/** Answers as kernels of that version do. @returns what they were asked */
function kernel({ size, errno = 13, version, good = false }: Kernel): Asked[] {
  const asked: Asked[] = [];
  fake().answerAll((call, memory) => {
    if (!memory.named(call, 'bpf') || memory.bpf(call).command !== 'PROG_LOAD') return 0;
    const view = viewOf(memory.bpf(call).attr);
    const [level, room] = [view.getUint32(24, true), view.getUint32(28, true)];
    asked.push([level, room]);
    if (level === 0) return good ? 77 : -errno;
    if (version === '5.1' && (level > 3 || room >= 16 * MIB)) return -22;
    const buffer = memory.at(view.getBigUint64(32, true));
    if (level === 4) {
      buffer.set(encodeText(`${REASON}verification time 5 usec\n${NUMBERS}`));
      return -errno;
    }
    if (version === '6.4') view.setUint32(140, size, true);
    const fits = room >= size;
    // A log that is cut begins within `123: …`, or ends within the way to it.
    if (fits) buffer.set(encodeText(FULL));
    else if (version === '6.4')
      buffer.set(encodeText(`5: (95) exit\n123: (bf) r0 = r3\n${REASON}${NUMBERS}`));
    else buffer.set(encodeText(`${WAY}1: (b7) r`));
    return fits ? (good ? 77 : -errno) : -28;
  });
  return asked;
}

function load(options: LogOptions = {}): VerifierError {
  try {
    Program.load({ name: 'p', type: 'xdp', code: returns(0), ...options });
  } catch (error) {
    if (error instanceof VerifierError) return error;
    throw error;
  }
  throw new Error('it was loaded');
}

describe('the log of a refused program', () => {
  test('is asked for only after a first refusal, and short ones are whole', () => {
    const asked = kernel({ size: 100, version: '6.4' });
    const { log, truncated, logSize } = load();
    expect({ asked, truncated, logSize }).toEqual({
      asked: [
        [0, 0],
        [1, MIB],
      ],
      truncated: false,
      logSize: 100,
    });
    expect(log).toBe(FULL.trimEnd());
  });

  test('is its end where it is long, and says so', () => {
    const asked = kernel({ size: 48 * MIB, errno: 7, version: '6.4' });
    const error = load();
    expect(asked).toEqual([
      [0, 0],
      [1, MIB],
    ]);
    expect(error).toMatchObject({ truncated: true, logSize: 48 * MIB, errnoName: 'E2BIG' });
    // Nothing is left of the line that was cut.
    expect(error.log.startsWith('123: ')).toBe(true);
    expect(error.message).toMatchInlineSnapshot(`
      "the verifier rejected program 'p': R3 !read_ok (E2BIG)
        at slot 123: (bf) r0 = r3
        the log is cut: its last 0.0 MiB of 48.0 MiB are here; verifierLog: 'whole' keeps up to 64.0 MiB (tsbpf load --log FILE)"
    `);
  });

  test('is whole at the first try for who asks for it', () => {
    const asked = kernel({ size: 48 * MIB, version: '6.4' });
    const error = load({ verifierLog: 'whole', logLevel: 2 });
    expect([asked, error.truncated, error.log]).toEqual([[[2, 64 * MIB]], false, FULL.trimEnd()]);
  });

  test('is cut where it is larger than anybody reads, the errno being that of the refusal', () => {
    const asked = kernel({ size: 800 * MIB, version: '6.4' });
    const error = load({ verifierLog: 'whole' });
    expect(asked).toEqual([
      [1, 64 * MIB],
      [0, 0],
    ]);
    expect(error).toMatchObject({ truncated: true, errnoName: 'EACCES' });
    expect(error.excerpt.slot).toBe(123);
  });

  test('refuses no program for itself', () => {
    const asked = kernel({ size: 800 * MIB, version: '6.4', good: true });
    expect(Program.load({ name: 'p', type: 'xdp', code: returns(0), verifierLog: 'whole' }).fd.number).toBe(
      77,
    );
    expect(asked).toHaveLength(2);
  });

  test('is not asked for again without types where the program was walked', () => {
    const asked = kernel({ size: 300 * MIB, errno: 7, version: '5.2' });
    const spec = objectSpec({ functions: [functionSpec('p', 'xdp', returns(0))] });
    expect(() => loadCollection(spec)).toThrow(VerifierError);
    expect(asked).toHaveLength(3);
  });
});

describe('the log of a refused program before Linux 6.4', () => {
  test('is asked for once more where it does not fit', () => {
    const asked = kernel({ size: 3 * MIB, version: '5.2' });
    const error = load();
    expect(asked).toEqual([
      [0, 0],
      [1, MIB],
      [1, 16 * MIB - 1],
    ]);
    expect([error.truncated, error.excerpt.slot]).toEqual([false, 123]);
  });

  test('has its last lines from a try that tells no more, if the program is too complex', () => {
    const asked = kernel({ size: 48 * MIB, errno: 7, version: '5.2' });
    const error = load();
    expect(asked).toEqual([
      [0, 0],
      [1, MIB],
      [4, 64 * 1024],
    ]);
    expect(error.message).toMatchInlineSnapshot(`
      "the verifier rejected program 'p': R3 !read_ok (E2BIG)
        the log is cut: its beginning and its last lines are here; verifierLog: 'whole' keeps up to 64.0 MiB (tsbpf load --log FILE)"
    `);
    expect(error.log).toMatchInlineSnapshot(`
      "0: R1=ctx() R10=fp0
      0: (bf) r6 = r1    ; R6=ctx()
      1: (b7) r
      […]
      R3 !read_ok
      verification time 5 usec
      processed 123 insns (limit 1000000) max_states_per_insn 0"
    `);
  });

  test('has them wherever nothing is large enough', () => {
    const asked = kernel({ size: 800 * MIB, version: '5.2' });
    expect(load().excerpt.messages).toEqual(['R3 !read_ok']);
    expect(asked.map(([level]) => level)).toEqual([0, 1, 1, 4]);
    const whole = kernel({ size: 800 * MIB, version: '5.2' });
    const error = load({ verifierLog: 'whole' });
    expect(error.excerpt.messages).toEqual(['R3 !read_ok']);
    expect([error.truncated, error.errnoName]).toEqual([true, 'EACCES']);
    expect(whole).toEqual([
      [1, 64 * MIB],
      [0, 0],
      [4, 64 * 1024],
    ]);
  });

  test('is asked for in sizes that kernels before 5.2 take', () => {
    const asked = kernel({ size: 3 * MIB, version: '5.1' });
    const error = load({ verifierLog: 'whole' });
    expect(asked).toEqual([
      [1, 64 * MIB],
      [0, 0],
      [1, MIB],
      [1, 16 * MIB - 1],
    ]);
    expect(error.truncated).toBe(false);
  });

  test('is told to be cut where its end cannot be had', () => {
    kernel({ size: 48 * MIB, version: '5.1' });
    const error = load();
    expect(error).toMatchObject({ truncated: true, errnoName: 'EACCES' });
    expect(error.message).toMatchInlineSnapshot(`
      "the verifier rejected program 'p': no reason given (EACCES)
        the log is cut: its beginning and its last lines are here; verifierLog: 'whole' keeps up to 64.0 MiB (tsbpf load --log FILE)"
    `);
  });
});
