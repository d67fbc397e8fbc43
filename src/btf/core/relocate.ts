import { TsbpfError } from '../../util/errors.ts';
import type { Btf } from '../btf.ts';
import { type AccessPath, badRelocation, parseAccess } from './access.ts';
import { type CoreValue, canResize, enumValue, fieldValue, typeValue } from './calculate.ts';
import { typesCompatible, typesMatch } from './compat.ts';
import { accessText, missingText, requestText, typeText } from './describe.ts';
import { CoreKind, type CoreSubject, coreKindInfo, needsTarget } from './kinds.ts';
import { type Match, type Mismatch, matchEnumValue, matchField } from './match.ts';
import { essentialName } from './names.ts';
import type { Candidate, CoreTarget, TypeQuery } from './target.ts';

/** What a relocation asks, as `bpf_core_relo` has it. */
export interface CoreRequest {
  readonly type: number;
  readonly access: string;
  readonly kind: number;
}

/** A load's or store's size, where the field's differs. */
export interface CoreResize {
  /** Bytes, in the object and in the kernel. */
  readonly from: number;
  readonly to: number;
  /** Why an instruction of the other size would read something else; undefined where it would not. */
  readonly unsafe: (() => string) | undefined;
}

export interface CoreAnswer {
  /** What the compiler put into the instruction. */
  readonly local: bigint;
  /** Whether it must be there. */
  readonly checked: boolean;
  /** What belongs there. */
  readonly value: bigint;
  readonly resize: CoreResize | undefined;
}

/**
 * What a relocation comes to: a value, or none. An instruction that needs a value which is not
 * there must not run; whether it can be reached is for the verifier to say.
 */
export type CoreResult =
  | ({ readonly outcome: 'value' } & CoreAnswer)
  | { readonly outcome: 'poison'; readonly reason: () => string };

const calculators: Record<
  CoreSubject,
  (kind: number, path: AccessPath | undefined) => CoreValue | undefined
> = {
  field: fieldValue,
  type: typeValue,
  enumValue,
};

/** A candidate that has what was asked for. */
interface Hit {
  readonly candidate: Candidate;
  readonly path: AccessPath;
  readonly value: CoreValue | undefined;
}

type Miss = Candidate & { readonly mismatch?: Mismatch | undefined };

/**
 * Answers the CO-RE relocations of one program. Where several types of the kernel have the name of
 * one of the program's, each answer leaves only those that could give it for the next ones.
 *
 * @example
 * ```ts
 * const relocator = new CoreRelocator(spec.btf, new CoreTarget(parseBtf(vmlinux)));
 * relocator.resolve({ type: 7, access: '0:1', kind: CoreKind.FIELD_BYTE_OFFSET });
 * ```
 */
export class CoreRelocator {
  readonly #local: Btf;
  readonly #target: CoreTarget | undefined;
  /** By local type. */
  readonly #candidates: Map<number, readonly Candidate[]> = new Map();

  /** @throws {TsbpfError} `CORE_ENDIAN` */
  constructor(local: Btf, target: CoreTarget | undefined) {
    if (target && target.btf.endian !== local.endian)
      throw new TsbpfError(
        'CORE_ENDIAN',
        `the kernel's types are ${target.btf.endian} endian, the program's are ${local.endian} endian`,
      );
    this.#local = local;
    this.#target = target;
  }

  /** Looks for the types of many requests at once; without it each is looked for when it comes. */
  prepare(requests: readonly CoreRequest[]): void {
    const types = new Set(requests.filter(({ kind }) => needsTarget(kind)).map(({ type }) => type));
    this.#target?.prepare([...types].flatMap((type) => this.#queryOf(type) ?? []));
  }

  /**
   * @throws {TsbpfError} `CORE_BAD_RELOCATION` for one that is wrong whatever the kernel,
   * `CORE_AMBIGUOUS` where types of one name in the kernel disagree, `CORE_NEEDS_BTF`
   */
  resolve(request: CoreRequest): CoreResult {
    const { type, access, kind } = request;
    const info = coreKindInfo(kind);
    if (!info) throw badRelocation(this.#local, type, access, `its kind ${kind} is not known`);
    const local = parseAccess(this.#local, type, access, info.subject);
    if (kind === CoreKind.TYPE_ID_LOCAL) {
      const value = BigInt(type);
      return { outcome: 'value', local: value, checked: false, value, resize: undefined };
    }
    const calculate = calculators[info.subject];
    const localValue = calculate(kind, local)!;
    const { hits, misses } = this.#match(local, kind, info.subject);
    const [first] = hits;
    const targetValue = first ? first.value : calculate(kind, undefined);
    if (!targetValue) {
      const reason = (): string => `${requestText(kind, local)}: ${missingText(local, misses)}`;
      return { outcome: 'poison', reason };
    }
    return {
      outcome: 'value',
      local: localValue.value,
      checked: localValue.checked,
      value: targetValue.value,
      resize: first && resizeOf(local, localValue, first.path, targetValue),
    };
  }

  #match(local: AccessPath, kind: number, subject: CoreSubject): { hits: Hit[]; misses: Miss[] } {
    const hits: Hit[] = [];
    const misses: Miss[] = [];
    for (const candidate of this.#candidatesOf(local)) {
      const match = matchOf(local, kind, subject, candidate);
      if ('mismatch' in match) {
        misses.push({ ...candidate, mismatch: match.mismatch });
        continue;
      }
      const hit = { candidate, path: match.path, value: calculators[subject](kind, match.path) };
      if (hits[0] && !agree(hits[0], hit)) throw ambiguous(kind, local, hits[0], hit);
      hits.push(hit);
    }
    if (hits.length > 0 && misses.length > 0)
      this.#candidates.set(
        local.root,
        hits.map(({ candidate }) => candidate),
      );
    return { hits, misses };
  }

