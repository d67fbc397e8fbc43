import type { InsnStyle } from '../../asm/print/format.ts';
import { formatSource } from '../../asm/print/format-text.ts';
import { encodeText } from '../../util/bytes.ts';
import { type Diagnostic, diagnosticToJson } from '../../util/diagnostic.ts';
import { TsbpfError } from '../../util/errors.ts';
import { renderDiagnostics } from '../../util/render.ts';
import { ExitCode } from '../exit.ts';
import { type CommonOptions, paint, printJson, readInput, tell, writeOutput } from '../io.ts';
import { isElf } from '../source.ts';

export interface FmtOptions extends CommonOptions {
  readonly style?: InsnStyle;
  readonly check?: boolean;
  readonly write?: boolean;
}

interface Outcome {
  readonly file: string;
  readonly changed: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** `tsbpf fmt`: formats texts to stdout, or in place; `--check` says which are not formatted. */
export async function fmt(files: readonly string[], options: FmtOptions): Promise<ExitCode> {
  const outcomes = files.map((file) => formatOne(file, options));
  if (options.json) {
    printJson({
      files: outcomes.map(({ file, changed, diagnostics }) => ({
        file,
        changed,
        diagnostics: diagnostics.map(diagnosticToJson),
      })),
    });
  }
  const failed = outcomes.some(
    ({ changed, diagnostics }) => diagnostics.length > 0 || (options.check && changed),
  );
  return failed ? ExitCode.rejected : ExitCode.ok;
}

function formatOne(file: string, options: FmtOptions): Outcome {
  const bytes = readInput(file);
  if (isElf(bytes))
    throw new TsbpfError('NOT_A_TEXT', `'${file}' is an object, and no text to format`, {
      hint: `'tsbpf disasm ${file}' prints its instructions`,
    });
  const given = new TextDecoder().decode(bytes);
  const name = file === '-' ? '<stdin>' : file;
  const { text, diagnostics } = formatSource(
    { name, text: given },
    { ...(options.style && { style: options.style }) },
  );
  const changed = text !== given;
  if (diagnostics.length > 0) tell(renderDiagnostics(diagnostics, paint));
  if (options.check) {
    if (changed && !options.json) process.stdout.write(`${name}\n`);
  } else if (options.write && file !== '-') {
    if (changed) writeOutput(file, encodeText(text));
  } else if (!options.json) process.stdout.write(text);
  return { file: name, changed, diagnostics };
}
