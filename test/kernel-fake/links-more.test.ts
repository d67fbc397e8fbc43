import { describe, expect, test } from 'vitest';
import { argumentPlace, encodeSpec } from '../../src/kernel/attach/usdt-spec.ts';
import { errorOf } from '../support/kernel.ts';

describe('where an argument of a USDT probe lies', () => {
  test.each([
    ['x64', '%rax', { kind: 1, value: 0n, register: 80 }],
    ['x64', '%eax', { kind: 1, value: 0n, register: 80 }],
    ['x64', '%ax', { kind: 1, value: 0n, register: 80 }],
    ['x64', '%al', { kind: 1, value: 0n, register: 80 }],
    ['x64', '%sil', { kind: 1, value: 0n, register: 104 }],
    ['x64', '%r12d', { kind: 1, value: 0n, register: 24 }],
    ['x64', '$-5', { kind: 0, value: -5n, register: 0 }],
    ['x64', '$0x10', { kind: 0, value: 16n, register: 0 }],
    ['x64', '-20(%rbp)', { kind: 2, value: -20n, register: 32 }],
    ['x64', '(%rsp)', { kind: 2, value: 0n, register: 152 }],
    ['x64', '8(%rax,%rbx,4)', undefined],
    ['x64', 'symbol(%rip)', undefined],
    ['x64', '%xmm0', undefined],
    ['x64', '%r16', undefined],
    ['arm64', 'x3', { kind: 1, value: 0n, register: 24 }],
    ['arm64', 'w30', { kind: 1, value: 0n, register: 240 }],
    ['arm64', '[sp, 12]', { kind: 2, value: 12n, register: 248 }],
    ['arm64', '[x1]', { kind: 2, value: 0n, register: 8 }],
    ['arm64', '-7', { kind: 0, value: -7n, register: 0 }],
    ['arm64', 'x31', undefined],
    ['riscv64', 'a0', undefined],
  ] as const)('%s %s', (machine, operand, place) => {
    expect(argumentPlace(operand, machine)).toEqual(place);
  });

  test('is refused in words where it cannot be told', () => {
    const probe = { provider: 'lab', name: 'step', fileOffset: 0, semaphoreOffset: 0 };
    const argument = { size: 8, signed: false, operand: '8(%rax,%rbx,4)' };
    const refusal = (args: (typeof argument)[]): string =>
      errorOf(() => encodeSpec({ ...probe, arguments: args }, 0n, 'x64')).message;
    expect(refusal([argument])).toMatchInlineSnapshot(
      `"probe lab:step has its argument 0 of 8 bytes at '8(%rax,%rbx,4)', which cannot be told"`,
    );
    expect(refusal(Array(13).fill(argument))).toMatchInlineSnapshot(
      `"probe lab:step has 13 arguments, of which 12 can be told"`,
    );
  });
});
