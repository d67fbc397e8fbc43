import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkCode } from '../../src/asm/check/check.ts';
import type { Finding } from '../../src/asm/check/finding.ts';
import { readObject } from '../../src/elf/index.ts';
import { encodeInsns, HELPERS, type Instruction, makeInsn, ProgType } from '../../src/isa/index.ts';
import { loadCollection, Program, VerifierError } from '../../src/kernel/index.ts';
import { isGplCompatible } from '../../src/object/license.ts';
import { flowReferences } from '../../src/object/tail-calls.ts';
import { logText, tryProgLoad } from '../../src/syscall/bpf-prog.ts';
import { codeOf } from '../flow/tools.ts';
import { describeKernel } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';
import { fc, test as property } from '../support/property.ts';

/** What the verifier says of a socket filter; undefined where it takes it. */
function verifierLog(code: Uint8Array, license = 'MIT'): string | undefined {
  try {
    using _program = Program.load({ name: 'checked', type: 'socket_filter', code, license });
    return undefined;
  } catch (error) {
    return error instanceof VerifierError ? error.log : String(error);
  }
}

function findingsOf(code: Uint8Array, license = 'MIT'): Finding[] {
  const functions = [{ name: 'prog', slot: 0, slots: code.length / 8, isProgram: true }];
  return checkCode({ code, endian: 'little', functions, gplCompatible: isGplCompatible(license) });
}

/** The words of the verifier that a finding quotes. */
function quoted({ help = [] }: Finding): string[] {
  return help.flatMap((line) => /the kernel refuses this with '([^']*)'/.exec(line)?.[1] ?? []);
}

// What is quoted are the words of Linux 6.18: older kernels say it in others, or take less.
const describeQuoted = lacks("the verifier's words of 6.18") ? describe.skip : describeKernel;

