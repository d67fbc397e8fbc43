import type { Btf } from '../btf/btf.ts';
import { typesCompatible } from '../btf/core/compat.ts';
import { essentialName } from '../btf/core/names.ts';
import { CoreTarget, type TypeQuery } from '../btf/core/target.ts';
import type { BtfFunc, BtfVar } from '../btf/types.ts';
import { SLOT_SIZE } from '../isa/codec.ts';
import { TsbpfError } from '../util/errors.ts';
import { poisonedInsn, poisonSlot } from './core.ts';
import { KCONFIG_MAP, kconfigOffset } from './externs-kconfig.ts';
import { setSrc, setWide } from './insn-fields.ts';
import type { ExternSpec, KernelFacts, ObjectSpec, PoisonedInsn, Relocation } from './spec.ts';

const CALL = 0x85;
/** `src` of a call of a kernel function, and of an `lddw` of a kernel variable (Linux, `bpf.h`). */
const PSEUDO_KFUNC_CALL = 2;
const PSEUDO_BTF_ID = 3;
/** Calls of kernel functions that are not there count on from here; the number is the one that other loaders use. */
const POISON_KFUNC = 2_002_000_000;

/** What an extern is in a kernel. */
type Found =
  | { readonly kind: 'address'; readonly address: bigint }
  | { readonly kind: 'type'; readonly type: number; readonly module: string | undefined }
  /** The kernel does not have it, and the program says that it can do without. */
  | { readonly kind: 'absent' }
  /** The facts do not say. */
  | { readonly kind: 'open' };

type ExternRelocation = Extract<Relocation, { kind: 'extern' }>;

/** What becomes of a reference: nothing more to do, a relocation that `bind` fills, or an instruction that cannot run. */
interface Settled {
  readonly relocation?: Relocation;
  readonly poisoned?: PoisonedInsn;
}

/** Settles the references of one program to things of the kernel, as far as the facts tell. */
export class ExternLinker {
  readonly #spec: ObjectSpec;
  readonly #program: string;
  readonly #view: DataView;
  readonly #facts: KernelFacts;
  readonly #found: Map<string, Found> = new Map();

  constructor(spec: ObjectSpec, program: string, view: DataView, facts: KernelFacts) {
    this.#spec = spec;
    this.#program = program;
    this.#view = view;
    this.#facts = facts;
  }

