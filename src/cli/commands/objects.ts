import { basename } from 'node:path';
import {
  linkObjects,
  type ReadelfPart,
  readelf as readelfText,
  stripDebug,
  writeElf,
} from '../../elf/index.ts';
import { type CommonOptions, print, printJson, readInput, writeOutput } from '../io.ts';
import { isElf, readRelocatable } from '../source.ts';

/** `tsbpf link a.o b.o -o c.o` */
export async function link(
  files: readonly string[],
  options: CommonOptions & { readonly output: string },
): Promise<undefined> {
  const objects = await Promise.all(files.map(readRelocatable));
  const bytes = writeElf(linkObjects(objects, { names: files }));
  writeOutput(options.output, bytes);
  if (options.json && options.output !== '-')
    printJson({ output: options.output, size: bytes.length, inputs: files });
}

/** `tsbpf strip a.o [-o b.o]` */
export async function strip(
  file: string,
  options: CommonOptions & { readonly output?: string },
): Promise<undefined> {
  const object = await readRelocatable(file);
  const bytes = writeElf(stripDebug(object));
  const output = options.output ?? file;
  writeOutput(output, bytes);
  if (options.json && output !== '-') printJson({ output, size: bytes.length });
}

export interface ReadelfOptions extends CommonOptions {
  readonly fileHeader?: boolean;
  readonly sections?: boolean;
  readonly relocs?: boolean;
  readonly symbols?: boolean;
}

/** `tsbpf readelf -a a.o` */
export async function readelf(file: string, options: ReadelfOptions): Promise<undefined> {
  if (options.json) {
    const { endian, sections, symbols, relocations } = await readRelocatable(file);
    printJson({ file, endian, sections, symbols, relocations });
    return undefined;
  }
  const given = readInput(file);
  const bytes = isElf(given) ? given : writeElf(await readRelocatable(file));
  const chosen: readonly (readonly [boolean | undefined, ReadelfPart])[] = [
    [options.fileHeader, 'header'],
    [options.sections, 'sections'],
    [options.relocs, 'relocations'],
    [options.symbols, 'symbols'],
  ];
  const parts = chosen.flatMap(([wanted, part]) => (wanted ? [part] : []));
  print(readelfText(bytes, { name: basename(file), ...(parts.length > 0 && { parts }) }));
}
