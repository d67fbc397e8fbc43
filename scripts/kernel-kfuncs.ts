// Reads from the running kernel's BTF which functions it offers to programs, and their prototypes.
import { readFileSync } from 'node:fs';
import { CDeclarations } from '../src/btf/c-declarations.ts';
import { type Btf, parseBtf } from '../src/btf/index.ts';
import type { Prototype } from '../src/isa/prototype.ts';

export const VMLINUX_BTF = '/sys/kernel/btf/vmlinux';

export interface KernelKfunc extends Prototype {
  /** Marked `bpf_fastcall`: it leaves r1 to r5 alone where the verifier can tell. */
  readonly fastcall: boolean;
}

function prototypeOf(btf: Btf, funcId: number): Prototype {
  const func = btf.type(funcId);
  const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
  if (proto?.kind !== 'funcProto') throw new Error(`type ${funcId} is no function`);
  const spell = (id: number): string => new CDeclarations(btf).declaration(id, '', 0);
  const params = proto.params.map(({ type, name }): readonly [string, string] =>
    type === 0 && name === '' ? ['...', ''] : [spell(type), name],
  );
  return { returns: spell(proto.type), params };
}

/** Every function that has the declaration tag `bpf_kfunc`, by name. */
export function readKernelKfuncs(): Map<string, KernelKfunc> {
  const btf = parseBtf(new Uint8Array(readFileSync(VMLINUX_BTF)), VMLINUX_BTF);
  const tagged = new Set<number>();
  const fast = new Set<number>();
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if (type.kind !== 'declTag' || type.componentIndex !== -1) continue;
    if (type.name === 'bpf_kfunc') tagged.add(type.type);
    if (type.name === 'bpf_fastcall') fast.add(type.type);
  }
  const out = [...tagged].map((id): [string, KernelKfunc] => [
    btf.type(id).name,
    { ...prototypeOf(btf, id), fastcall: fast.has(id) },
  ]);
  return new Map(out.sort(([a], [b]) => (a < b ? -1 : 1)));
}
