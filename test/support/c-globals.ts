import type { GeneratorOptions } from './c-generator.ts';
import type { Choices } from './choices.ts';

/** Names that functions may use. */
export interface Globals {
  readonly scalars: string[];
  readonly writable: string[];
  readonly arrays: string[];
  readonly maps: string[];
  readonly programArrays: string[];
  /** Expressions over names of the kernel or of other files. */
  readonly externs: string[];
  /** Expressions that are addresses. */
  readonly pointers: string[];
}

type Declare = (choices: Choices, globals: Globals, name: string) => string;

/** Maps, variables and externs of a program. */
export function declarations(
  choices: Choices,
  options: GeneratorOptions,
): { readonly text: string; readonly globals: Globals } {
  const globals: Globals = {
    scalars: [],
    writable: [],
    arrays: [],
    maps: [],
    programArrays: [],
    externs: [],
    pointers: [],
  };
  const out = [choices.maybe(0.5) ? CORE_TYPES : ''];
  const kinds = [...VARIABLES, ...MAPS, ...EXTERNS, ...(options.clang >= 16 ? TAGS : [])];
  for (let i = 0; i < 3 + choices.below(10); i++) out.push(choices.of(kinds)(choices, globals, `g${i}`));
  return { text: out.join('\n'), globals };
}

const TYPES = ['u8', 'u16', 'u32', 'u64', 's8', 's32', 's64'];

const VARIABLES: readonly Declare[] = [
  (choices, globals, name) => {
    globals.scalars.push(name);
    globals.writable.push(name);
    return `${choices.of(['', 'static ', 'volatile ', '__attribute__((weak)) '])}${choices.of(TYPES)} ${name} = ${choices.below(200)};`;
  },
  (choices, globals, name) => {
    globals.scalars.push(name);
    globals.writable.push(name);
    return `${choices.of(['', 'static ', '__attribute__((visibility("hidden"))) '])}volatile ${choices.of(TYPES)} ${name};`;
  },
  (choices, globals, name) => {
    globals.scalars.push(name);
    return `${choices.of(['', 'static '])}const volatile ${choices.of(TYPES)} ${name} = ${choices.below(100)};`;
  },
  (choices, globals, name) => {
    globals.arrays.push(name);
    const values = Array.from({ length: 4 + choices.below(5) }, () => choices.below(100));
    return `${choices.of(['', 'static ', 'const ', 'static const '])}${choices.of(TYPES)} ${name}[] = {${values.join(', ')}};`;
  },
  (choices, globals, name) => {
    globals.arrays.push(name);
    return `${choices.of(['', 'static '])}u64 ${name}[${4 + choices.below(600)}];`;
  },
  (choices, globals, name) => {
    globals.pointers.push(name);
    const text = choices.of([
      'hello',
      'a \\"quoted\\" one\\n',
      '\\001\\377\\0 with\\tNUL',
      'müsli',
      '',
      '/* no comment */ # ;',
    ]);
    return `${choices.of(['', 'static '])}const char *${choices.of(['', 'volatile '])}${name} = "${text}";`;
  },
  (choices, globals, name) => {
    globals.arrays.push(name);
    return `char ${name}[${8 + choices.below(8)}] = "${choices.of(['abc', 'x;y#z', '\\\\'])}";`;
  },
  (choices, globals, name) => {
    globals.pointers.push(`${name}.next`);
    return `struct node_${name} { u8 tag; struct node_${name} *next; u16 more[3]; } ${name} = {${choices.below(9)}, &${name}, {1, 2}};`;
  },
  (_choices, globals, name) => {
    const target = globals.arrays[0];
    if (target === undefined) return `u64 ${name};`;
    globals.pointers.push(name);
    return `const void *${name} = &${target}[2];`;
  },
  (choices, globals, name) => {
    globals.scalars.push(name);
    const section = choices.of(['.data.custom', '.rodata.config', '.bss.mine', 'own']);
    const [type, value] = section.startsWith('.bss') ? ['u32', '0'] : ['volatile u32', '3'];
    const constant = section.startsWith('.rodata') ? 'const ' : '';
    return `${constant}${type} ${name} SEC("${section}") = ${value};`;
  },
  (_choices, globals, name) => {
    globals.pointers.push(`(*(u64 (*volatile *)(u64))&${name})(a)`);
    return `NOINLINE u64 called_${name}(u64 x) { return x * 3; }\nu64 (*${name})(u64) = called_${name};`;
  },
  (choices, globals, name) => {
    globals.pointers.push(name);
    return `struct { u8 a; u32 b; } __attribute__((aligned(${choices.of([1, 2, 8, 64])}))) ${name}[2] = {{1, 2}, {3, 4}};`;
  },
];

