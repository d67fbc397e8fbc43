import { loadCollection } from '../../kernel/index.ts';
import { type FunctionSpec, findProgram, type ObjectSpec, programsOf } from '../../object/index.ts';
import { fromHex, toHex } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson, readInput } from '../io.ts';
import { returnCodeName } from '../return-code.ts';
import { readSpec } from '../source.ts';

export interface RunOptions extends CommonOptions {
  readonly packet: string;
  readonly packetFormat?: 'hex' | 'raw';
  readonly program?: string;
  readonly engine: 'kernel';
  readonly repeat: number;
  readonly type?: string;
  readonly license?: string;
}

/** `tsbpf run`: one program, one packet, what it returned. */
export async function run(file: string, options: RunOptions): Promise<undefined> {
  const spec = await readSpec(file);
  const chosen = chooseProgram(spec, options.program);
  const packet = readPacket(options.packet, options.packetFormat);
  using collection = loadCollection(spec, {
    programs: [chosen.name],
    ...(options.type !== undefined && { type: options.type }),
    ...(options.license !== undefined && { license: options.license }),
  });
  const program = collection.program(chosen.name);
  const result = program.testRun({ data: packet, repeat: options.repeat });
  const verdict = returnCodeName(program.type, result.retval);
  if (options.json) {
    const { retval, durationNs, data } = result;
    printJson({
      program: chosen.name,
      engine: options.engine,
      retval,
      verdict,
      durationNs,
      packet: toHex(data),
    });
    return undefined;
  }
  print(`retval: ${result.retval}${verdict === undefined ? '' : ` (${verdict})`}`);
  print(`duration: ${result.durationNs} ns`);
  print(`packet: ${result.data.length} bytes${toHex(result.data) === toHex(packet) ? ', unchanged' : ''}`);
  print(hexDump(result.data));
}

/** The program asked for, or the only one that starts a chain. */
export function chooseProgram(spec: ObjectSpec, name: string | undefined): FunctionSpec {
  if (name !== undefined) return findProgram(spec, name);
  const programs = programsOf(spec);
  if (programs.length === 1) return programs[0]!;
  // Where tail-call slots name all others, the one that is in no slot is where a packet enters.
  const targets = new Set(
    [...spec.maps.values()].flatMap((map) =>
      map.contents.flatMap((entry) => (entry.kind === 'program' ? [entry.program] : [])),
    ),
  );
  const entries = programs.filter((program) => !targets.has(program.name));
  if (entries.length === 1) return entries[0]!;
  const names = programs.map((program) => `${program.name} (${program.section})`).join(', ');
  throw new TsbpfError(
    'PROGRAM_AMBIGUOUS',
    `the object holds ${programs.length} programs: ${names || 'none'}`,
    {
      hint: 'choose one with --program NAME',
    },
  );
}

/** Hex text where every character could be hex text, else the bytes themselves. */
function readPacket(file: string, format: 'hex' | 'raw' | undefined): Uint8Array {
  const bytes = readInput(file);
  const text = new TextDecoder('latin1').decode(bytes);
  const looksHex = /^(?:#[^\n]*(?:\n|$)|[0-9a-fA-FxX\s:,])*$/.test(text);
  return format === 'hex' || (format === undefined && looksHex) ? fromHex(text, file) : bytes;
}

function hexDump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    rows.push(`  ${at.toString(16).padStart(4, '0')}  ${toHex(bytes.subarray(at, at + 16), ' ')}`);
  }
  return rows.join('\n');
}
