import { enumName } from '../isa/enum-name.ts';
import { AttachType, ProgType } from '../isa/kernel-tables.generated.ts';
import {
  type FunctionSpec,
  link,
  type ObjectSpec,
  type ProgramTag,
  programTag,
  type TailCallEdge,
} from '../object/index.ts';
import { TsbpfError } from '../util/errors.ts';

/** What kind of program a function is, in words. */
export function programType(fn: FunctionSpec): string {
  if (!fn.program) return 'subprogram';
  const { progType, expectedAttachType } = fn.program;
  const type = progType === undefined ? 'unknown' : enumName(ProgType, progType).toLowerCase();
  return expectedAttachType === 0
    ? type
    : `${type} (attach ${enumName(AttachType, expectedAttachType).toLowerCase()})`;
}

/** The tags of a program; undefined where its code depends on the kernel, and for subprograms. */
export function tagOf(spec: ObjectSpec, fn: FunctionSpec): ProgramTag | undefined {
  if (!fn.program) return undefined;
  try {
    return programTag(link(spec, fn.name));
  } catch (error) {
    if (error instanceof TsbpfError) return undefined;
    throw error;
  }
}

/** Who is called through a slot, as far as the object itself fills it. */
export function calleeOf(spec: ObjectSpec, { map, index }: TailCallEdge): string | undefined {
  const contents = map === undefined ? [] : (spec.maps.get(map)?.contents ?? []);
  for (const entry of contents) if (entry.kind === 'program' && entry.key === index) return entry.program;
  return undefined;
}
