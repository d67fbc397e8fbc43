import { suggest } from '../../util/suggest.ts';
import type { Btf } from '../btf.ts';
import type { BtfComposite, BtfType } from '../types.ts';
import type { AccessPath } from './access.ts';
import { coreKindInfo } from './kinds.ts';
import type { Mismatch } from './match.ts';
import { membersOf } from './members.ts';
import { essentialName } from './names.ts';
import type { Candidate } from './target.ts';

/** Pointers to pointers to … are cut here; messages are for people. */
const MAX_WORDS = 8;

/** A type in C words: `struct task_struct *`, `unsigned int`, `char[16]`. */
export function typeText(btf: Btf, id: number, depth = 0): string {
  const type = btf.type(id);
  if (depth > MAX_WORDS) return '…';
  switch (type.kind) {
    case 'ptr':
      return `${typeText(btf, type.type, depth + 1)} *`.replace('* *', '**');
    case 'array':
      return `${typeText(btf, type.type, depth + 1)}[${type.count}]`;
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typeTag':
      return typeText(btf, type.type, depth + 1);
    case 'funcProto':
      return 'a function';
    default:
      return named(type);
  }
}

const keywords: Partial<Record<BtfType['kind'], string>> = {
  struct: 'struct ',
  union: 'union ',
  enum: 'enum ',
  enum64: 'enum ',
};

function named(type: BtfType): string {
  const keyword = type.kind === 'fwd' ? (type.union ? 'union ' : 'struct ') : (keywords[type.kind] ?? '');
  return `${keyword}${type.name || (type.kind === 'void' ? 'void' : '(anonymous)')}`;
}

/** `struct task_struct.mm.owner`, `enum tcp_state::TCP_LISTEN`, up to `depth` accessors. */
export function accessText(path: AccessPath, depth: number = path.accessors.length): string {
  const { btf, root, accessors } = path;
  const start = typeText(btf, root);
  const resolved = btf.resolve(root);
  if (resolved.kind === 'enum' || resolved.kind === 'enum64')
    return accessors.length === 0 ? start : `${start}::${accessors[0]!.name}`;
  return accessors.slice(0, depth).reduce((text, { name, index }, position) => {
    if (name !== undefined) return `${text}.${name}`;
    return position === 0 && index === 0 ? text : `${text}[${index}]`;
  }, start);
}

/** `byte offset of struct task_struct.pid`. */
export function requestText(kind: number, path: AccessPath): string {
  return `${coreKindInfo(kind)?.name ?? `kind ${kind}`} of ${accessText(path)}`;
}

const place = ({ module }: Candidate): string => (module === undefined ? 'the kernel' : `module ${module}`);

/** Why no candidate has what an access asks for, and what there is instead. */
export function missingText(
  local: AccessPath,
  found: readonly (Candidate & { readonly mismatch?: Mismatch | undefined })[],
): string {
  const wanted = essentialText(local);
  if (found.length === 0) return `the kernel has no ${wanted}`;
  const furthest = found.reduce((a, b) => ((b.mismatch?.depth ?? -1) > (a.mismatch?.depth ?? -1) ? b : a));
  const { mismatch, btf } = furthest;
  const resolved = local.btf.resolve(local.root);
  if (resolved.kind === 'enum' || resolved.kind === 'enum64') return missingValue(local, furthest);
  if (!mismatch) return `${wanted} of ${place(furthest)} is of another kind`;
  const type = btf.type(mismatch.within);
  const accessor = local.accessors[mismatch.depth]!;
  if (mismatch.incompatible !== undefined) {
    const owner = local.btf.type(accessor.type) as BtfComposite;
    const own = typeText(local.btf, owner.members[accessor.index]!.type);
    return `${named(type)} of ${place(furthest)} has a member ${accessor.name} of type ${typeText(btf, mismatch.incompatible)}, the program's is of type ${own}`;
  }
  if (accessor.name === undefined) {
    const has = type.kind === 'array' ? `an array of ${type.count}` : `a ${type.kind}`;
    return `${accessText(local, mismatch.depth)} is ${has} in ${place(furthest)}, the program takes element ${accessor.index}`;
  }
  if (type.kind !== 'struct' && type.kind !== 'union')
    return `${accessText(local, mismatch.depth)} is ${typeText(btf, type.id)} in ${place(furthest)}, which has no members`;
  return noMember(btf, type, accessor.name, furthest);
}

function noMember(btf: Btf, type: BtfComposite, name: string, candidate: Candidate): string {
  const names = [...membersOf(btf, type).keys()];
  const near = suggest(name, names);
  const list = names.length <= 8 && names.length > 0 ? `; it has: ${names.join(', ')}` : '';
  return `${named(type)} of ${place(candidate)} has no member ${name}${near ? `; it has ${near}` : list}`;
}

function missingValue(local: AccessPath, candidate: Candidate): string {
  const type = candidate.btf.resolve(candidate.type);
  const values = type.kind === 'enum' || type.kind === 'enum64' ? type.values.map(({ name }) => name) : [];
  const name = local.accessors[0]?.name ?? '';
  const near = suggest(name, values);
  return `${named(type)} of ${place(candidate)} has no value ${name}${near ? `; it has ${near}` : ''}`;
}

/** The type as the kernel would call it. */
function essentialText({ btf, root }: AccessPath): string {
  const text = typeText(btf, root);
  const { name } = btf.type(root);
  return name === '' ? text : text.replace(name, () => essentialName(name));
}
