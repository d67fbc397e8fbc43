import { existsSync } from 'node:fs';
import { loadCollection, type Program } from '../../kernel/index.ts';
import { fromHex, toHex } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson, readInput } from '../io.ts';
import { returnCodeName } from '../return-code.ts';
import { readSpec } from '../source.ts';
import { onlyWhich, openProgram } from '../which.ts';
import { chooseProgram } from './run.ts';

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

const isFile = (word: string): boolean => word === '-' || (/\.\w+$/.test(word) && existsSync(word));

/** `tsbpf prog run 7 --data packet.hex`, or an object in place of the id. */
export async function progRun(words: readonly string[], options: ProgRunOptions): Promise<undefined> {
  const [first = ''] = words;
  if (words.length === 1 && isFile(first)) {
    const spec = await readSpec(first);
    const chosen = chooseProgram(spec, options.program);
    using collection = loadCollection(spec, {
      programs: [chosen.name],
      ...(options.license !== undefined && { license: options.license }),
    });
    runIt(collection.program(chosen.name), chosen.name, options);
    return;
  }
  if (options.program !== undefined)
    throw new TsbpfError('OPTIONS_CONTRADICT', '--program is for objects, and this names a program already');
  using program = openProgram(onlyWhich(words));
  runIt(program, program.name, options);
}
