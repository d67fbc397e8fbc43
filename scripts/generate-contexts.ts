// Generates src/isa/context-structs.generated.ts from the running kernel's BTF:
//   node scripts/run-ts.mjs scripts/generate-contexts.ts
// The kernel says itself which struct the programs of a type are given: `struct bpf_ctx_convert`.
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { type Btf, type BtfComposite, parseBtf } from '../src/btf/index.ts';
import { ProgType } from '../src/isa/kernel-tables.generated.ts';

/** What programs have by value in maps and on the stack, or give to helpers: `linux/bpf.h` defines it. */
const OTHERS = [
  ...[
    'bpf_sock_tuple',
    'bpf_tcp_sock',
    'bpf_fib_lookup',
    'bpf_redir_neigh',
    'bpf_tunnel_key',
    'bpf_xfrm_state',
  ],
  ...['bpf_perf_event_value', 'bpf_pidns_info', 'bpf_devmap_val', 'bpf_cpumap_val', 'btf_ptr'],
  ...[
    'bpf_spin_lock',
    'bpf_timer',
    'bpf_dynptr',
    'bpf_list_head',
    'bpf_list_node',
    'bpf_rb_root',
    'bpf_rb_node',
  ],
  ...['bpf_refcount', 'bpf_wq', 'bpf_iter_num', 'bpf_res_spin_lock'],
];
/** Structs that fields of contexts point to and that programs read through them. */
const POINTED_TO = ['bpf_flow_keys', 'bpf_sock'];

const path = '/sys/kernel/btf/vmlinux';
const btf: Btf = parseBtf(new Uint8Array(readFileSync(path)), path);
const kernel = release().replace(/^(\d+\.\d+).*/, '$1');

/** Integers as the assembler's C knows them; the compiler's own spelling puts words in another order. */
const INT_NAMES: Readonly<Record<string, string>> = {
  'long unsigned int': 'unsigned long',
  'long long unsigned int': 'unsigned long long',
  'long int': 'long',
  'long long int': 'long long',
  'short unsigned int': 'unsigned short',
  'short int': 'short',
  _Bool: 'bool',
};
/** Typedefs that the assembler knows from the start. */
const SCALAR = /^(?:__)?[us](?:8|16|32|64)$|^__(?:be|le)(?:16|32|64)$/;

const typedefs = new Map<string, string>();
const wanted = new Map<string, BtfComposite>();

function want(type: BtfComposite): string {
  if (type.name === '') {
    const members = type.members.map((member) => `${memberText(member.name, member.type)};`);
    return `${type.kind} { ${members.join(' ')} }`;
  }
  wanted.set(type.name, type);
  return `${type.kind} ${type.name}`;
}

/** Within an unnamed struct of a named field, whose layout is C's own. */
function memberText(name: string, id: number): string {
  const type = btf.resolve(id);
  return type.kind === 'array'
    ? `${typeText(type.type)} ${name}[${type.count}]`
    : `${typeText(id)} ${name}`.trimEnd();
}

/** A type as C writes it without a name; arrays stand behind, as in a map's `value=u64[4]`. */
function typeText(id: number): string {
  const type = btf.type(id);
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'int':
      return INT_NAMES[type.name] ?? type.name;
    case 'typedef': {
      if (SCALAR.test(type.name)) return type.name;
      typedefs.set(type.name, typeText(type.type));
      return type.name;
    }
    case 'array':
      return `${typeText(type.type)}[${type.count}]`;
    case 'struct':
    case 'union':
      return want(type);
    case 'enum':
      return 'u32';
    case 'const':
    case 'volatile':
      return typeText(type.type);
    case 'ptr': {
      const to = btf.resolve(type.type);
      const composite = to.kind === 'struct' || to.kind === 'union';
      if (composite && POINTED_TO.includes(to.name)) want(to);
      return composite
        ? `${to.kind} ${to.name} *`
        : `${to.kind === 'fwd' ? `struct ${to.name}` : typeText(type.type)} *`;
    }
    default:
      throw new Error(`type ${id} is a ${type.kind}, which no context has`);
  }
}

