import { checkCode } from '../../../src/asm/check/check.ts';
import type { CheckInput, Finding } from '../../../src/asm/check/finding.ts';
import { assembleOrThrow, rawCode } from '../../../src/asm/index.ts';

/** The findings about a text that is one program of the name `prog`. */
export function findings(text: string, input: Partial<CheckInput> = {}): Finding[] {
  const code = rawCode(assembleOrThrow(text).object);
  const functions = [{ name: 'prog', slot: 0, slots: code.length >> 3, isProgram: true }];
  return checkCode({ code, endian: 'little', functions, gplCompatible: true, ...input });
}

export function printFindings(found: readonly Finding[]): string {
  return found
    .map(({ slot, severity, code, message, label, notes = [], help = [] }) =>
      [
        `  ${slot}: ${severity}[${code}]: ${message}`,
        ...(label === undefined ? [] : [`     ^ ${label}`]),
        ...notes.map((note) => `     at ${note.slot}: ${note.message}`),
        ...help.map((line) => `     = ${line}`),
      ].join('\n'),
    )
    .join('\n');
}