  /** Looks for the names of many references at once. */
  prepare(relocations: readonly ExternRelocation[]): void {
    const externs = relocations.flatMap(({ name }) => this.#spec.externs.get(name) ?? []);
    const queries = externs.flatMap((extern) => this.#queryOf(extern) ?? []);
    if (queries.length > 0 && this.#facts.btf) new CoreTarget(this.#facts.btf).prepare(queries);
  }

  /** @throws {TsbpfError} `EXTERN_UNRESOLVED`, `EXTERN_TYPE` */
  settle(relocation: ExternRelocation): Settled {
    const extern = this.#spec.externs.get(relocation.name);
    if (!extern) return { relocation };
    if (extern.kind === 'kconfig') return this.#settleKconfig(relocation);
    const found = this.#find(extern);
    const isCall = this.#view.getUint8(relocation.slot * SLOT_SIZE) === CALL;
    switch (found.kind) {
      case 'open':
        return { relocation };
      case 'absent':
        return isCall ? { poisoned: this.#poisonCall(relocation) } : this.#fill(relocation.slot, 0, 0n);
      case 'address':
        return this.#fill(relocation.slot, 0, found.address);
      case 'type':
        if (found.module !== undefined)
          return {
            relocation: Object.freeze({ ...relocation, module: { name: found.module, type: found.type } }),
          };
        return isCall
          ? this.#call(relocation.slot, found.type)
          : this.#fill(relocation.slot, PSEUDO_BTF_ID, BigInt(found.type));
    }
  }

  #settleKconfig({ slot, name }: ExternRelocation): Settled {
    const offset = kconfigOffset(this.#spec, name);
    if (offset === undefined) return { relocation: { kind: 'extern', slot, name } };
    return { relocation: Object.freeze({ kind: 'mapValue', slot, map: KCONFIG_MAP, offset }) };
  }

  #fill(slot: number, src: number, value: bigint): Settled {
    const { endian } = this.#spec;
    setSrc(this.#view, slot, endian, src);
    const low = Number(BigInt.asIntN(32, value));
    setWide(this.#view, slot, endian, low, Number(BigInt.asIntN(32, value >> 32n)));
    return {};
  }

  #call(slot: number, type: number): Settled {
    const { endian } = this.#spec;
    setSrc(this.#view, slot, endian, PSEUDO_KFUNC_CALL);
    // The place in fd_array; 0 stands for the kernel itself.
    this.#view.setInt16(slot * SLOT_SIZE + 2, 0, endian === 'little');
    this.#view.setInt32(slot * SLOT_SIZE + 4, type, endian === 'little');
    return {};
  }

  #poisonCall({ slot, name }: ExternRelocation): PoisonedInsn {
    const helper = POISON_KFUNC + [...this.#spec.externs.keys()].indexOf(name);
    poisonSlot(this.#view, slot, this.#spec.endian, helper);
    const reason = (): string => `the kernel has no function ${name} that fits its declaration`;
    return poisonedInsn(slot, 1, helper, reason);
  }

  #find(extern: ExternSpec): Found {
    let found = this.#found.get(extern.name);
    if (!found) {
      found = this.#look(extern);
      this.#found.set(extern.name, found);
    }
    return found;
  }

  #look(extern: ExternSpec): Found {
    if (extern.kind !== 'kfunc' && extern.kind !== 'ksym') return { kind: 'open' };
    const query = this.#queryOf(extern);
    return query ? this.#lookInTypes(extern, query) : this.#lookInSymbols(extern);
  }

  #lookInSymbols(extern: ExternSpec): Found {
    const { kallsyms } = this.#facts;
    if (!kallsyms) return { kind: 'open' };
    const address = kallsyms.get(extern.name);
    return address === undefined ? this.#absent(extern, 'symbol') : { kind: 'address', address };
  }

  #lookInTypes(extern: ExternSpec, query: TypeQuery): Found {
    const { btf } = this.#facts;
    if (!btf) return { kind: 'open' };
    const what = query.kind === 'func' ? 'function' : 'variable';
    const candidates = new CoreTarget(btf, () => this.#facts.moduleBtf)
      .candidates(query)
      .filter((candidate) => candidate.btf.type(candidate.type).name === query.name);
    const [first] = candidates;
    if (!first) return this.#absent(extern, what);
    if (!this.#fits(extern, first.btf, first.type)) {
      if (extern.weak) return { kind: 'absent' };
      throw new TsbpfError(
        'EXTERN_TYPE',
        `${this.#program} declares the kernel's ${what} ${extern.name} with another type than it has in ${first.module ?? 'the kernel'}`,
        { hint: 'take its declaration from the vmlinux.h of this kernel' },
      );
    }
    return { kind: 'type', type: first.type, module: first.module };
  }

  /** By their kinds, as CO-RE compares types: a struct is a struct, whatever its members. */
  #fits({ type }: ExternSpec, target: Btf, targetType: number): boolean {
    const local = this.#spec.btf!;
    const own = local.type(type!) as BtfFunc | BtfVar;
    const other = target.type(targetType) as BtfFunc | BtfVar;
    return typesCompatible(local, local.resolve(own.type).id, target, target.resolve(other.type).id);
  }

  #absent({ name, weak }: ExternSpec, what: string): Found {
    if (weak) return { kind: 'absent' };
    throw new TsbpfError(
      'EXTERN_UNRESOLVED',
      `${this.#program} needs the kernel's ${what} ${name}, which this kernel does not have`,
      {
        hint: `declare it __weak and ask bpf_ksym_exists(${name}) before it is used`,
      },
    );
  }

  /** undefined for what has no type in the kernel: `extern const void name __ksym`. */
  #queryOf({ name, kind, type }: ExternSpec): TypeQuery | undefined {
    const { btf } = this.#spec;
    if (!btf || type === undefined) return undefined;
    if (kind === 'kfunc') return { kind: 'func', name: essentialName(name) };
    const declared = btf.type(type);
    if (kind !== 'ksym' || declared.kind !== 'var' || btf.resolve(declared.type).kind === 'void')
      return undefined;
    return { kind: 'var', name };
  }
}