const naturalAlign = (id: number): number => {
  const type = btf.resolve(id);
  if (type.kind === 'array') return naturalAlign(type.type);
  if (type.kind === 'struct' || type.kind === 'union')
    return Math.max(1, ...type.members.map((member) => naturalAlign(member.type)));
  return btf.sizeOf(id);
};

interface Flat {
  readonly fields: string[];
  readonly groups: string[];
}

function flatten(type: BtfComposite, startBits: number, out: Flat): void {
  for (const { name, type: id, offsetBits, bitSize } of type.members) {
    const at = startBits + offsetBits;
    const resolved = btf.resolve(id);
    if (name === '' && (resolved.kind === 'struct' || resolved.kind === 'union')) {
      const group = out.groups.push('') - 1;
      const first = out.fields.length;
      flatten(resolved, at, out);
      const place = `${first}, ${out.fields.length - first}, ${at / 8}, ${resolved.size}, ${naturalAlign(id)}`;
      out.groups[group] = `['${resolved.kind}', ${place}]`;
      continue;
    }
    const bits = bitSize > 0 ? `, ${at}, ${bitSize}` : '';
    const size = btf.sizeOf(id);
    const offset = bitSize > 0 ? Math.floor(at / 8 / size) * size : at / 8;
    out.fields.push(`${name}: [${offset}, ${size}, '${typeText(id)}'${bits}]`);
  }
}

function compositeNamed(name: string): BtfComposite {
  const id = btf.findByName(name, 'struct');
  if (id === undefined) throw new Error(`the kernel's BTF has no struct ${name}`);
  return btf.type(id) as BtfComposite;
}

const contexts: string[] = [];
for (const member of compositeNamed('bpf_ctx_convert').members) {
  const name = /^BPF_PROG_TYPE_(\w+)_prog$/.exec(member.name)?.[1];
  const type = btf.resolve(member.type);
  if (name === undefined || type.kind !== 'struct') continue;
  typeText(member.type);
  const progType = (ProgType as Readonly<Record<string, number>>)[name];
  if (progType === undefined) throw new Error(`no program type is called ${name}`);
  contexts.push(`  /** ${name} */\n  ${progType}: '${type.name}',`);
}
for (const name of OTHERS) want(compositeNamed(name));

const rows: string[] = [];
// Grows while fields bring in the structs that they hold.
for (const [name, type] of wanted) {
  const flat: Flat = { fields: [], groups: [] };
  flatten(type, 0, flat);
  const head = `kind: '${type.kind}',\n    size: ${type.size},\n    align: ${naturalAlign(type.id)},`;
  const fields = flat.fields.map((field) => `      ${field},`).join('\n');
  const groups = flat.groups.length > 0 ? `\n    groups: [${flat.groups.join(', ')}],` : '';
  rows.push(`  ${name}: {\n    ${head}\n    fields: {\n${fields}\n    },${groups}\n  },`);
}

writeFileSync(
  'src/isa/context-structs.generated.ts',
  `// Generated by scripts/generate-contexts.ts from the BTF of Linux ${kernel} (x86-64); do not edit.

/**
 * The structs of the kernel that programs see: contexts, what their fields hold or point to, and those
 * of \`linux/bpf.h\` that live in maps or are given to helpers.
 *
 * A field is \`[byte offset, bytes, C type]\`, and for a bit field also its offset in bits from the
 * struct's start and its number of bits; byte offset and bytes are then those of the word of its type.
 * Fields of unnamed structs and unions stand among those of the struct that they are in, as C names
 * them; \`groups\` tells which: \`[kind, index of the first field, number of fields, byte offset, bytes,
 * alignment]\`, outer ones before inner ones.
 */
export const CONTEXT_STRUCTS = {
${rows.join('\n')}
} as const;

/** Other names that their fields' types have. */
export const CONTEXT_TYPEDEFS = {
${[...typedefs].map(([name, text]) => `  ${name}: '${text}',`).join('\n')}
} as const;

/** The struct that a program is given in \`r1\`, by program type. Others get a number, an array or nothing. */
export const CONTEXT_OF_PROG_TYPE = {
${contexts.join('\n')}
} as const;
`,
);
console.log(`${rows.length} structs, ${contexts.length} program types from Linux ${kernel}`);
