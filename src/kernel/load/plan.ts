import type { ProgType } from '../../isa/kernel-tables.generated.ts';
import { findProgram, link } from '../../object/index.ts';
import { sectionNames } from '../../object/section-names.ts';
import type {
  FunctionSpec,
  KernelFacts,
  LinkedProgram,
  MapEntry,
  ObjectSpec,
  ProgramKind,
} from '../../object/spec.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { programKindOf } from '../names.ts';

/** A program that is to be loaded. */
export interface PlannedProgram {
  readonly name: string;
  readonly section: string;
  readonly linked: LinkedProgram;
  readonly kind: ProgramKind & { readonly progType: ProgType };
  /** Names of the maps that its code refers to. */
  readonly maps: ReadonlySet<string>;
}

/** What is to be loaded, by function name, in the order of asking. */
export type LoadPlan = ReadonlyMap<string, PlannedProgram>;

export interface PlanOptions {
  /** Function names or section titles; left out, every program that its section does not mark with `?`. */
  readonly programs?: readonly string[] | undefined;
  readonly type?: ProgType | string | undefined;
}

/**
 * Links the programs that were asked for, and all that the static tail-call slots of their maps
 * name: an entry alone would fall through every slot.
 *
 * @throws {TsbpfError} `PROG_TYPE_MISSING`, and what finding and linking throw
 */
export function planLoad(spec: ObjectSpec, options: PlanOptions, facts: KernelFacts): LoadPlan {
  const override = options.type === undefined ? undefined : programKindOf(options.type);
  const waiting: FunctionSpec[] = options.programs
    ? options.programs.map((name) => findProgram(spec, name))
    : [...spec.functions.values()].filter(({ program }) => program?.autoload);
  const plan = new Map<string, PlannedProgram>();
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (plan.has(next.name)) continue;
    const planned = planOne(spec, next, override, facts);
    plan.set(next.name, planned);
    for (const map of planned.maps) waiting.push(...slotPrograms(spec, map));
  }
  return plan;
}

function planOne(
  spec: ObjectSpec,
  fn: FunctionSpec,
  override: ProgramKind | undefined,
  facts: KernelFacts,
): PlannedProgram {
  const linked = link(spec, fn.name, facts);
  const maps = new Set(
    linked.relocations.flatMap((relocation) =>
      relocation.kind === 'map' || relocation.kind === 'mapValue' ? [relocation.map] : [],
    ),
  );
  return { name: fn.name, section: fn.section, linked, kind: kindOf(fn, override), maps };
}

function kindOf(fn: FunctionSpec, override: ProgramKind | undefined): PlannedProgram['kind'] {
  // A section that says the same type says more: xdp.frags, xdp/devmap.
  const agrees = override === undefined || override.progType === fn.program?.progType;
  const kind = agrees ? fn.program : override;
  if (kind?.progType !== undefined) return { ...kind, progType: kind.progType };
  throw new TsbpfError(
    'PROG_TYPE_MISSING',
    `the section title '${fn.section}' of program '${fn.name}' tells no program type`,
    {
      hint: `${didYouMean(fn.section, sectionNames)[0] ?? 'section titles begin with what the program is, as xdp, tc, kprobe/do_unlinkat'} (or name the type: type: 'xdp', --type xdp)`,
    },
  );
}

function slotPrograms(spec: ObjectSpec, map: string): FunctionSpec[] {
  return (spec.maps.get(map)?.contents ?? []).filter(isProgramSlot).map(({ program }) => {
    const fn = spec.functions.get(program);
    if (fn) return fn;
    throw new TsbpfError(
      'SLOT_PROGRAM_MISSING',
      `a slot of '${map}' names '${program}', which is no function`,
    );
  });
}

/** Whether an entry is a tail-call slot. */
export function isProgramSlot(entry: MapEntry): entry is Extract<MapEntry, { kind: 'program' }> {
  return entry.kind === 'program';
}