const MAPS: readonly Declare[] = [
  (choices, globals, name) => {
    globals.maps.push(name);
    return `struct { u32 type, key_size, value_size, max_entries, flags; } ${name} SEC("maps") = {${choices.of([1, 2])}, 4, 8, 16, 0};`;
  },
  (choices, globals, name) => {
    globals.maps.push(name);
    const pinning = choices.maybe(0.3) ? ' int (*pinning)[1];' : '';
    return `struct { int (*type)[${choices.of([1, 2, 9])}]; u32 *key; u64 *value; int (*max_entries)[${1 + choices.below(99)}];${pinning} } ${name} SEC(".maps");`;
  },
  (choices, globals, name) => {
    globals.programArrays.push(name);
    const slot = choices.below(3);
    return `int target_${name}(void *ctx);\nstruct { int (*type)[3]; int (*key_size)[4]; int (*value_size)[4]; int (*max_entries)[4]; int (*values[])(void *); } ${name} SEC(".maps") = {.values = {[${slot}] = target_${name}}};\nSEC("xdp") int target_${name}(void *ctx) { return ${slot}; }`;
  },
  (_choices, globals, name) => {
    globals.maps.push(name);
    return `struct inner_${name} { int (*type)[2]; u32 *key; u64 *value; int (*max_entries)[1]; } in_${name} SEC(".maps");\nstruct { int (*type)[12]; u32 *key; int (*max_entries)[4]; struct inner_${name} *values[]; } ${name} SEC(".maps") = {.values = {&in_${name}, 0, &in_${name}}};`;
  },
  (_choices, globals, name) => {
    globals.maps.push(name);
    return `struct { int (*type)[27]; int (*max_entries)[4096]; } ${name} SEC(".maps");`;
  },
];

const EXTERNS: readonly Declare[] = [
  (choices, globals, name) => {
    globals.externs.push(`kernel_${name}(b)`);
    return `extern ${choices.of(['', '__attribute__((weak)) '])}int kernel_${name}(u64) SEC(".ksyms");`;
  },
  (_choices, globals, name) => {
    globals.externs.push(`(u64)&variable_${name}`);
    return `extern const int variable_${name} SEC(".ksyms");`;
  },
  (choices, globals, name) => {
    globals.externs.push(`CONFIG_${name}`);
    return `extern ${choices.of(['int', 'u64', '_Bool'])} CONFIG_${name} SEC(".kconfig")${choices.of(['', ' __attribute__((weak))'])};`;
  },
  (_choices, globals, name) => {
    globals.externs.push(`elsewhere_${name}(a)`);
    return `extern int elsewhere_${name}(u64);`;
  },
  (_choices, globals, name) => {
    globals.externs.push(`other_${name}`);
    return `extern u64 other_${name};`;
  },
];

const TAGS: readonly Declare[] = [
  (_choices, globals, name) => {
    globals.scalars.push(name);
    return `u32 ${name} __attribute__((btf_decl_tag("tag of ${name}"))) = 1;`;
  },
  (_choices, globals, name) => {
    globals.pointers.push(name);
    return `u64 __attribute__((btf_type_tag("kptr"))) *${name};`;
  },
];

/** What a kernel's BTF would have, in part. */
const CORE_TYPES = `#define HAS_CORE
struct inner_part { u8 first; u64 second; } RELOCATED;
struct task { int pid; u32 flags : 5; s32 signed_bits : 9; struct inner_part part; struct task *parent; char comm[16]; struct { u16 x; }; union { u32 u; u64 v; }; } RELOCATED;
enum state { RUNNING, STOPPED = 7 };
enum wide { BIG = 0x100000000ull };`;

/** Reads fields in all the ways that clang relocates. */
export function coreFunction(): string {
  return `#ifdef HAS_CORE
static NOINLINE u64 core_reads(struct task *t) {
  u64 sum = t->pid + t->part.second + t->parent->parent->part.first + t->comm[3] + t->x + t->v;
#ifdef CORE
  sum += __builtin_preserve_field_info(t->flags, 0) + __builtin_preserve_field_info(t->signed_bits, 3);
  sum += __builtin_preserve_field_info(t->part, 1) + __builtin_preserve_field_info(t->part.second, 2);
  sum += __builtin_preserve_field_info(t->flags, 4) + __builtin_preserve_field_info(t->flags, 5);
  sum += __builtin_preserve_type_info(*(struct task *)0, 0) + __builtin_preserve_type_info(*(struct inner_part *)0, 1);
  sum += __builtin_btf_type_id(*(struct task *)0, 0) + __builtin_btf_type_id(*(struct task *)0, 1);
  sum += __builtin_preserve_enum_value(*(enum state *)STOPPED, 0) + __builtin_preserve_enum_value(*(enum state *)RUNNING, 1);
#endif
  return sum;
}
#endif
`;
}
