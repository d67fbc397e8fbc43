import { assembleLazily } from '../../asm/assemble/assemble-lazily.ts';
import type { CpuVersion } from '../../asm/assemble/assembler.ts';
import type { DumpKind } from '../../asm/dumps/dump-kind.ts';
import { rawCode } from '../../asm/print/raw-code.ts';
import { writeElf } from '../../elf/write.ts';
import type { RelocatableObject } from '../../object/relocatable.ts';
import type { Endian } from '../../util/bytes.ts';
import { diagnosticToJson } from '../../util/diagnostic.ts';
import { TsbpfError } from '../../util/errors.ts';
import { renderDiagnostics } from '../../util/render.ts';
import { ExitCode } from '../exit.ts';
import { notingIncludes } from '../include.ts';
import { type CommonOptions, paint, printJson, readInput, tell, writeOutput } from '../io.ts';

export interface AsmOptions extends CommonOptions {
  readonly output?: string;
  readonly raw?: string | true;
  readonly endian: Endian;
  readonly from?: DumpKind;
  /** `SLOT=NAME` */
  readonly map?: readonly string[];
  readonly mcpu?: CpuVersion;
  readonly format?: 'text' | 'json';
  /** Assemble again whenever the file or what it includes changes. */
  readonly watch?: boolean;
}

/** `tsbpf asm`: text to object or bare instructions; all errors of the file in one run. */
export async function asm(file: string, given: AsmOptions): Promise<ExitCode> {
  const options = { ...given, json: given.json ?? given.format === 'json' };
  if (!options.watch) return once(file, options, new Set());
  if (file === '-')
    throw new TsbpfError('WATCH_STDIN', 'stdin cannot be watched for changes', { hint: 'name a file' });
  const { runOnChange } = await import('../watch.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  let code: ExitCode = ExitCode.ok;
  const assembleOnce = async (): Promise<ReadonlySet<string>> => {
    const files = new Set([file]);
    code = await once(file, options, files);
    if (!options.json) tell(code === ExitCode.ok ? `${file}: assembled` : `${file}: not assembled`);
    return files;
  };
  await runOnChange(file, assembleOnce, stop.signal);
  return code;
}

/** @param files takes the names of the files that the text includes */
async function once(file: string, options: AsmOptions, files: Set<string>): Promise<ExitCode> {
  const text = new TextDecoder().decode(readInput(file));
  const { object, diagnostics } = await assembleLazily(
    { name: file === '-' ? '<stdin>' : file, text },
    {
      endian: options.endian,
      include: notingIncludes(files),
      ...(options.mcpu && { cpu: options.mcpu }),
      ...(options.from && { from: options.from }),
      ...(options.map && { maps: mapsOf(options.map) }),
    },
  );
  const output = options.output ?? defaultOutput(file, options.raw !== undefined);
  const bytes = object && outputBytes(object, options.raw);
  if (bytes) writeOutput(output, bytes);
  if (options.json) {
    const document = {
      ok: bytes !== undefined,
      ...(bytes && { output, size: bytes.length }),
      diagnostics: diagnostics.map(diagnosticToJson),
    };
    // With the object on stdout there is no room for a document.
    if (output !== '-') printJson(document, options.watch ? 'line' : 'pretty');
  } else if (diagnostics.length > 0) tell(renderDiagnostics(diagnostics, paint));
  return bytes ? ExitCode.ok : ExitCode.rejected;
}

/** @throws {TsbpfError} `MAP_OPTION` */
function mapsOf(options: readonly string[]): Map<number, string> {
  return new Map(
    options.map((option) => {
      const [, slot, name] = /^(\d+)=([\w.$]+)$/.exec(option) ?? [];
      if (slot !== undefined && name !== undefined) return [Number(slot), name];
      throw new TsbpfError('MAP_OPTION', `'--map ${option}' is not of the form SLOT=NAME`, {
        hint: 'for example --map 5=counters',
      });
    }),
  );
}

function outputBytes(object: RelocatableObject, raw: string | true | undefined): Uint8Array {
  if (raw === undefined) return writeElf(object);
  return rawCode(object, raw === true ? undefined : raw);
}

function defaultOutput(file: string, raw: boolean): string {
  if (file === '-') return '-';
  return `${file.replace(/\.(s|S|asm)$/, '')}${raw ? '.bin' : '.o'}`;
}
