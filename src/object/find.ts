import { TsbpfError } from '../util/errors.ts';
import { suggest } from '../util/suggest.ts';
import type { FunctionSpec, ObjectSpec } from './spec.ts';

/** The programs of an object: functions that a load takes, in the order of the file. */
export function programsOf(spec: ObjectSpec): readonly FunctionSpec[] {
  return [...spec.functions.values()].filter(({ program }) => program !== undefined);
}

/**
 * A function by its name, or the one program of a section by the section's title. A function of
 * `.text` can be found too; it needs a program type to be loaded.
 *
 * @throws {TsbpfError} `PROGRAM_NOT_FOUND`, `PROGRAM_AMBIGUOUS` for a title that several programs share
 *
 * @example
 * ```ts
 * findProgram(spec, 'handle_icmp');
 * findProgram(spec, 'xdp/icmp');
 * ```
 */
export function findProgram(spec: ObjectSpec, nameOrTitle: string): FunctionSpec {
  const byName = spec.functions.get(nameOrTitle);
  if (byName) return byName;
  const inSection = [...spec.functions.values()].filter(({ section }) => isTitle(section, nameOrTitle));
  const programs = inSection.filter(({ program }) => program !== undefined);
  const candidates = programs.length > 0 ? programs : inSection;
  if (candidates.length === 1) return candidates[0]!;
  if (candidates.length === 0) throw notFound(spec, nameOrTitle);
  const names = candidates.map(({ name }) => name).join(', ');
  throw new TsbpfError('PROGRAM_AMBIGUOUS', `section '${nameOrTitle}' holds several programs: ${names}`, {
    hint: `ask for one of them by its name`,
  });
}

function isTitle(section: string, wanted: string): boolean {
  return section === wanted || section === `?${wanted}`;
}

/** More names than this help nobody. */
const MAX_LISTED = 20;

function notFound(spec: ObjectSpec, wanted: string): TsbpfError {
  const functions = [...spec.functions.values()];
  if (functions.length === 0)
    return new TsbpfError(
      'PROGRAM_NOT_FOUND',
      `there is no program '${wanted}': the object has no code at all`,
    );
  const best = suggest(wanted, [...spec.functions.keys(), ...functions.map(({ section }) => section)]);
  const programs = programsOf(spec);
  const listed = (programs.length > 0 ? programs : functions).map(
    ({ name, section }) => `${name} (${section})`,
  );
  const more = listed.length > MAX_LISTED ? `, and ${listed.length - MAX_LISTED} more` : '';
  const message = `there is no program or section '${wanted}'; there are ${listed.slice(0, MAX_LISTED).join(', ')}${more}`;
  return new TsbpfError('PROGRAM_NOT_FOUND', message, {
    hint: best === undefined ? undefined : `did you mean '${best}'?`,
  });
}
