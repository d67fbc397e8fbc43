import { BtfBuilder, type BtfMemberInput } from '../../btf/build.ts';
import { CONTEXT_STRUCTS } from '../../isa/context-structs.generated.ts';
import type { ContextName } from './context.ts';
import { type DataType, s8, s16, s32, s64, type TypeNumbers, u8, u16, u32, u64 } from './data-types.ts';

/** A parameter of a function that is seen through its types. */
export interface Param {
  readonly name: string;
  readonly type: number;
}

/** A variable's place in its section, for the section's type. */
export interface SectionVariable {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

type Row = readonly [number, number, string, ...number[]];

/** The BTF of one object under way. */
export class ObjectTypes implements TypeNumbers {
  readonly btf: BtfBuilder = new BtfBuilder();
  readonly #numbers: Map<DataType<unknown>, number> = new Map();
  readonly #named: Map<string, number> = new Map();
  readonly #contexts: Map<ContextName, number> = new Map();
  readonly #protos: Map<string, number> = new Map();
  readonly #sections: Map<string, SectionVariable[]> = new Map();

  of(type: DataType<unknown>): number {
    let number = this.#numbers.get(type);
    if (number === undefined) {
      number = type.addTo(this);
      this.#numbers.set(type, number);
    }
    return number;
  }

  named(kind: 'struct' | 'union' | 'enum', name: string): number {
    const key = `${kind} ${name}`;
    let number = this.#named.get(key);
    if (number === undefined) {
      // Without members, and not a forward declaration: declarations are compared by their kinds.
      number = kind === 'enum' ? this.btf.enum(name, {}) : this.btf[kind](name, 0, []);
      this.#named.set(key, number);
    }
    return number;
  }

  /** @param result the number of what it returns; `int` by default */
  func(
    name: string,
    params: readonly Param[],
    linkage: 'static' | 'global' | 'extern',
    result: number = this.of(s32),
  ): number {
    const key = `${result}(${params.map((param) => `${param.type} ${param.name}`).join()})`;
    let proto = this.#protos.get(key);
    if (proto === undefined) {
      proto = this.btf.funcProto(result, params);
      this.#protos.set(key, proto);
    }
    return this.btf.func(name, proto, linkage);
  }

  result(returns: DataType<never> | DataType<unknown> | 'void' | undefined): number | undefined {
    if (returns === undefined) return undefined;
    return returns === 'void' ? 0 : this.of(returns as DataType<unknown>);
  }

  /** The parameter of a program: a pointer to its context, or to nothing known. */
  contextParam(context: ContextName | undefined): Param {
    return { name: 'ctx', type: this.btf.ptr(context === undefined ? 0 : this.context(context)) };
  }

  /** The kernel knows contexts by the names of their structs (Linux, `btf_is_prog_ctx_type`). */
  context(name: ContextName): number {
    let number = this.#contexts.get(name);
    if (number === undefined) {
      const { size, fields } = CONTEXT_STRUCTS[name] as {
        size: number;
        fields: Readonly<Record<string, Row>>;
      };
      const members = Object.entries(fields).flatMap(([key, row]) => this.#member(key, row) ?? []);
      number = this.btf.struct(name, size, members);
      this.#contexts.set(name, number);
    }
    return number;
  }

  /** Integers and arrays of them by their C types, pointers as such; bit fields and inner structs are left out. */
  #member(name: string, [offset, size, type, ...bits]: Row): BtfMemberInput | undefined {
    if (bits.length > 0) return undefined;
    const number = type.endsWith('*') ? this.btf.ptr(0) : this.#integers(type, size);
    return number === undefined ? undefined : { name, type: number, offsetBits: offset * 8 };
  }

  #integers(type: string, size: number): number | undefined {
    const [, base, count] = /^([^[]+)(?:\[(\d+)\])?$/.exec(type) ?? [];
    if (base === undefined || base.startsWith('struct ') || base.startsWith('union ')) return undefined;
    const signed = /^_*s\d/.test(base) || /^(?:int|short|long|char)\b/.test(base);
    const bytes = size / Number(count ?? 1);
    const candidates = signed ? [s8, s16, s32, s64] : [u8, u16, u32, u64];
    const element = (candidates as readonly DataType<unknown>[]).find((each) => each.size === bytes);
    if (!element) return undefined;
    const number = this.of(element);
    return count === undefined ? number : this.btf.array(number, this.of(s32), Number(count));
  }

  /** Puts something into a section's type: a variable, or the declaration of an extern. */
  place(section: string, variable: SectionVariable): void {
    const list = this.#sections.get(section);
    if (list) list.push(variable);
    else this.#sections.set(section, [variable]);
  }

  /** Adds the section's type, once all of it is placed. */
  section(name: string, size: number): number | undefined {
    const variables = this.#sections.get(name);
    return variables && this.btf.datasec(name, size, variables);
  }
}
