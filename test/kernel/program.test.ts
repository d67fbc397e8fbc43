import { expect, test } from 'vitest';
import { loadCollection, Program, VerifierError } from '../../src/kernel/index.ts';
import { concatBytes } from '../../src/util/bytes.ts';
import {
  exit,
  frameOf,
  functionSpec,
  movImm,
  movReg,
  objectSpec,
  returns,
  slot,
  XDP,
} from '../support/bpf-code.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

function load(code: Uint8Array, name = 'prog'): Program {
  return Program.load({ name, type: 'xdp', code });
}

function rejected(code: Uint8Array): VerifierError {
  const error = errorOf(() => load(code).close());
  if (error instanceof VerifierError) return error;
  throw error;
}

describeKernel('loading a program', () => {
  test('shows it in the kernel', () => {
    using program = load(returns(2), 'pass-everything-there-is');
    expect(program.info()).toMatchObject({ name: 'pass_everything', type: 6, xlatedLength: 16, mapIds: [] });
    expect(program.typeName).toBe('xdp');
    using same = Program.openById(program.id);
    expect(same.info().tag).toBe(program.info().tag);
  });

  test('runs it on a packet', () => {
    using program = load(returns(2));
    const data = frameOf(17);
    const result = program.testRun({ data, repeat: 3 });
    expect(result.retval).toBe(2);
    expect(result.data).toEqual(data);
  });

  test('gives back the packet as the program left it', () => {
    // *(u8 *)(data) = 0xaa, with the bounds check that the verifier asks for
    using program = load(
      concatBytes([
        slot(0x61, 2, 1, 0, 0),
        slot(0x61, 3, 1, 4, 0),
        movReg(4, 2),
        slot(0x07, 4, 0, 0, 1),
        slot(0x2d, 4, 3, 1, 0),
        slot(0x72, 2, 0, 0, 0xaa),
        movImm(0, 1),
        exit,
      ]),
    );
    const { data } = program.testRun({ data: frameOf(6) });
    expect(data[0]).toBe(0xaa);
    expect(data.subarray(1)).toEqual(frameOf(6).subarray(1));
  });

  test('takes code that lies within other bytes', () => {
    using program = load(concatBytes([returns(1), returns(2), returns(3)]).subarray(16, 32));
    expect(program.testRun({ data: frameOf(6).subarray(0, 20) }).retval).toBe(2);
  });

  test('runs it with a context, and gives that back', () => {
    using program = load(returns(2));
    const ctx = new Uint8Array(24);
    new DataView(ctx.buffer).setUint32(4, 64, true);
    expect(program.testRun({ data: frameOf(6), ctx }).ctx).toEqual(ctx);
  });

  test('says why a run is refused', () => {
    using program = load(returns(2));
    const error = errorOf(() => program.testRun({ data: new Uint8Array(13) }));
    expect(error.message).toMatchInlineSnapshot(
      `"cannot run program 'prog': a packet has at least an Ethernet header, 14 bytes, but 13 were given (EINVAL)"`,
    );
    // egress_ifindex is not for the caller to set.
    const ctx = new Uint8Array(24).fill(1, 20, 21);
    const misfit = errorOf(() => program.testRun({ data: frameOf(6), ctx }));
    expect([misfit.message, misfit.hint]).toMatchInlineSnapshot(`
      [
        "cannot run program 'prog': the kernel does not take this input (EINVAL)",
        "packet programs take data, other programs a ctx; members of a ctx that it may not set must be 0",
      ]
    `);
    expect(
      errorOf(() => program.testRun({ data: frameOf(6), dataSizeOut: 10 })).message,
    ).toMatchInlineSnapshot(
      `"cannot run program 'prog': the output packet does not fit its buffer; give a larger dataSizeOut (ENOSPC)"`,
    );
    using tracepoint = Program.load({ name: 'tp', type: 'tracepoint', code: returns(0) });
    expect(errorOf(() => tracepoint.testRun({ data: frameOf(6) })).message).toMatchInlineSnapshot(
      `"cannot run program 'tp': programs of type TRACEPOINT cannot be test-run (ENOTSUPP)"`,
    );
  });
});

