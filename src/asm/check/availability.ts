import { insnAt } from '../../flow/code.ts';
import { HELPERS_BY_PROG_TYPE } from '../../isa/helper-protos.generated.ts';
import type { Helper } from '../../isa/helpers.generated.ts';
import { ProgType } from '../../isa/kernel-tables.generated.ts';
import type { CheckContext } from './context.ts';
import { type Finding, refusal } from './finding.ts';
import { calledHelper } from './operands.ts';

type TypeName = keyof typeof ProgType;

/** Of the types that may call a helper so many are named. */
const MAX_NAMED = 4;

const nameOf: ReadonlyMap<ProgType, TypeName> = new Map(
  Object.entries(ProgType).map(([name, type]) => [type, name as TypeName]),
);

/** Helpers that no program of the type may call, whatever it is attached to. */
export function checkAvailability(context: CheckContext): Finding[] {
  const { graph, constants, functions } = context;
  return functions.flatMap((fn, index) => {
    const type = fn?.isProgram && fn.progType !== undefined ? nameOf.get(fn.progType) : undefined;
    const allowed = type && HELPERS_BY_PROG_TYPE[type];
    if (!allowed) return [];
    const ids = new Set(allowed);
    const { slot: first, slots } = graph.functions[index]!;
    const findings: Finding[] = [];
    for (let slot = first; slot < first + slots; slot++) {
      if (insnAt(graph.code, slot).kind !== 'call') continue;
      const helper = calledHelper(context, slot);
      if (helper && !ids.has(helper.id) && constants.isExecuted(graph.blockOf[slot]!))
        findings.push(finding(slot, helper, type));
    }
    return findings;
  });
}

function finding(slot: number, { id, name }: Helper, type: TypeName): Finding {
  const types = Object.entries(HELPERS_BY_PROG_TYPE).flatMap(([one, ids]) =>
    ids.includes(id) ? [one.toLowerCase()] : [],
  );
  const rest = types.length > MAX_NAMED ? ` and ${types.length - MAX_NAMED} more` : '';
  return {
    slot,
    severity: 'warning',
    code: 'helper-not-allowed',
    message: `programs of type ${type.toLowerCase()} cannot call '${name}'`,
    help: [
      ...(types.length > 0 ? [`those that can: ${types.slice(0, MAX_NAMED).join(', ')}${rest}`] : []),
      refusal('program of this type cannot use helper'),
    ],
  };
}
