import { viewOf } from '../../util/bytes.ts';
import type { Assembler } from '../assemble/assembler.ts';
import { CallFrames } from './call-frames.ts';
import { LaterNumbers } from './later-numbers.ts';
import { LineTable } from './line-table.ts';

/** What the directives for debuggers collected over a file. */
export class DebugTables {
  readonly lines: LineTable = new LineTable();
  readonly frames: CallFrames = new CallFrames();
  readonly later: LaterNumbers = new LaterNumbers();

  /** Writes the sections that the assembler makes itself. Called behind the last line. */
  write(assembler: Assembler): void {
    this.later.write(assembler);
    const { open } = this.frames;
    if (open) assembler.problems.error(open.range, 'argument', "this '.cfi_startproc' has no '.cfi_endproc'");
    this.frames.end();
    const version = this.lines.files.root ? 5 : (unitVersion(assembler) ?? 4);
    this.frames.write(assembler, version);
    this.lines.write(assembler, version);
  }
}

/**
 * The DWARF version of the first unit that the text itself brings, where it is an old one: `.file`
 * and `.loc` say nothing of it.
 */
function unitVersion(assembler: Assembler): number | undefined {
  const section = assembler.findSection('.debug_info');
  if (!section || section.size < 6) return undefined;
  const view = viewOf(section.bytes());
  const written = view.getUint16(4, assembler.options.endian === 'little');
  // Words that were not written at once are still waiting.
  const waiting = section.items.slice(0, 4).find(({ kind, offset }) => kind === 'data' && offset === 4);
  const value = waiting?.kind === 'data' && waiting.value.kind === 'number' ? waiting.value.value : written;
  return value >= 2 && value <= 4 ? Number(value) : undefined;
}

/** The tables of an assembler, made at the first use. */
export function debugTablesOf(assembler: Assembler): DebugTables {
  assembler.debugTables ??= new DebugTables();
  return assembler.debugTables;
}
