import { programKind } from '../../object/section-names.ts';
import type { FunctionSpec, ObjectSpec } from '../../object/spec.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';

/** What a copy is made for. */
export interface WantedCopy {
  /** The function that is copied. */
  readonly program: string;
  /** The copy's name, which no function of the object has. */
  readonly name: string;
  readonly section: string;
}

/** A function of an object. @throws {TsbpfError} `PROGRAM_NOT_FOUND` */
export function functionOf(spec: ObjectSpec, name: string): FunctionSpec {
  const found = spec.functions.get(name);
  if (found) return found;
  const there = [...spec.functions.values()].flatMap(({ name, program }) => (program ? [name] : []));
  throw new TsbpfError(
    'PROGRAM_NOT_FOUND',
    `the object has no program '${name}'; it has: ${there.join(', ') || 'none'}`,
    { hint: didYouMean(name, there)[0] },
  );
}

/**
 * The object with programs once more, each under another section's title: the same code and the same
 * maps, loaded for another target.
 *
 * @throws {TsbpfError} `PROGRAM_NOT_FOUND`, `SECTION_UNKNOWN`
 */
export function withCopies(spec: ObjectSpec, copies: readonly WantedCopy[]): ObjectSpec {
  if (copies.length === 0) return spec;
  const functions = new Map(spec.functions);
  for (const { program, name, section } of copies) {
    const kind = programKind(section);
    if (!kind)
      throw new TsbpfError(
        'SECTION_UNKNOWN',
        `'${section}' is no section's title that says what its programs are`,
        {
          hint: 'as in C: tp_btf/sched_switch, uprobe//bin/bash:readline',
        },
      );
    functions.set(name, Object.freeze({ ...functionOf(spec, program), name, section, program: kind }));
  }
  return Object.freeze({ ...spec, functions });
}
