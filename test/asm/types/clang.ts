import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BtfTypes } from '../../../src/asm/types/to-btf.ts';
import { type Btf, parseBtf } from '../../../src/btf/index.ts';
import { parseElf } from '../../../src/elf/index.ts';
import type { RelocatableObject } from '../../../src/object/relocatable.ts';
import type { Endian } from '../../../src/util/bytes.ts';
import { withFolder } from '../../btf/tools.ts';

/** What the kernel's and libbpf's headers make known to a C program. */
export const PRELUDE = `
typedef signed char __s8; typedef unsigned char __u8; typedef short __s16; typedef unsigned short __u16;
typedef int __s32; typedef unsigned int __u32; typedef long long __s64; typedef unsigned long long __u64;
typedef __s8 s8; typedef __u8 u8; typedef __s16 s16; typedef __u16 u16;
typedef __s32 s32; typedef __u32 u32; typedef __s64 s64; typedef __u64 u64;
typedef __u16 __be16; typedef __u32 __be32; typedef __u64 __be64; typedef __u16 __le16;
typedef unsigned char uint8_t; typedef unsigned long size_t;
#define bool _Bool
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
`;

/** The object that clang makes of a C text. */
export function compileC(text: string, endian: Endian, flags: readonly string[] = []): RelocatableObject {
  return withFolder((folder) => {
    const [source, object] = [join(folder, 'in.c'), join(folder, 'out.o')];
    writeFileSync(source, PRELUDE + text);
    const target = endian === 'little' ? 'bpfel' : 'bpfeb';
    const args = ['-target', target, '-O2', '-g', '-w', ...flags, '-c', source, '-o', object];
    execFileSync('clang-19', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return parseElf(new Uint8Array(readFileSync(object)));
  });
}

export function btfOf(object: RelocatableObject): Btf {
  return parseBtf(object.sections.find(({ name }) => name === '.BTF')!.bytes!);
}

/** Our types as they come out of a file. */
export function written(types: BtfTypes, endian: Endian): Btf {
  return parseBtf(types.builder.build(endian));
}

/** A type as a text that two BTFs agree about where they mean the same. Named structs within are only named. */
export function meaning(btf: Btf, id: number, inside = false): string {
  const type = btf.type(id);
  const tags = inside ? '' : declTags(btf, id);
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'int':
      return `${type.name}:${type.size}:${type.signed}:${type.bool}:${type.bits}`;
    case 'struct':
    case 'union': {
      if (inside && type.name !== '') return `${type.kind} ${type.name}`;
      const members = type.members.map(
        (member) =>
          `${member.name}@${member.offsetBits}/${member.bitSize} ${meaning(btf, member.type, true)}`,
      );
      return `${type.kind} ${type.name} ${type.size} {${members.join('; ')}}${tags}`;
    }
    case 'enum':
    case 'enum64': {
      if (inside && type.name !== '') return `enum ${type.name}`;
      const values = type.values.map(({ name, value }) => `${name}=${value}`);
      return `${type.kind} ${type.name} ${type.size} ${type.signed} {${values.join()}}`;
    }
    case 'fwd':
      return `${type.union ? 'union' : 'struct'} ${type.name}`;
    case 'array':
      return `[${type.count}] ${meaning(btf, type.type, true)}`;
    case 'funcProto': {
      const params = type.params.map(({ name, type: param }) => `${name} ${meaning(btf, param, true)}`);
      return `(${params.join()}) -> ${meaning(btf, type.type, true)}`;
    }
    case 'typedef':
      return `typedef ${type.name} ${meaning(btf, type.type, true)}`;
    case 'func':
    case 'var':
      return `${type.kind} ${type.linkage} ${type.name} ${meaning(btf, type.type, true)}${tags}`;
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typeTag':
      return `${type.kind} ${type.name} ${meaning(btf, type.type, true)}`;
    default:
      throw new Error(`a ${type.kind} has no meaning here`);
  }
}

function declTags(btf: Btf, id: number): string {
  const out: string[] = [];
  for (let at = 1; at < btf.typeCount; at++) {
    const type = btf.type(at);
    if (type.kind === 'declTag' && type.type === id) out.push(` #${type.name}@${type.componentIndex}`);
  }
  return out.sort().join('');
}

/** Named structs, unions, enums, typedefs, variables and functions of a BTF, as texts by name. */
export function meanings(btf: Btf): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (let id = 1; id < btf.typeCount; id++) {
    const { kind, name } = btf.type(id);
    const isCompared = ['struct', 'union', 'enum', 'enum64', 'typedef', 'var', 'func'].includes(kind);
    if (isCompared && name !== '') out.set(`${kind} ${name}`, meaning(btf, id));
  }
  return out;
}