describeQuoted('what is found in code', () => {
  test.each([
    'r10 = 0\nr0 = 0\nexit',
    'r0 = 0\nr10 += 8\nexit',
    '*(u64 *)(r10 - 8) = 0\nr10 = xchg_64(r10 - 8, r10)\nr0 = 0\nexit',
    'if r1 == 0 goto +1\nr0 = 5 ll\nexit',
    'r0 = 0\nif r1 == 0 goto +5\nexit',
    'r0 = 0\nif r1 == 0 goto -9\nexit',
    'r0 = 0\ngotol +70000',
    'l: call f\nr0 = 0\nexit\nf: goto l',
    '.quad 0x7700001085\nr0 = 0\nexit',
    'r0 = 0',
    'r0 = 0\ncall 7',
    'r0 = 0\ngoto +1\nr0 = 1\nexit',
    'r0 = 0\nexit\na: r0 = 1\nif r0 == r1 goto a\nexit',
    'l: goto l',
    'r0 = 0\nl: call 7\ngoto l',
    'r0 = 0\nif r1 == 0 goto +1\nexit\nl: goto l',
    'exit',
    'if r1 == 0 goto out\nr0 = 1\nout: exit',
    'r2 = *(u32 *)(r1 + 0)\nif r2 == 1 goto a\nif r2 == 2 goto b\nr0 = 1\ngoto out\na: r0 = 2\ngoto out\nb: r3 = 1\nout: exit',
    'may_goto out\nr0 = 1\nout: exit',
    'call f\nexit\nf: if r1 == 0 goto +1\nr0 = 1\nexit',
    'r6 = 1\ncall f\nexit\nf: exit',
    'r0 = r3\nexit',
    'r0 += 1\nexit',
    'r0 = 1\nw0 += w7\nexit',
    'r7 = *(u32 *)(r1 + 0)\nif r7 == 0 goto +1\nr6 = 1\nr0 = 0\nif r6 > 1 goto +0\nexit',
    'r6 = r1\nr0 = *(u8 *)skb[r2]\nexit',
    '*(u64 *)(r10 - 8) = 0\nr1 = 0\nr0 = cmpxchg_64(r10 - 8, r0, r1)\nexit',
    'r1 = 0 ll\ncall bpf_perf_event_output\nr0 = 0\nexit',
    'r1 = r10\ncall bpf_get_current_comm\nr0 = 0\nexit',
    'call f\nexit\nf: r0 = r2\nexit',
    'call f\nr0 = 0\nexit\nf: r0 = r6\nexit',
    'r2 = 1\ncall bpf_get_prandom_u32\nr0 = r2\nexit',
    'r6 = *(u32 *)(r1 + 0)\nr7 = r1\nif r6 == 0 goto +1\ncall 7\nr0 = *(u32 *)(r1 + 0)\nexit',
    'r3 = 1\nr6 = 3\nl: r6 -= 1\nr0 = r3\ncall 7\nif r6 != 0 goto l\nexit',
    'r6 = r1\nr0 = *(u8 *)skb[0]\nr0 += r1\nexit',
    '*(u64 *)(r10 - 600) = 1\nr0 = 0\nexit',
    'r2 = r10\nr2 += -513\nr0 = *(u8 *)(r2 + 0)\nexit',
    '*(u64 *)(r10 + 0) = 1\nr0 = 0\nexit',
    'r0 = *(u32 *)(r10 + 8)\nexit',
    '*(u64 *)(r10 - 4) = 1\nr0 = 0\nexit',
    'r2 = r10\nr2 += -6\n*(u32 *)(r2 + 1) = 1\nr0 = 0\nexit',
    'r1 = 1\nlock *(u64 *)(r10 - 520) += r1\nr0 = 0\nexit',
    'r0 = 1\nr0 /= 0\nexit',
    'r0 = 1\nw0 s%= 0\nexit',
    'r0 = 1\nr0 <<= 64\nexit',
    'w0 = 1\nw0 s>>= 32\nexit',
    'w0 = 1\nw0 >>= -1\nexit',
    'r0 = 0\nexit\n.byte 0x18,0,0,0,0,0,0,0',
    '*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\nr2 = 8\ncall bpf_trace_printk\nr0 = 0\nexit',
  ])('is refused by the verifier in the same words: %j', (text) => {
    const code = codeOf(text);
    const words = findingsOf(code).flatMap(quoted);
    expect(words.length).toBeGreaterThan(0);
    const log = verifierLog(code);
    // It stops at the first that it comes across, and looks at the shape of the code before its registers.
    expect(words.filter((one) => log?.includes(one))).not.toEqual([]);
  });

  test.each([
    'r0 = 0\nif r0 == 0 goto +1\nr0 = r5\nexit',
    'r0 = 0\nr6 = *(u32 *)(r1 + 0)\nif r6 == 0 goto +1\nr2 = 1\nif r6 == 0 goto +1\nr0 = r2\nexit',
    'r0 = 0\nl: r0 += 1\nif r0 < 9 goto l\nexit',
    'r0 = 0\nl: may_goto out\ngoto l\nout: exit',
    'r6 = r1\ncall f\nr0 = 0\nexit\nf: exit',
    'call f\nexit\nf: r0 = 1\nexit',
    'r0 = 1\nr1 = 70\nr0 <<= r1\nr1 = 0\nr0 /= r1\nexit',
    '*(u64 *)(r10 - 512) = 1\n*(u8 *)(r10 - 1) = 1\nr0 = 0\nexit',
    // What cannot be is not looked at: a load of 32 bits is below 2^32, and so are a sum and a half of it.
    'r7 = *(u32 *)(r1 + 0)\nr0 = 0\nif r7 != -1 goto +1\n*(u64 *)(r10 - 4) = 0\nexit',
    'r7 = *(u32 *)(r1 + 0)\nr0 = 0\nr7 += 1\nif r7 s> 0 goto +1\nr0 /= 0\nexit',
    'r7 = *(u32 *)(r1 + 0)\nw7 += 7\nr0 = 0\nif r7 s>= 0 goto +1\nr10 = 1\nexit',
    'r7 = *(u32 *)(r1 + 0)\nr0 = 0\nif w7 s> 5 goto +4\nif w7 s< 3 goto +3\nif r7 < 6 goto +2\nr3 = r4\ncall 6\nexit',
  ])('is nothing in what it takes: %j', (text) => {
    const code = codeOf(text);
    expect(verifierLog(code)).toBeUndefined();
    expect(findingsOf(code)).toEqual([]);
  });

  test.each(['SOCKET_FILTER', 'XDP', 'SCHED_CLS', 'KPROBE', 'CGROUP_SKB', 'SK_MSG', 'PERF_EVENT'] as const)(
    'and helpers that programs of type %s cannot call, they cannot call',
    (type) => {
      const buffer = new Uint8Array(4096);
      let count = 0;
      for (const { id, name } of HELPERS) {
        const code = encodeInsns([makeInsn('call', { imm: id }), makeInsn('mov_k'), makeInsn('exit')]);
        const functions = [{ name, slot: 0, slots: 3, isProgram: true, progType: ProgType[type] }];
        const found = checkCode({ code, endian: 'little', functions, gplCompatible: true });
        if (!found.some((one) => one.code === 'helper-not-allowed')) continue;
        count++;
        buffer.fill(0);
        const log = { level: 1, buffer };
        expect(
          tryProgLoad({ name: 'checked', type: ProgType[type], code, license: 'GPL', log }).result,
        ).toBeLessThan(0);
        expect(logText(buffer)).toContain('program of this type cannot use helper');
      }
      expect(count).toBeGreaterThan(20);
    },
  );

  test('bytes that are no instruction are refused', () => {
    const code = codeOf('.quad 0xff\nr0 = 0\nexit');
    expect(findingsOf(code).map(({ code }) => code)).toEqual(['unknown-instruction']);
    expect(verifierLog(code)).toContain('unknown opcode ff');
  });

  test('a format of four conversions prints nothing: it is refused when it runs', () => {
    const text = (size: number): string =>
      `r1 = 0x6425206425206425 ll\n*(u64 *)(r10 - 16) = r1\n*(u32 *)(r10 - 8) = 0x642520\nr1 = r10\nr1 += -16\nr2 = ${size}\nr3 = 0\nr4 = 0\nr5 = 0\ncall bpf_trace_printk\nexit`;
    const code = codeOf(text(12));
    expect(findingsOf(code, 'GPL').map(({ code }) => code)).toEqual(['printk-arguments']);
    using program = Program.load({ name: 'four', type: 'socket_filter', code, license: 'GPL' });
    const EINVAL = 22;
    expect(program.testRun({ data: new Uint8Array(64) }).retval | 0).toBe(-EINVAL);
  });
});