describeKernel('the verifier', () => {
  test('is quoted: the instruction and what is wrong with it', () => {
    const error = rejected(concatBytes([movReg(0, 3), exit]));
    expect(error.message).toMatchInlineSnapshot(`
      "the verifier rejected program 'prog': R3 !read_ok (EACCES)
        at slot 0: (bf) r0 = r3"
    `);
    expect(error.code).toBe('VERIFIER_REJECTED');
    expect(error.errnoName).toBe('EACCES');
    expect(error.log).toMatch(/^0: R1=ctx\((?:off=0,imm=0)?\)[\s\S]*processed 1 insns/);
  });

  test('is quoted with all its messages', () => {
    // r2 = data; r0 = *(u8 *)(r2 + 0) without a bounds check
    const error = rejected(concatBytes([slot(0x61, 2, 1, 0, 0), slot(0x71, 0, 2, 0, 0), exit]));
    // Linux 6.6 and older ones tell of registers what is zero, too.
    expect(error.message.replace('pkt(off=0,r=0,imm=0)', 'pkt(r=0)')).toMatchInlineSnapshot(`
      "the verifier rejected program 'prog': R2 offset is outside of the packet (EACCES)
        at slot 1: (71) r0 = *(u8 *)(r2 +0)
        state: R2=pkt(r=0)
        invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)"
    `);
    expect(error.excerpt).toMatchObject({ slot: 1, insn: '(71) r0 = *(u8 *)(r2 +0)' });
  });

  test('is quoted where it rejects without looking at an instruction', () => {
    expect(rejected(slot(0xb7, 0, 0, 0, 0)).message).toMatchInlineSnapshot(
      `"the verifier rejected program 'prog': last insn is not an exit or jmp (EINVAL)"`,
    );
  });

  test('gives its whole log, however long', () => {
    // Every instruction takes a line of the log: more than the first buffer holds, less than the last.
    const steps = Array.from({ length: 6000 }, (_, i) => movImm(i % 2 === 0 ? 2 : 3, i));
    const error = rejected(concatBytes([...steps, movReg(0, 9), exit]));
    expect(error.truncated).toBe(false);
    expect(error.log.length).toBeGreaterThan(128 * 1024);
    expect(error.log).toMatch(/^0: R1=ctx/);
    expect(error.excerpt).toMatchObject({ slot: 6000, messages: ['R9 !read_ok'] });
  });

  test('rejects a collection and nothing is left open', () => {
    const spec = objectSpec({
      functions: [
        functionSpec('good', 'xdp/1', returns(2)),
        functionSpec('bad', 'xdp/2', concatBytes([movReg(0, 3), exit]), XDP),
      ],
    });
    expect(errorOf(() => loadCollection(spec)).message).toMatchInlineSnapshot(`
      "the verifier rejected program 'bad': R3 !read_ok (EACCES)
        at slot 0: (bf) r0 = r3"
    `);
  });
});

describeKernel('what is refused without a log', () => {
  test('is told in words', () => {
    const code = returns(0);
    expect(errorOf(() => Program.load({ name: 'p', type: 'xpd', code })).hint).toMatchInlineSnapshot(
      `"did you mean 'xdp'?"`,
    );
    expect(errorOf(() => load(new Uint8Array(0))).message).toMatchInlineSnapshot(
      `"the number of instructions is 0, but must be a whole number from 1 to 268435456"`,
    );
    expect(errorOf(() => load(new Uint8Array(12))).message).toMatchInlineSnapshot(
      `"code is 12 bytes, but instructions are 8 bytes each"`,
    );
    expect(
      errorOf(() => Program.load({ name: 'p', type: 'xdp', code, flags: 1 << 30 })).message,
    ).toMatchInlineSnapshot(
      `"cannot load program 'p': flags has 0x40000000, which is no flag of programs (EINVAL)"`,
    );
    expect(errorOf(() => Program.openById(2 ** 31)).message).toMatchInlineSnapshot(
      `"cannot open program 2147483648: nothing has id 2147483648 (any more) (ENOENT)"`,
    );
  });
});
