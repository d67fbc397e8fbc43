import { coreFunction, declarations, type Globals } from './c-globals.ts';
import { Choices } from './choices.ts';

/** What a program may use. */
export interface GeneratorOptions {
  /** The -mcpu level that it is compiled for: 1 to 4. */
  readonly level: number;
  /** clang's major version. */
  readonly clang: number;
}

const INTEGERS = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'] as const;
type Integer = (typeof INTEGERS)[number];

const PRELUDE = `typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;
#define SEC(name) __attribute__((section(name), used))
#define NOINLINE __attribute__((noinline))
#ifdef CORE
#define RELOCATED __attribute__((preserve_access_index))
#else
#define RELOCATED
#endif
static void *(*map_lookup)(void *, const void *) = (void *)1;
static long (*map_update)(void *, const void *, const void *, u64) = (void *)2;
static u64 (*ktime)(void) = (void *)5;
u64 load_byte(void *, u64) __asm__("llvm.bpf.load.byte");
u64 load_half(void *, u64) __asm__("llvm.bpf.load.half");
u64 load_word(void *, u64) __asm__("llvm.bpf.load.word");
static long (*tail_call)(void *, void *, u32) = (void *)12;
`;

/** Names of sections that loaders know, and others. */
const SECTIONS = [
  'xdp',
  'xdp/icmp',
  'classifier',
  'tracepoint/syscalls/sys_enter_execve',
  'kprobe/do_unlinkat',
  'fentry.s/bpf_fentry_test1',
  'socket',
  'lsm/file_open',
  '?tc',
  'a section',
  'iter/task',
];

/** A C program for BPF, the same for the same seed and options. It needs no header. */
export function generateProgram(seed: number, options: GeneratorOptions): string {
  const choices = new Choices(seed);
  const { text, globals } = declarations(choices, options);
  const out = [PRELUDE, text, coreFunction()];
  const functions: string[] = [];
  for (let i = choices.below(4); i >= 0; i--) out.push(subprogram(choices, options, globals, functions));
  for (let i = choices.below(3); i >= 0; i--) {
    const name = `prog_${i}`;
    const body = new Body(choices, options, globals, functions).text(3 + choices.below(8));
    out.push(
      `SEC("${choices.of(SECTIONS)}") int ${name}(void *ctx) {\n  u64 a = (u64)ctx, b = ktime(), c = 0;\n${body}}\n`,
    );
  }
  if (choices.maybe(0.8)) out.push('char _license[] SEC("license") = "GPL";\n');
  if (choices.maybe(0.2)) out.push('int _version SEC("version") = 0x50f00;\n');
  return out.join('\n');
}

function subprogram(
  choices: Choices,
  options: GeneratorOptions,
  globals: Globals,
  functions: string[],
): string {
  const name = `sub_${functions.length}`;
  const linkage = choices.of([
    'static NOINLINE',
    'static NOINLINE',
    'NOINLINE',
    '__attribute__((weak)) NOINLINE',
    '__attribute__((visibility("hidden"))) NOINLINE',
  ]);
  const result = choices.of(INTEGERS);
  const body = new Body(choices, options, globals, functions).text(1 + choices.below(6));
  functions.push(name);
  return `${linkage} ${result} ${name}(u64 a, u64 b) {\n  u64 c = a - b;\n${body}}\n`;
}

/** The statements of one function, over the variables a, b and c. */
class Body {
  readonly #choices: Choices;
  readonly #options: GeneratorOptions;
  readonly #globals: Globals;
  readonly #functions: readonly string[];
  #labels = 0;
  #loops = 0;

  constructor(choices: Choices, options: GeneratorOptions, globals: Globals, functions: readonly string[]) {
    this.#choices = choices;
    this.#options = options;
    this.#globals = globals;
    this.#functions = functions;
  }

  text(count: number): string {
    let out = '';
    for (let i = 0; i < count; i++) out += this.#statement(2);
    return `${out}  return a ^ b ^ c;\n`;
  }

