import {
  examine,
  type Finding,
  type FindingState,
  findStale,
  mountBpffs,
  mountTracefs,
} from '../../kernel/index.ts';
import { ExitCode } from '../exit.ts';
import { type CommonOptions, paint, print, printJson, tell } from '../io.ts';

export interface DoctorOptions extends CommonOptions {
  readonly fix?: boolean;
  readonly stale?: boolean;
  readonly all?: boolean;
}

const MARKS: Readonly<Record<FindingState, string>> = {
  ok: 'ok',
  limited: 'limited',
  broken: 'broken',
  unknown: 'not told',
};

/** `tsbpf doctor`: 1 where something is broken, 3 where nothing can be loaded at all. */
export async function doctor(options: DoctorOptions): Promise<ExitCode> {
  if (options.stale) return stale(options);
  if (options.fix) fix();
  const findings = examine();
  if (options.json) printJson({ findings });
  else for (const finding of findings) if (options.all || finding.state !== 'ok') print(describe(finding));
  const broken = findings.filter(({ state }) => state === 'broken');
  if (!options.json) {
    const count = (state: FindingState): number => findings.filter((each) => each.state === state).length;
    print(
      `${count('ok')} ok, ${count('limited')} limited, ${broken.length} broken, ${count('unknown')} not told`,
    );
  }
  if (broken.length === 0) return ExitCode.ok;
  const nothing = ['node', 'platform', 'koffi', 'bpf(2)', 'CAP_BPF'];
  return broken.some(({ check }) => nothing.includes(check)) ? ExitCode.unsupported : ExitCode.rejected;
}

function describe({ check, state, found, effect, mend }: Finding): string {
  const lines = [`${MARKS[state]}: ${check}: ${found}`];
  if (effect !== undefined) lines.push(`    effect: ${effect}`);
  if (mend !== undefined) lines.push(`    mend: ${mend}`);
  return lines.join('\n');
}

/** What can be mended without asking: file systems that are not mounted. */
function fix(): void {
  for (const [name, mount] of [
    ['bpffs', mountBpffs],
    ['tracefs', mountTracefs],
  ] as const) {
    const missing = examine().some(({ check, state }) => check === name && state === 'broken');
    if (missing) tell(`${paint('note', 'mounted')}: ${name} on ${mount()}`);
  }
}

/** `tsbpf doctor --stale`: 1 where there is something. */
function stale(options: DoctorOptions): ExitCode {
  const report = findStale();
  if (options.json) printJson({ ...report });
  else {
    for (const { kind, where, what, mend } of report.stale) {
      print(`${kind}: ${where}: ${what}, and no process holds it\n    mend: ${mend}`);
    }
    if (report.stale.length === 0) print('nothing outlived its process');
    for (const what of report.notSeen) tell(`note: not looked at: ${what}`);
  }
  return report.stale.length === 0 ? ExitCode.ok : ExitCode.rejected;
}
