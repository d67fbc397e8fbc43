import type { Btf } from './btf.ts';
import { BtfBuilder } from './build.ts';
import { parseAccess } from './core/access.ts';
import { CoreKind, coreKindInfo, needsTarget } from './core/kinds.ts';
import { essentialName } from './core/names.ts';
import type { CoreRequest } from './core/relocate.ts';
import { CoreTarget } from './core/target.ts';
import { flagOfInfo, makeInfo } from './layout.ts';
import { type BtfRecord, mapRecord, readRecord, typesOf } from './record.ts';
import type { BtfComposite } from './types.ts';

/** CO-RE relocations of one object. */
export interface BtfNeed {
  /** The object's own types. */
  readonly btf: Btf;
  readonly relocations: readonly CoreRequest[];
}

/** Anonymous structs within one; the kernel's largest have some dozens, and the search is recursive. */
const MAX_ANONYMOUS = 1000;

/**
 * The part of a kernel's BTF that the CO-RE relocations of some objects ask for, so that a few
 * kilobytes can be shipped for a kernel that has none itself. Relocating against it gives what the
 * whole gives: structs keep their size and the members that are asked for, at their places; all
 * types of a name are kept, so that what is ambiguous stays so. Only the numbers of types change,
 * which a program asks for with `bpf_core_type_id_kernel`.
 *
 * @param target the kernel's BTF, or a module's with its base
 * @returns a BTF of its own, without base, in the target's endianness
 * @throws {TsbpfError} `CORE_BAD_RELOCATION` @throws {FormatError} for a damaged target
 *
 * @example
 * ```ts
 * const relocations = [...spec.functions.values()].flatMap((each) => each.coreRelocations);
 * const bytes = minimalBtf(vmlinux, [{ btf: spec.btf!, relocations }]);
 * ```
 */
export function minimalBtf(target: Btf, needs: readonly BtfNeed[]): Uint8Array {
  const selection = new Selection(target);
  const kernel = new CoreTarget(target);
  for (const { btf, relocations } of needs) {
    for (const request of relocations) if (needsTarget(request.kind)) select(selection, kernel, btf, request);
  }
  return selection.build();
}

function select(selection: Selection, kernel: CoreTarget, local: Btf, request: CoreRequest): void {
  const { kind, name } = local.type(request.type);
  const subject = coreKindInfo(request.kind)?.subject ?? 'type';
  const { accessors } = parseAccess(local, request.type, request.access, subject);
  for (const { type } of kernel.candidates({ kind, name: essentialName(name) })) {
    selection.keep(type);
    if (subject === 'field')
      selection.keepAccess(
        type,
        accessors.map((accessor) => accessor.name),
      );
    else if (request.kind === CoreKind.TYPE_MATCHES) selection.keepWhole(type);
    else selection.keepShape(type);
  }
}

/** Types of the target, and which members of its structs and unions. */
class Selection {
  readonly #btf: Btf;
  /** By type; empty for types that are no structs. */
  readonly #kept: Map<number, Set<number>> = new Map();
  readonly #whole: Set<number> = new Set();
  readonly #shapes: Set<number> = new Set();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** A type that something has by value: its size and kind, none of a struct's members. */
  keep(id: number): void {
    const pending = [id];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (at === 0 || this.#kept.has(at)) continue;
      this.#kept.set(at, new Set());
      const kind = this.#btf.kindOf(at);
      // What a pointer points at does not count for its size.
      if (kind !== 'struct' && kind !== 'union' && kind !== 'ptr')
        pending.push(...typesOf(readRecord(this.#btf, at)));
    }
  }

  /**
   * Members by name, one within the other; undefined steps into an array. All members of a name
   * are kept, also those that turn out not to fit.
   */
  keepAccess(root: number, names: readonly (string | undefined)[]): void {
    let within = new Set([root]);
    for (const [position, name] of names.entries()) {
      const next = new Set<number>();
      for (const id of within) {
        if (name !== undefined) this.#keepMembers(id, name, next, new Map());
        else if (position === 0) next.add(id);
        else {
          const array = this.#btf.resolve(id);
          if (array.kind === 'array') next.add(array.type);
        }
      }
      within = next;
    }
  }

  /** @returns whether a member of that name is in the struct, or in an anonymous one within it */
  #keepMembers(id: number, name: string, found: Set<number>, seen: Map<number, boolean>): boolean {
    const type = this.#btf.resolve(id);
    if ((type.kind !== 'struct' && type.kind !== 'union') || seen.size > MAX_ANONYMOUS) return false;
    const known = seen.get(type.id);
    if (known !== undefined) return known;
    seen.set(type.id, false);
    let any = false;
    for (const [index, member] of type.members.entries()) {
      const holds =
        member.name === '' ? this.#keepMembers(member.type, name, found, seen) : member.name === name;
      if (!holds) continue;
      any = true;
      this.#keepMember(type, index);
      if (member.name !== '') found.add(member.type);
    }
    seen.set(type.id, any);
    return any;
  }

  #keepMember(type: BtfComposite, index: number): void {
    this.keep(type.id);
    this.#kept.get(type.id)!.add(index);
    this.keep(type.members[index]!.type);
  }

  /** A type with what pointers, arrays and prototypes in it refer to, as far as to structs. */
  keepShape(id: number): void {
    const pending = [id];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (at === 0 || this.#shapes.has(at)) continue;
      this.#shapes.add(at);
      this.keep(at);
      const kind = this.#btf.kindOf(at);
      if (kind !== 'struct' && kind !== 'union') pending.push(...typesOf(readRecord(this.#btf, at)));
    }
  }

  /** A type with all members, and the shapes of what they point at. */
  keepWhole(id: number): void {
    const pending = [id];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      if (at === 0 || this.#whole.has(at)) continue;
      this.#whole.add(at);
      this.keepShape(at);
      const type = this.#btf.type(at);
      if (type.kind === 'struct' || type.kind === 'union') {
        for (const index of type.members.keys()) this.#keepMember(type, index);
      }
      if (type.kind !== 'ptr') pending.push(...typesOf(readRecord(this.#btf, at)));
    }
    for (const each of this.#whole) if (this.#btf.kindOf(each) === 'ptr') this.keepShape(each);
  }

  build(): Uint8Array {
    const btf = this.#btf;
    const builder = new BtfBuilder();
    const order = [...this.#kept.keys()].sort((a, b) => a - b);
    const ids = new Map(order.map((id, index) => [id, index + 1]));
    for (const id of order) {
      const record = this.#trimmed(id, readRecord(btf, id));
      builder.record(
        mapRecord(
          record,
          // A pointer to what nobody asked for becomes one to void.
          (type) => ids.get(type) ?? 0,
          (offset) => builder.string(btf.string(offset)),
        ),
      );
    }
    return builder.build(btf.endian);
  }

  /** Three words for each member. */
  #trimmed(id: number, record: BtfRecord): BtfRecord {
    const kind = this.#btf.kindOf(id);
    if (kind !== 'struct' && kind !== 'union') return record;
    const kept = [...this.#kept.get(id)!].sort((a, b) => a - b);
    const tail = kept.flatMap((index) => record.tail.slice(3 * index, 3 * index + 3));
    return { ...record, info: makeInfo(kind, kept.length, flagOfInfo(record.info)), tail };
  }
}
