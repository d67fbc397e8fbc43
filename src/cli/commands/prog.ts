import {
  hexLines,
  listPins,
  listPrograms,
  objectOwners,
  type ProgramSummary,
  pinsOf,
  programDump,
  programText,
  RunStats,
  type RunStatsSample,
  summarizeProgram,
  xlatedLines,
  xlatedText,
} from '../../kernel/index.ts';
import { toHex } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { every } from '../every.ts';
import type { ExitCode } from '../exit.ts';
import { type CommonOptions, print, printJson, writeOutput } from '../io.ts';
import { formatTable } from '../table.ts';
import { onlyWhich, openProgram } from '../which.ts';

/** Bytes of a name that the kernel keeps. */
const MAX_NAME = 15;

/** The full name where the kernel's is cut, as far as the program's types tell. */
function withFullName(summary: ProgramSummary): ProgramSummary {
  if (summary.name.length < MAX_NAME || summary.btfId === 0) return summary;
  try {
    return { ...summary, name: programDump(summary.id).name };
  } catch (error) {
    // It is gone by now, or its code is hidden from who may see the program.
    if (error instanceof TsbpfError) return summary;
    throw error;
  }
}

function tellPrograms(programs: readonly ProgramSummary[], json: boolean | undefined): void {
  const pins = pinsOf('program', listPins());
  const owners = objectOwners().program;
  const held = (id: number) => (owners.get(id) ?? []).filter(({ pid }) => pid !== process.pid);
  if (json)
    printJson({
      programs: programs.map(({ typeName, type: _number, ...facts }) => ({
        ...facts,
        type: typeName,
        pinned: pins.get(facts.id) ?? [],
        owners: held(facts.id),
      })),
    });
  else if (programs.length === 0) print('there are no programs');
  else
    for (const program of programs)
      print(programText(program, { pins: pins.get(program.id) ?? [], owners: held(program.id) }));
}

/** `tsbpf prog list`, `tsbpf prog show 7`. */
export async function show(words: readonly string[], options: CommonOptions): Promise<undefined> {
  if (words.length === 0) {
    tellPrograms(listPrograms().map(withFullName), options.json);
    return;
  }
  using program = openProgram(onlyWhich(words));
  tellPrograms([withFullName(summarizeProgram(program.fd))], options.json);
}

export interface DumpOptions extends CommonOptions {
  readonly opcodes?: boolean;
  readonly linum?: boolean;
  /** Write the bytes there and print nothing. */
  readonly output?: string;
}

/** `tsbpf prog dump xlated 7`. */
export async function dumpXlated(words: readonly string[], options: DumpOptions): Promise<undefined> {
  using program = openProgram(onlyWhich(words));
  const dump = programDump(program);
  if (options.output !== undefined) writeOutput(options.output, dump.xlated);
  else if (options.json) {
    const { id, name, tags } = dump;
    const insns = xlatedLines(dump).map(({ bytes, ...line }) => ({ ...line, bytes: toHex(bytes) }));
    printJson({ program: { id, name, tags }, insns });
  } else
    process.stdout.write(
      xlatedText(dump, { opcodes: options.opcodes === true, linum: options.linum === true }),
    );
}

/** `tsbpf prog dump jited 7`: machine code as bytes. */
export async function dumpJited(words: readonly string[], options: DumpOptions): Promise<undefined> {
  using program = openProgram(onlyWhich(words));
  const { id, name, jited, functions, tags } = programDump(program);
  if (jited.length === 0) {
    throw new TsbpfError('NOT_JITED', `${program.fd.what} has no machine code that this process may see`, {
      hint: 'sysctl net.core.bpf_jit_enable=1 has programs compiled that are loaded from then on',
    });
  }
  if (options.output !== undefined) {
    writeOutput(options.output, Buffer.concat(jited));
    return;
  }
  const parts = jited.map((code, index) => ({
    name: functions[index]?.name ?? (index === 0 ? name : `subprog_${index}`),
    tag: tags[index],
    code,
  }));
  if (options.json) printJson({ program: { id, name }, functions: parts });
  else
    for (const { name: each, tag, code } of parts)
      print(
        `${tag === undefined ? each : `bpf_prog_${tag}_${each}`}: ${code.length} bytes\n${hexLines(code)}`,
      );
}

export interface StatsOptions extends CommonOptions {
  /** Seconds between two looks. */
  readonly interval: number;
  /** Looks until it ends. */
  readonly count?: number;
  readonly watch?: boolean;
}

interface StatsRow {
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly runs: bigint;
  readonly runsPerSecond: number;
  readonly timeNs: bigint;
  /** Mean of a run; null where there was none. */
  readonly nsPerRun: number | null;
  /** Part of one CPU's time. */
  readonly cpuShare: number;
}

/** What a sample says, over the seconds that it is of. */
export function statsRow({ program, runs, timeNs }: RunStatsSample, seconds: number): StatsRow {
  return {
    id: program.id,
    type: program.typeName,
    name: program.name,
    runs,
    runsPerSecond: seconds > 0 ? Number(runs) / seconds : 0,
    timeNs,
    nsPerRun: runs > 0n ? Number(timeNs) / Number(runs) : null,
    cpuShare: seconds > 0 ? Number(timeNs) / 1e9 / seconds : 0,
  };
}

function statsText(rows: readonly StatsRow[]): string {
  return formatTable(
    ['id', 'type', 'name', 'runs', 'runs/s', 'ns/run', 'cpu'],
    rows.map(({ id, type, name, runs, runsPerSecond, nsPerRun, cpuShare }) => [
      id,
      type,
      name,
      runs.toString(),
      runsPerSecond.toFixed(1),
      nsPerRun === null ? '-' : nsPerRun.toFixed(0),
      `${(cpuShare * 100).toFixed(2)}%`,
    ]),
    '',
  );
}

const CLEAR_SCREEN = '\x1b[H\x1b[2J';

/** `tsbpf prog stats`: has the kernel count runs for a while, or until Ctrl-C with --watch. */
export async function stats(words: readonly string[], options: StatsOptions): Promise<ExitCode> {
  let wanted: number | undefined;
  if (words.length > 0) {
    using program = openProgram(onlyWhich(words));
    wanted = program.id;
  }
  using counted = RunStats.open();
  const { watch, json, interval } = options;
  let first = true;
  const look = (seconds: number): void => {
    // The first look only begins the counting.
    if (first) {
      first = false;
      return;
    }
    const rows = counted
      .sample()
      .filter(({ program }) => wanted === undefined || program.id === wanted)
      .map((sample) => statsRow(sample, seconds))
      .sort((a, b) => Number(b.timeNs - a.timeNs) || a.id - b.id);
    if (json) printJson({ seconds, programs: rows }, watch ? 'line' : 'pretty');
    else if (rows.length === 0) print('there are no programs');
    else print(`${watch && process.stdout.isTTY ? CLEAR_SCREEN : ''}${statsText(rows)}`);
  };
  const looks = watch ? (options.count ?? Number.POSITIVE_INFINITY) : 1;
  // Awaited, or the counting would end at once.
  return await every(interval, look, looks + 1);
}
