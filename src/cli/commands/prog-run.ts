import type { Program } from '../../kernel/index.ts';
import { fromHex, toHex } from '../../util/bytes.ts';
import { type CommonOptions, print, printJson, readInput } from '../io.ts';
import { returnCodeName } from '../return-code.ts';
import { takeProgram } from '../take-program.ts';

export interface ProgRunOptions extends CommonOptions {
  readonly data?: string;
  readonly ctx?: string;
  readonly program?: string;
  readonly license?: string;
  readonly repeat: number;
}

/** Hex text where every character could be hex text, else the bytes themselves. */
function readBytes(file: string | undefined): Uint8Array | undefined {
  if (file === undefined) return undefined;
  const bytes = readInput(file);
  const text = new TextDecoder('latin1').decode(bytes);
  const looksHex = /^(?:#[^\n]*(?:\n|$)|[0-9a-fA-FxX\s:,])*$/.test(text);
  return looksHex ? fromHex(text, file) : bytes;
}

function runIt(program: Program, name: string, options: ProgRunOptions): void {
  const data = readBytes(options.data);
  const ctx = readBytes(options.ctx);
  const result = program.testRun({
    ...(data && { data }),
    ...(ctx && { ctx }),
    // Programs that take no packet are run once, and take no count either.
    ...(options.repeat > 1 && { repeat: options.repeat }),
  });
  const verdict = returnCodeName(program.type, result.retval);
  if (options.json) {
    const { retval, durationNs } = result;
    printJson({
      program: { id: program.id, name, type: program.typeName },
      retval,
      verdict,
      durationNs,
      data: data && toHex(result.data),
      ctx: result.ctx && toHex(result.ctx),
    });
    return;
  }
  print(`retval: ${result.retval}${verdict === undefined ? '' : ` (${verdict})`}`);
  print(`duration: ${result.durationNs} ns`);
  if (data) print(`data: ${result.data.length} bytes\n${toHex(result.data, ' ')}`);
  if (result.ctx) print(`ctx: ${result.ctx.length} bytes\n${toHex(result.ctx, ' ')}`);
}

/** `tsbpf prog run 7 --data packet.hex`, or an object in place of the id. */
export async function progRun(words: readonly string[], options: ProgRunOptions): Promise<undefined> {
  using taken = await takeProgram(words, options);
  runIt(taken.program, taken.name, options);
}
