import type { Btf } from '../btf.ts';
import type { BtfComposite } from '../types.ts';
import { MAX_ACCESS_DEPTH } from './access.ts';
import { StepBudget } from './compat.ts';

/** A named member, reached from a struct or union directly or through anonymous ones. */
export interface FlatMember {
  /** The struct or union that has it. */
  readonly owner: number;
  readonly index: number;
  readonly type: number;
  /** From the start of the outermost. */
  readonly offsetBits: number;
}

type Members = ReadonlyMap<string, readonly FlatMember[]>;

const flattened: WeakMap<BtfComposite, Members> = new WeakMap();

/**
 * The members of a struct or union that can be written behind its dot, by name, in the order of
 * their declaration. Made once: a kernel's largest struct has 300 and programs ask for many of them.
 *
 * @throws {TsbpfError} `CORE_TOO_COMPLEX`
 */
export function membersOf(btf: Btf, type: BtfComposite): Members {
  let known = flattened.get(type);
  if (!known) {
    const out = new Map<string, FlatMember[]>();
    flatten(btf, type, 0, 0, out, new StepBudget());
    known = out;
    flattened.set(type, known);
  }
  return known;
}

function flatten(
  btf: Btf,
  type: BtfComposite,
  startBits: number,
  depth: number,
  out: Map<string, FlatMember[]>,
  budget: StepBudget,
): void {
  budget.spend(type.members.length);
  for (const [index, member] of type.members.entries()) {
    const offsetBits = startBits + member.offsetBits;
    if (member.name === '') {
      const inner = btf.resolve(member.type);
      const isHolder = inner.kind === 'struct' || inner.kind === 'union';
      if (isHolder && depth < MAX_ACCESS_DEPTH) flatten(btf, inner, offsetBits, depth + 1, out, budget);
      continue;
    }
    const found = { owner: type.id, index, type: member.type, offsetBits };
    const others = out.get(member.name);
    if (others) others.push(found);
    else out.set(member.name, [found]);
  }
}