const small = fc.integer({ min: -3, max: 5 });
const register = fc.constantFrom(0, 1, 2, 3, 6, 7, 10);
const target = fc.constantFrom(0, 1, 2, 3, 6, 7);
/** Instructions that are often taken when put together at random. */
const anyInsn: fc.Arbitrary<Instruction> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ dst: target, imm: small }).map((one) => makeInsn('mov_k', one)) },
  { weight: 3, arbitrary: fc.record({ dst: target, src: register }).map((one) => makeInsn('mov_x', one)) },
  { weight: 2, arbitrary: fc.record({ dst: target, imm: small }).map((one) => makeInsn('add_k', one)) },
  { weight: 1, arbitrary: fc.record({ dst: target, src: target }).map((one) => makeInsn('add32_x', one)) },
  {
    weight: 4,
    arbitrary: fc
      .record({
        name: fc.constantFrom('jeq_k', 'jne_k', 'jgt_k', 'jslt32_k'),
        dst: target,
        imm: small,
        off: small,
      })
      .map(({ name, ...one }) => makeInsn(name, one)),
  },
  { weight: 1, arbitrary: small.map((off) => makeInsn('ja', { off })) },
  { weight: 1, arbitrary: fc.constant(makeInsn('call', { imm: 7 })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...[-16, -8, -4, 0].map((off) => makeInsn('stdw', { dst: 10, off }))),
  },
  { weight: 2, arbitrary: target.map((dst) => makeInsn('ldxw', { dst, src: 1, off: 0 })) },
  { weight: 1, arbitrary: fc.constant(makeInsn('exit')) },
);

/** As many programs as wanted, for a longer look. */
const RUNS = Number(process.env.TSBPF_RANDOM_PROGRAMS ?? 1000);

