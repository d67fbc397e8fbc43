import { describe, expect, test } from 'vitest';
import {
  type DiagnosticParts,
  diagnostic,
  diagnosticToJson,
  positionAt,
  renderDiagnostic,
  renderDiagnostics,
} from '../../src/util/index.ts';

const source = {
  name: 'prog.s',
  text: 'start:\n\tcall bpf_tail_cal\r\n  r0 = 0\n\n\n\n\n\n\n\nstart:\nexit',
};
const spanOf = (needle: string, from = 0) => {
  const start = source.text.indexOf(needle, from);
  return { source, start, end: start + needle.length };
};
const render = (parts: DiagnosticParts): string => renderDiagnostic(diagnostic(parts));

describe('a rendered diagnostic', () => {
  test('shows the place, a caret under all of it, and the help', () => {
    expect(
      render({
        code: 'unknown-helper',
        message: "there is no helper named 'bpf_tail_cal'",
        span: spanOf('bpf_tail_cal'),
        label: 'not a helper',
        help: ["did you mean 'bpf_tail_call'?"],
      }),
    ).toMatchInlineSnapshot(`
      "error[unknown-helper]: there is no helper named 'bpf_tail_cal'
       --> prog.s:2:7
        |
      2 |   call bpf_tail_cal
        |        ^^^^^^^^^^^^ not a helper
        |
        = help: did you mean 'bpf_tail_call'?"
    `);
  });

  test('shows several places in the order of the file, with a gap between distant lines', () => {
    expect(
      render({
        code: 'duplicate-label',
        message: "'start' is defined twice",
        span: spanOf('start', 10),
        label: 'again here',
        labels: [{ span: spanOf('start'), message: 'first defined here' }],
        notes: ['labels are unique in a file'],
      }),
    ).toMatchInlineSnapshot(`
      "error[duplicate-label]: 'start' is defined twice
        --> prog.s:11:1
         |
       1 | start:
         | ----- first defined here
      ...
      11 | start:
         | ^^^^^ again here
         |
         = note: labels are unique in a file"
    `);
  });

  test('needs no place', () => {
    expect(render({ severity: 'warning', code: 'empty', message: 'the file is empty' })).toBe(
      'warning[empty]: the file is empty',
    );
  });

  test('at the end of the file puts the caret behind the last character', () => {
    const at = source.text.length;
    expect(
      render({ code: 'eof', message: 'unfinished', span: { source, start: at, end: at } }),
    ).toMatchInlineSnapshot(`
      "error[eof]: unfinished
        --> prog.s:12:5
         |
      12 | exit
         |     ^"
    `);
  });

  test('of a line of a megabyte stays small', () => {
    const long = { name: 'long.s', text: 'x'.repeat(1 << 20) };
    const problem = diagnostic({
      code: 'long',
      message: 'long',
      span: { source: long, start: 5, end: 1 << 20 },
    });
    expect(renderDiagnostics([problem]).length).toBeLessThan(1000);
  });
});

test('a position past the end is the end', () => {
  expect(positionAt(source, 10_000)).toEqual({ line: 12, column: 5 });
});

test('as JSON a diagnostic carries file, line and column and leaves out what is empty', () => {
  const problem = diagnostic({ code: 'c', message: 'm', span: spanOf('r0') });
  expect(diagnosticToJson(problem)).toEqual({
    severity: 'error',
    code: 'c',
    message: 'm',
    span: { file: 'prog.s', line: 3, column: 3, endLine: 3, endColumn: 5 },
  });
});
