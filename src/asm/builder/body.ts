import { encodeInsns, type Instruction } from '../../isa/codec.ts';
import { findInsn, type InsnDef } from '../../isa/insn-table.ts';
import type { Relocation } from '../../object/spec.ts';
import type { Endian } from '../../util/bytes.ts';
import type { Label, Target } from './methods.ts';
import type { Place } from './place.ts';
import type { BuildProblems, ProblemParts } from './problems.ts';

/** What a slot refers to, before its slot is known. */
export type Reference = Relocation extends infer R ? (R extends unknown ? Omit<R, 'slot'> : never) : never;

/** An instruction before its branch is known. */
export interface Draft {
  readonly def: InsnDef;
  readonly dst?: number;
  readonly src?: number;
  readonly off?: number;
  readonly imm?: number;
  readonly nextImm?: number;
  readonly target?: Target | undefined;
  readonly reference?: Reference;
}

interface Item {
  readonly draft: Draft;
  readonly place: Place | undefined;
}

interface LabelState {
  readonly place: Place | undefined;
  /** Index of the item that it stands before, and where it was put there. */
  bound: { readonly item: number; readonly place: Place | undefined } | undefined;
  /** Where the first jump to it stands. */
  used: { readonly place: Place | undefined } | undefined;
}

/** A finished function: its bytes and their side tables. */
export interface FinishedBody {
  readonly code: Uint8Array;
  readonly relocations: readonly Relocation[];
  /** Places by slot, where they are known and differ from the one before. */
  readonly places: readonly { readonly slot: number; readonly place: Place }[];
}

const GOTO: InsnDef = findInsn('ja')!;
const GOTOL: InsnDef = findInsn('ja32')!;
const MIN_S16 = -(2 ** 15);
const MAX_S16 = 2 ** 15 - 1;

/** The instructions of one function, gathered in order; branches are computed at the end. */
export class FunctionBody {
  /** What messages call it: `program 'drop'`. */
  readonly title: string;
  readonly place: Place | undefined;
  readonly #problems: BuildProblems;
  readonly #items: Item[] = [];
  readonly #labels: Map<Label, LabelState> = new Map();
  /** Before which item the last label was put. */
  #lastBound = 0;
  #closed = false;

  constructor(title: string, place: Place | undefined, problems: BuildProblems) {
    this.title = title;
    this.place = place;
    this.#problems = problems;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** False behind an `exit` or a `goto` that no label follows. */
  get isReachable(): boolean {
    const kind = this.#items.at(-1)?.draft.def.kind;
    return (kind !== 'exit' && kind !== 'ja') || this.#lastBound === this.#items.length;
  }

  error(code: string, message: string, place: Place | undefined, parts?: ProblemParts): undefined {
    return this.#problems.error(code, message, place, this.title, parts);
  }

  add(draft: Draft, place: Place | undefined): void {
    this.#items.push({ draft, place });
    if (typeof draft.target === 'object') this.#use(draft.target, place);
  }

  label(name: string | undefined, place: Place | undefined): Label {
    const label = Object.freeze({ kind: 'label' as const, name: name ?? `label ${this.#labels.size + 1}` });
    this.#labels.set(label, { place, bound: undefined, used: undefined });
    return label;
  }

  bind(label: Label, place: Place | undefined): void {
    const state = this.#labels.get(label);
    if (!state) {
      this.#foreign(label, place);
      return;
    }
    this.#lastBound = this.#items.length;
    if (!state.bound) state.bound = { item: this.#items.length, place };
    else
      this.error('defined-twice', `label '${label.name}' is bound twice`, place, {
        beside: [{ place: state.bound.place, message: 'first bound here' }],
      });
  }

  isUsed(label: Label): boolean {
    return this.#labels.get(label)?.used !== undefined;
  }

  finish(endian: Endian): FinishedBody {
    this.#closed = true;
    if (this.#items.length === 0)
      this.error('empty-function', `${this.title} has no instructions`, this.place);
    for (const [label, { bound, used }] of this.#labels) if (used && !bound) this.#unbound(label, used.place);
    const slots = this.#slots();
    const insns = this.#items.map((item, index) => this.#resolve(item, slots[index]!, slots));
    const relocations = this.#items.flatMap(({ draft: { reference } }, index) =>
      reference ? [Object.freeze({ ...reference, slot: slots[index]! }) as Relocation] : [],
    );
    return { code: encodeInsns(insns, endian), relocations, places: this.#places(slots) };
  }

  #use(label: Label, place: Place | undefined): void {
    const state = this.#labels.get(label);
    if (!state) this.#foreign(label, place);
    else state.used ??= { place };
  }

  #foreign(label: Label, place: Place | undefined): void {
    this.error('foreign-label', `label '${label.name}' belongs to another function`, place, {
      help: ["jumps stay within a function; make the label with this function's own p.label()"],
    });
  }

  #unbound(label: Label, place: Place | undefined): void {
    const made = this.#labels.get(label)?.place;
    this.error('unbound-label', `label '${label.name}' is jumped to, but bound nowhere`, place, {
      help: ['p.bind(label) puts it before the next instruction'],
      beside: [{ place: made, message: 'made here' }],
    });
  }

  /** The first slot of each item, and the number of all. */
  #slots(): number[] {
    const slots: number[] = [];
    let next = 0;
    for (const { draft } of this.#items) {
      slots.push(next);
      next += draft.def.slots;
    }
    slots.push(next);
    return slots;
  }

