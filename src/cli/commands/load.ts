import { writeFileSync } from 'node:fs';
import { type BpfMap, type Collection, loadCollection, VerifierError } from '../../kernel/index.ts';
import type { ObjectSpec } from '../../object/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson, tell } from '../io.ts';
import { pinCollection } from '../pin.ts';
import { readSpec } from '../source.ts';
import { openMap, takeWhich } from '../which.ts';

export interface LoadOptions extends CommonOptions {
  readonly program?: readonly string[];
  readonly pin?: string;
  readonly type?: string;
  readonly device?: string;
  readonly license?: string;
  readonly log?: string;
  /** Maps in place of the object's own: `NAME=MAP`. */
  readonly map?: readonly string[];
}

/** Opens the maps that take the place of an object's. @throws {TsbpfError} `ARGUMENT_MISSING` and those of `openMap` */
function openGiven(texts: readonly string[]): Map<string, BpfMap> {
  const given = new Map<string, BpfMap>();
  try {
    for (const text of texts) {
      const at = text.indexOf('=');
      const name = text.slice(0, Math.max(at, 0));
      if (name === '' || at === text.length - 1)
        throw new TsbpfError(
          'ARGUMENT_MISSING',
          `'${text}' does not say which map takes the place of which`,
          {
            hint: '--map NAME=MAP, where MAP is an id, the path of a pin, or a name',
          },
        );
      given.get(name)?.close();
      given.set(name, openMap(takeWhich([text.slice(at + 1)]).which));
    }
    return given;
  } catch (error) {
    for (const map of given.values()) map.close();
    throw error;
  }
}

/** `tsbpf load`: into the kernel, and with `--pin` to stay there. */
export async function load(file: string, options: LoadOptions): Promise<undefined> {
  const spec = await readSpec(file);
  if (spec.functions.size === 0 && spec.maps.size === 0)
    throw new TsbpfError('NOTHING_TO_LOAD', `${file} has neither programs nor maps`);
  const given = openGiven(options.map ?? []);
  try {
    loadSpec(file, spec, Object.fromEntries(given), options);
  } finally {
    for (const map of given.values()) map.close();
  }
}

function loadSpec(
  file: string,
  spec: ObjectSpec,
  maps: Readonly<Record<string, BpfMap>>,
  options: LoadOptions,
): void {
  using collection = withLog(options.log, () =>
    loadCollection(spec, {
      ...(options.program && { programs: options.program }),
      ...(options.type !== undefined && { type: options.type }),
      ...(options.device !== undefined && { device: options.device }),
      ...(options.license !== undefined && { license: options.license }),
      ...(options.log !== undefined && { verifierLog: 'whole' }),
      maps,
    }),
  );
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

/** The refusal is told in any case, so a log that cannot be written is a warning. */
function keepLog(path: string, log: string): void {
  try {
    writeFileSync(path, `${log}\n`);
    tell(`note: the verifier’s log is in ${path}`);
  } catch (error) {
    tell(`warning: the verifier’s log was not written: ${error instanceof Error ? error.message : error}`);
  }
}

/** Writes the verifier's log to a file where it refuses. */
function withLog(path: string | undefined, body: () => Collection): Collection {
  try {
    return body();
  } catch (error) {
    if (path !== undefined && error instanceof VerifierError) keepLog(path, error.log);
    throw error;
  }
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