  #candidatesOf(local: AccessPath): readonly Candidate[] {
    const { root } = local;
    const known = this.#candidates.get(root);
    if (known) return known;
    if (!this.#target)
      throw new TsbpfError(
        'CORE_NEEDS_BTF',
        `${accessText(local)} is to be looked up in a kernel's types, and none were given`,
        {
          hint: "give a kernel's BTF in the facts, for example parseBtf(readFileSync('/sys/kernel/btf/vmlinux'))",
        },
      );
    const query = this.#queryOf(root);
    if (!query)
      throw badRelocation(this.#local, root, '', 'a type without a name cannot be looked up in a kernel');
    const found = this.#target.candidates(query);
    this.#candidates.set(root, found);
    return found;
  }

  #queryOf(root: number): TypeQuery | undefined {
    const { kind, name } = this.#local.type(root);
    return name === '' ? undefined : { kind, name: essentialName(name) };
  }
}

function matchOf(
  local: AccessPath,
  kind: number,
  subject: CoreSubject,
  { btf, type }: Candidate,
): Match | { readonly mismatch: undefined } {
  switch (subject) {
    case 'field':
      return matchField(local, btf, type);
    case 'enumValue': {
      const path = matchEnumValue(local, btf, type);
      return path ? { path } : { mismatch: undefined };
    }
    case 'type': {
      const compare = kind === CoreKind.TYPE_MATCHES ? typesMatch : typesCompatible;
      if (!compare(local.btf, local.root, btf, type)) return { mismatch: undefined };
      return { path: { btf, root: type, accessors: [], bitOffset: 0 } };
    }
  }
}

function agree(a: Hit, b: Hit): boolean {
  return a.path.bitOffset === b.path.bitOffset && a.value?.value === b.value?.value;
}

function ambiguous(kind: number, local: AccessPath, a: Hit, b: Hit): TsbpfError {
  const show = ({ candidate, path, value }: Hit): string =>
    `${value?.value ?? 'none'} in ${typeText(path.btf, path.root)} (type ${path.root}${candidate.module === undefined ? '' : ` of ${candidate.module}`})`;
  return new TsbpfError(
    'CORE_AMBIGUOUS',
    `${requestText(kind, local)} is ambiguous: it is ${show(a)} and ${show(b)}`,
    { hint: 'declare more members of the type that only the right one has, and ask for one of them first' },
  );
}

function resizeOf(
  local: AccessPath,
  localValue: CoreValue,
  target: AccessPath,
  targetValue: CoreValue,
): CoreResize | undefined {
  const [a, b] = [localValue.field, targetValue.field];
  // A bit field has no size that a load could have.
  const [from, to] = [a?.size ?? 0, b?.size ?? 0];
  if (from === to) return undefined;
  const canChange = a && b && canResize(local.btf, a.type, target.btf, b.type);
  return { from, to, unsafe: canChange ? undefined : () => sizeText(local, a, target, b) };
}

function sizeText(
  local: AccessPath,
  a: CoreValue['field'],
  target: AccessPath,
  b: CoreValue['field'],
): string {
  const words = (btf: Btf, field: CoreValue['field']): string =>
    field ? `${typeText(btf, field.type)} of ${field.size} bytes` : 'a bit field';
  return `${accessText(local)} is ${words(target.btf, b)} in the kernel, but ${words(local.btf, a)} in the program, and only unsigned integers and pointers can change their size`;
}

/**
 * A relocation in words: `byte offset of struct task_struct.pid`.
 *
 * @throws {TsbpfError} `CORE_BAD_RELOCATION`
 */
export function coreRequestText(local: Btf, { type, access, kind }: CoreRequest): string {
  const info = coreKindInfo(kind);
  if (!info) throw badRelocation(local, type, access, `its kind ${kind} is not known`);
  return requestText(kind, parseAccess(local, type, access, info.subject));
}
