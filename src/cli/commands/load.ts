import { type Collection, loadCollection } from '../../kernel/index.ts';
import { type CommonOptions, print, printJson, tell } from '../io.ts';
import { pinCollection } from '../pin.ts';
import { readSpec } from '../source.ts';

export interface LoadOptions extends CommonOptions {
  readonly program?: readonly string[];
  readonly pin?: string;
  readonly type?: string;
  readonly license?: string;
}

/** `tsbpf load`: into the kernel, and with `--pin` to stay there. */
export async function load(file: string, options: LoadOptions): Promise<undefined> {
  const spec = await readSpec(file);
  using collection = loadCollection(spec, {
    ...(options.program && { programs: options.program }),
    ...(options.type !== undefined && { type: options.type }),
    ...(options.license !== undefined && { license: options.license }),
  });
  const pins = options.pin === undefined ? undefined : pinCollection(collection, options.pin);
  const loaded = describe(collection, pins);
  if (options.json) printJson({ file, ...loaded });
  else {
    for (const { id, type, name, section, tag, pin } of loaded.programs) {
      print(
        `program ${id}: ${type} ${name} (${section}) tag ${tag}${pin === undefined ? '' : ` pinned at ${pin}`}`,
      );
    }
    for (const { id, type, name, keySize, valueSize, maxEntries, pin } of loaded.maps) {
      const shape = `key ${keySize}B value ${valueSize}B max_entries ${maxEntries}`;
      print(`map ${id}: ${type} ${name} ${shape}${pin === undefined ? '' : ` pinned at ${pin}`}`);
    }
  }
  if (!pins)
    tell('note: nothing was pinned, so all of this is gone when the command ends (--pin DIR keeps it)');
}

function describe(collection: Collection, pins: ReadonlyMap<object, string> | undefined) {
  return {
    programs: [...collection.programs.values()].map((program) => {
      const { id, tag } = program.info();
      return {
        id,
        name: program.name,
        section: program.section,
        type: program.typeName,
        tag,
        pin: pins?.get(program),
      };
    }),
    maps: [...collection.maps.values()].map((map) => {
      const { name, keySize, valueSize, maxEntries } = map;
      return {
        id: map.info().id,
        name,
        type: map.typeName,
        keySize,
        valueSize,
        maxEntries,
        pin: pins?.get(map),
      };
    }),
  };
}
