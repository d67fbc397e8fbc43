import {
  type Btf,
  type BtfNeed,
  btfToC,
  btfToJson,
  btfToText,
  btfToTypeScript,
  minimalBtf,
  parseBtf,
} from '../../btf/index.ts';
import { parseElf } from '../../elf/index.ts';
import { collect } from '../../object/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { type CommonOptions, print, printJson, readInput, writeOutput } from '../io.ts';
import { isElf } from '../source.ts';

export type BtfFormat = 'c' | 'ts' | 'json' | 'raw';

/** The types of an object, or a bare BTF such as `/sys/kernel/btf/vmlinux`. */
function readBtf(file: string): Btf {
  const bytes = readInput(file);
  if (!isElf(bytes)) return parseBtf(bytes, file);
  const section = parseElf(bytes, { name: file }).sections.find(({ name }) => name === '.BTF');
  if (section) return parseBtf(section.bytes, `${file}/BTF`);
  throw new TsbpfError('BTF_MISSING', `${file} has no BTF`, { hint: 'compile with -g' });
}

/** `tsbpf btf dump FILE --format c` */
export async function dump(file: string, options: DumpOptions): Promise<undefined> {
  printTypes(readBtf(file), options);
  return undefined;
}

export interface DumpOptions extends CommonOptions {
  readonly format: BtfFormat;
  /** Only these types and what they need. */
  readonly root?: readonly string[];
}

/** Types as `btf dump` prints them. */
export function printTypes(btf: Btf, options: DumpOptions): void {
  if (options.json) {
    // As text: 64-bit values of enums are written in full, which a JavaScript number would cut.
    print(`{"version":1,${btfToJson(btf).slice(1)}`);
    return;
  }
  const roots = options.root?.map((name) => idOf(btf, name));
  const printers: Record<BtfFormat, () => string> = {
    c: () => btfToC(btf, roots ? { roots } : {}),
    ts: () => btfToTypeScript(btf, roots ? { roots } : {}),
    json: () => btfToJson(btf),
    raw: () => btfToText(btf),
  };
  print(printers[options.format]());
}

function idOf(btf: Btf, name: string): number {
  const id = btf.findByName(name);
  if (id !== undefined) return id;
  const names: string[] = [];
  for (let each = btf.firstId; each < btf.typeCount; each++) names.push(btf.type(each).name);
  throw new TsbpfError('TYPE_NOT_FOUND', `there is no type '${name}'`, { hint: didYouMean(name, names)[0] });
}

/** `tsbpf btf min --from VMLINUX a.o … -o small.btf`: what the objects' CO-RE relocations need. */
export async function minimal(
  files: readonly string[],
  options: CommonOptions & { readonly from: string; readonly output: string },
): Promise<undefined> {
  const needs = files.flatMap((file): BtfNeed[] => {
    const { btf, functions } = collect(parseElf(readInput(file), { name: file }));
    return btf ? [{ btf, relocations: [...functions.values()].flatMap((fn) => fn.coreRelocations) }] : [];
  });
  const bytes = minimalBtf(readBtf(options.from), needs);
  writeOutput(options.output, bytes);
  if (options.json && options.output !== '-')
    printJson({ output: options.output, size: bytes.length, inputs: files });
}