/** Refusals that a check is meant to foresee. */
const FORESEEN =
  /!read_ok|unreachable insn|jump out of range|last insn is not|infinite loop|stack R|stack access/;

describeKernel('random code', () => {
  const counts = { taken: 0, foreseen: 0, missed: 0 };
  property.prop([fc.array(anyInsn, { minLength: 1, maxLength: 14 }), fc.boolean()], { numRuns: RUNS })(
    'has findings only where the verifier refuses it',
    (insns, starts) => {
      const first = starts ? [0, 2, 3, 6, 7].map((dst) => makeInsn('mov_k', { dst })) : [];
      const code = encodeInsns([...first, ...insns, makeInsn('exit')]);
      const found = findingsOf(code);
      const log = verifierLog(code);
      if (log === undefined) counts.taken++;
      if (log === undefined) expect(found).toEqual([]);
      else if (FORESEEN.test(log.slice(-400))) found.length > 0 ? counts.foreseen++ : counts.missed++;
    },
    // Emulated kernels take ten times as long.
    60_000 + 500 * RUNS,
  );

  test('has nearly all that it is refused for found', () => {
    const { taken, foreseen, missed } = counts;
    expect(taken).toBeGreaterThan(50);
    expect(foreseen).toBeGreaterThan(50);
    expect(missed / foreseen, JSON.stringify(counts)).toBeLessThan(0.05);
  });
});

const clang = '/usr/bin/clang-19';
const fixtures = join(import.meta.dirname, '..', 'asm', 'check', 'fixtures');
if (!existsSync(clang))
  console.warn('skipped: what clang-19 makes of programs to check: it is not installed');

describeKernel('what clang makes', () => {
  test
    .skipIf(!existsSync(clang))
    .each(
      ['branches.c', 'loops.c', 'refused.c'].flatMap((name) =>
        ['-O2', '-O1', '-Os', '-O2 -mcpu=v4'].map((flags) => [name, flags] as const),
      ),
    )('of %s with %s and the verifier takes has no findings', (name, flags) => {
    const directory = mkdtempSync(join(tmpdir(), 'tsbpf-check-'));
    const object = join(directory, 'object.o');
    execFileSync(clang, [
      '-target',
      'bpf',
      '-g',
      ...flags.split(' '),
      '-c',
      join(fixtures, name),
      '-o',
      object,
    ]);
    const spec = readObject(readFileSync(object));
    rmSync(directory, { recursive: true });
    for (const fn of spec.functions.values()) {
      const found = checkCode({
        code: fn.code,
        endian: spec.endian,
        functions: [
          { name: fn.name, slot: 0, slots: fn.code.length / 8, isProgram: fn.program !== undefined },
        ],
        references: flowReferences(fn),
        gplCompatible: isGplCompatible(spec.license),
      });
      if (found.length === 0) continue;
      const refused = (): void => {
        using _collection = loadCollection(spec, { programs: [fn.name] });
      };
      expect(refused).toThrow(quoted(found[0]!)[0]);
    }
  });

  test.skipIf(!existsSync(clang))('and is lost on the verifier is found where that stops', () => {
    const elf = execFileSync(clang, [
      '-target',
      'bpf',
      '-g',
      '-O2',
      '-c',
      join(fixtures, 'refused.c'),
      '-o',
      '-',
    ]);
    const spec = readObject(new Uint8Array(elf));
    const fn = spec.functions.get('two_lengths')!;
    const functions = [{ name: fn.name, slot: 0, slots: fn.code.length / 8, isProgram: true }];
    const [finding] = checkCode({
      code: fn.code,
      endian: 'little',
      functions,
      references: flowReferences(fn),
      gplCompatible: true,
    });
    expect(finding).toMatchInlineSnapshot(`
      {
        "code": "register-not-set",
        "help": [
          "a program begins with its context in r1 and its stack at r10; nothing else is set",
          "the kernel refuses this with 'R6 !read_ok'",
        ],
        "message": "r6 is read, but there is a way here on which it is not set",
        "notes": [
          {
            "message": "r6 is not set if this jump is not taken",
            "slot": 20,
          },
        ],
        "severity": "warning",
        "slot": 21,
      }
    `);
  });
});