  #variable(): string {
    return this.#choices.of(['a', 'b', 'c']);
  }

  #integer(): Integer {
    return this.#choices.of(INTEGERS);
  }

  #constant(): string {
    const { of, below } = this.#choices.bound();
    return of([
      String(below(10)),
      String(below(70000)),
      `0x${below(2 ** 31).toString(16)}`,
      `-${1 + below(40000)}`,
      '0xffffffffull',
      '0x1122334455667788ull',
      '0x8000000000000000ull',
      `'${String.fromCharCode(97 + below(26))}'`,
    ]);
  }

  #expression(depth: number): string {
    const { of, maybe, below } = this.#choices.bound();
    if (depth === 0 || maybe(0.15))
      return maybe(0.35) ? this.#constant() : maybe(0.2) ? this.#globalValue() : this.#variable();
    const left = this.#expression(depth - 1);
    const right = this.#expression(depth - 1);
    const width = this.#integer();
    switch (below(8)) {
      case 0:
        return `((${width})${left} ${of(['+', '-', '*', '&', '|', '^'])} (${width})${right})`;
      case 1:
        return `((${width})${left} ${of(['<<', '>>'])} (${right} & ${of([7, 15, 31])}))`;
      case 2:
        return this.#division(left, right);
      case 3:
        return `((${width})${left} ${of(['<', '>', '<=', '>=', '==', '!='])} (${width})${right} ? ${left} : ${right})`;
      case 4:
        return `${of(['~', '-', '!'])}(${width})${left}`;
      case 5:
        return `__builtin_bswap${of([16, 32, 64])}(${left})`;
      case 6:
        return `(u64)(${width})${left}`;
      default:
        return `(${left} ${of(['+', '-', '^'])} ${right})`;
    }
  }

  /** Before v4 there is no signed division. */
  #division(left: string, right: string): string {
    const { of } = this.#choices.bound();
    const type = this.#options.level >= 4 ? of(['u32', 'u64', 's32', 's64']) : of(['u32', 'u64']);
    const unsigned = type.replace('s', 'u');
    return `((${type})(${unsigned})${left} ${of(['/', '%'])} ((${type})((${unsigned})${right} | 1)))`;
  }

  #globalValue(): string {
    const { of, below, maybe } = this.#choices.bound();
    const { scalars, arrays } = this.#globals;
    if (arrays.length > 0 && maybe(0.4)) return `${of(arrays)}[${this.#variable()} & ${below(4)}]`;
    return scalars.length > 0 ? of(scalars) : this.#variable();
  }

  #statement(depth: number): string {
    const choices = this.#choices;
    const kinds = [
      ...['assign', 'assign', 'load', 'store', 'global', 'asm', 'memory', 'stack'],
      ...(depth > 0 ? ['if', 'if', 'loop', 'switch', 'while'] : []),
      ...(this.#functions.length > 0 ? ['call', 'call'] : []),
      ...(this.#globals.maps.length > 0 ? ['map', 'map'] : []),
      ...(this.#globals.programArrays.length > 0 ? ['tail'] : []),
      ...(this.#globals.externs.length > 0 ? ['extern'] : []),
      ...(this.#globals.pointers.length > 0 ? ['pointer'] : []),
      ...['atomic', 'core', 'jump', 'packet'],
    ];
    const kind = choices.of(kinds);
    return this.#kinds[kind]!(depth);
  }

  readonly #kinds: Readonly<Record<string, (depth: number) => string>> = {
    assign: () =>
      `  ${this.#variable()} ${this.#choices.of(['=', '+=', '-=', '^=', '|=', '&='])} ${this.#expression(3)};\n`,
    load: () =>
      `  ${this.#variable()} += *(volatile ${this.#integer()} *)(b + ${this.#choices.below(64)});\n`,
    store: () =>
      `  *(volatile ${this.#integer()} *)(a + ${this.#choices.below(64)}) = ${this.#expression(2)};\n`,
    global: () => {
      const { writable } = this.#globals;
      return writable.length > 0 ? `  ${this.#choices.of(writable)} = ${this.#expression(2)};\n` : '';
    },
    asm: () => this.#asm(),
    memory: () => this.#memory(),
    stack: () => this.#stack(),
    if: (depth) => {
      const otherwise = this.#choices.maybe(0.5) ? ` else {\n${this.#block(depth)}  }` : '';
      return `  if (${this.#expression(2)}) {\n${this.#block(depth)}  }${otherwise}\n`;
    },
    loop: (depth) => {
      const counter = `i${this.#loops++}`;
      const count = this.#choices.of([3, 17, 1000]);
      return `  for (u32 ${counter} = 0; ${counter} < ${count}; ${counter}++) {\n    asm volatile("");\n    c += ${counter};\n${this.#block(depth)}  }\n`;
    },
    while: (depth) => `  while (ktime() & ${1 + this.#choices.below(8)}) {\n${this.#block(depth)}  }\n`,
    switch: (depth) => this.#switch(depth),
    call: () =>
      `  ${this.#variable()} += ${this.#choices.of(this.#functions)}(${this.#expression(1)}, ${this.#expression(1)});\n`,
    map: () => this.#map(),
    tail: () =>
      `  tail_call((void *)a, &${this.#choices.of(this.#globals.programArrays)}, ${this.#choices.below(4)});\n`,
    extern: () => `  ${this.#variable()} += ${this.#choices.of(this.#globals.externs)};\n`,
    pointer: () => `  c += (u64)${this.#choices.of(this.#globals.pointers)};\n`,
    atomic: () => this.#atomic(),
    core: () => '#ifdef HAS_CORE\n  c += core_reads((void *)a);\n#endif\n',
    jump: () => this.#jump(),
    packet: () => {
      const at = this.#choices.maybe(0.5) ? String(this.#choices.below(64)) : this.#variable();
      return `  c += load_${this.#choices.of(['byte', 'half', 'word'])}((void *)a, ${at});\n`;
    },
  };

  #block(depth: number): string {
    let out = '';
    for (let i = this.#choices.below(3); i >= 0; i--) out += this.#statement(depth - 1);
    return out;
  }

  #switch(depth: number): string {
    let out = `  switch ((u32)${this.#variable()} % 16) {\n`;
    for (let i = 0; i < 2 + this.#choices.below(7); i++)
      out += `  case ${i}: {\n${this.#block(depth - 1)}  }\n${this.#choices.maybe(0.8) ? '    break;\n' : ''}`;
    return `${out}  default: c ^= 5;\n  }\n`;
  }

  #memory(): string {
    const { of, below } = this.#choices.bound();
    const size = 1 + below(24);
    return of([
      `  { char m[${size}]; __builtin_memset(m, ${below(256)}, ${size}); asm volatile("" :: "r"(m) : "memory"); c += m[${below(size)}]; }\n`,
      `  __builtin_memcpy((void *)a, (void *)b, ${size});\n`,
      `  { u64 m[4] = {${below(9)}, a, b, c}; asm volatile("" :: "r"(m) : "memory"); c += m[a & 3]; }\n`,
    ]);
  }

  #stack(): string {
    const { below } = this.#choices.bound();
    const name = `s${this.#loops++}`;
    return `  struct { u8 x; u32 y : ${1 + below(31)}; u64 z; } ${name} = {${below(9)}, (u32)a, b};\n  asm volatile("" :: "r"(&${name}) : "memory");\n  c += ${name}.x + ${name}.y + ${name}.z;\n`;
  }

  #asm(): string {
    const { of } = this.#choices.bound();
    const forms = [
      '  asm volatile("%0 += %1" : "+r"(c) : "r"(a));\n',
      '  asm volatile("r0 = 7; %0 = r0" : "=r"(c) :: "r0");\n',
      '  asm volatile("%0 = be16 %0" : "+r"(c));\n',
      '  asm volatile("%[x] <<= 8; %[x] s>>= 8" : [x] "+r"(b));\n',
      '  asm volatile("r1 = 0x1122334455667788 ll\\n\\tr1 += 3" ::: "r1");\n',
      '  asm volatile("goto +0");\n',
      '  asm volatile("if %0 == 0 goto +1\\n\\t%0 = 1" : "+r"(c));\n',
      '  asm volatile("*(u32 *)(r10 - 4) = %0" :: "r"(c) : "memory");\n',
    ];
    if (this.#options.level >= 4 && this.#options.clang >= 19)
      forms.push(
        '  asm volatile("%0 = (s8)%0" : "+r"(c));\n',
        '  asm volatile("%0 = bswap32 %0" : "+r"(c));\n',
        '  asm volatile("*(u64 *)(%0 + 8) = -3" :: "r"(a) : "memory");\n',
        '  asm volatile("gotol +0");\n',
        '  asm volatile("%0 = addr_space_cast(%0, 0, 1)" : "+r"(a));\n',
      );
    return of(forms);
  }

  #jump(): string {
    const { clang, level } = this.#options;
    const label = `L${this.#labels++}`;
    const condition = this.#expression(2);
    if (clang >= 19 && level >= 4 && this.#choices.maybe(0.5))
      return `  { __label__ ${label}; asm volatile goto("may_goto %l[${label}]" :::: ${label}); c++; ${label}:; }\n`;
    return `  { __label__ ${label}; if (${condition}) goto ${label}; b += ktime(); ${label}:; }\n`;
  }

  #map(): string {
    const map = this.#choices.of(this.#globals.maps);
    if (this.#choices.maybe(0.3)) return `  { u32 k = (u32)a; u64 v = b; map_update(&${map}, &k, &v, 0); }\n`;
    return `  { u32 k = ${this.#choices.below(4)}; u64 *v = map_lookup(&${map}, &k); if (v) c += *v; }\n`;
  }

  /** 64-bit adds exist since v1, the other operations and results since v3. */
  #atomic(): string {
    const { of } = this.#choices.bound();
    const type = of(['u32', 'u64']);
    const place = `(${type} *)(a + ${8 * this.#choices.below(9)})`;
    if (this.#options.level < 3) return `  __sync_fetch_and_add((u64 *)(a + 8), ${this.#variable()});\n`;
    return of([
      `  __sync_fetch_and_${of(['add', 'and', 'or', 'xor'])}(${place}, (${type})b);\n`,
      `  c += __sync_fetch_and_${of(['add', 'and', 'or', 'xor', 'sub'])}(${place}, (${type})b);\n`,
      `  c += __sync_lock_test_and_set(${place}, (${type})b);\n`,
      `  c += __sync_val_compare_and_swap(${place}, (${type})b, (${type})c);\n`,
    ]);
  }
}