  #resolve(item: Item, slot: number, slots: readonly number[]): Instruction {
    const { draft } = item;
    const { def, target } = draft;
    if (target === undefined) return insnOf(def, draft);
    if (typeof target === 'number') return this.#branch(item, target, `${target}`);
    const bound = this.#labels.get(target)?.bound;
    // Reported already.
    if (!bound) return insnOf(def, draft);
    if (bound.item === this.#items.length)
      this.error('label-at-end', `label '${target.name}' is bound behind the last instruction`, bound.place, {
        help: ['an instruction must follow it: p.exit(), say'],
      });
    return this.#branch(item, slots[bound.item]! - slot - 1, `label '${target.name}'`);
  }

  #branch(item: Item, distance: number, target: string): Instruction {
    const { draft, place } = item;
    const { def } = draft;
    if (def.imm === 'branch') return insnOf(def, { ...draft, imm: distance });
    if (distance >= MIN_S16 && distance <= MAX_S16) return insnOf(def, { ...draft, off: distance });
    if (def === GOTO) return insnOf(GOTOL, { ...draft, imm: distance });
    this.error(
      'branch-too-far',
      `${def.mnemonic}: ${target} is ${distance} slots away; a conditional jump reaches from -32768 to 32767`,
      place,
      { help: ['jump over a p.ja(label) on the opposite condition: p.ja reaches everything'] },
    );
    return insnOf(def, draft);
  }

  #places(slots: readonly number[]): FinishedBody['places'] {
    const places: { slot: number; place: Place }[] = [];
    let last: Place | undefined;
    for (const [index, { place }] of this.#items.entries()) {
      // The kernel wants every function to begin with a line; its declaration's will do.
      const known = place ?? (index === 0 ? this.place : undefined);
      if (!known || isSame(known, last)) continue;
      places.push({ slot: slots[index]!, place: known });
      last = known;
    }
    return places;
  }
}

function isSame(a: Place, b: Place | undefined): boolean {
  return a.line === b?.line && a.column === b.column && a.file === b.file;
}

/** Every field has been checked; what a row fixes is what it holds. */
function insnOf(
  def: InsnDef,
  { dst = 0, src = 0, off = 0, imm = 0, nextImm = 0 }: Omit<Draft, 'def'>,
): Instruction {
  return {
    def,
    opcode: def.opcode,
    dst: typeof def.dst === 'number' ? def.dst : dst,
    src: typeof def.src === 'number' ? def.src : src,
    off: typeof def.off === 'number' ? def.off : off,
    imm: typeof def.imm === 'number' ? def.imm : imm,
    nextImm,
  };
}
