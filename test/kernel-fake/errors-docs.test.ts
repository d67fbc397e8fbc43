import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VerifierError } from '../../src/kernel/load/verifier-error.ts';
import { OPERATIONS } from '../../src/kernel/operations.ts';

const page = readFileSync('docs/errors.md', 'utf8');

test('the page has the table of operations', () => {
  const rows = OPERATIONS.map(({ what, commands, needs }) => {
    const names = commands.map((name) => `\`${name}\``).join(', ');
    return `| ${what} | ${names} | ${needs.join(', ')} |`;
  });
  expect(page).toContain(rows.join('\n'));
});

test('the page shows an error as it is', () => {
  const log = `; call bpf_map_lookup_elem @ count.s:7
5: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=counts,ks=4,vs=8)
; r0 = *(u64 *)(r0 + 0) @ count.s:8
6: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;
  const { message, hint } = new VerifierError('count', 13, log, false);
  expect(page).toContain(`\`\`\`\n${message}\n\`\`\``);
  expect(page.replace(/\s+/g, ' ')).toContain(`*${hint}*`);
});
