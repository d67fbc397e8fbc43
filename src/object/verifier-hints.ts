import { HELPERS_BY_PROG_TYPE } from '../isa/helper-protos.generated.ts';
import { HELPERS } from '../isa/helpers.generated.ts';
import { ProgType } from '../isa/kernel-tables.generated.ts';
import { didYouMean } from '../util/suggest.ts';
import type { LogExcerpt } from './verifier-log.ts';

/** What is known of a refused program beyond its log. */
export interface HintContext {
  readonly progType?: number | undefined;
  readonly excerpt: LogExcerpt;
}

type Hint = string | ((match: RegExpExecArray, context: HintContext) => string | undefined);

/** What a message of the verifier is recognised by, and what mends the program. */
interface HintRow {
  readonly kind: string;
  /** Of a message (Linux, `kernel/bpf/verifier.c`; older words beside newer ones). */
  readonly pattern: RegExp;
  readonly hint: Hint;
}

const NUMBER_AS_POINTER =
  'it holds a number: arithmetic of 32 bits, a load from memory or a call made it one; read memory of the kernel with CO-RE or bpf_probe_read_kernel()';

/** The first row that fits the last message counts, so what is particular stands before what is general. */
const ROWS: readonly HintRow[] = [
  {
    kind: 'null',
    pattern: /invalid mem access '\w*_or_null'|Possibly NULL pointer passed|type=\w*_or_null expected=/,
    hint: 'it may be NULL: compare it with 0 right after the call that gives it, and use it only where it is not',
  },
  {
    kind: 'number-as-pointer',
    pattern: /invalid mem access '(?:scalar|inv)'/,
    hint: (_, { excerpt: { states, messages } }) => {
      const register = messages.map((message) => /^(R\d+) invalid mem/.exec(message)?.[1]).find(Boolean);
      return register !== undefined && states.get(register) === '0'
        ? 'it is NULL on this path: compare it with 0 and use it only where it is not'
        : NUMBER_AS_POINTER;
    },
  },
  {
    kind: 'map-pointer',
    pattern: /invalid mem access 'map_ptr'|only read from bpf_\w+ is supported|access on .*map_ptr/,
    hint: 'a map is not read through its own pointer: bpf_map_lookup_elem() gives a pointer to a value',
  },
  {
    kind: 'untrusted',
    pattern: /must be referenced or trusted|invalid mem access '(?:untrusted_\w*|rcu_\w*)'/,
    hint: 'the kernel may free what it points to: acquire it with a kfunc, or read it inside of bpf_rcu_read_lock()',
  },
  {
    kind: 'uninitialised',
    pattern: /^R(\d+) !read_ok/,
    hint: ([, number], { excerpt }) => {
      if (number === '0' && excerpt.insn?.endsWith('exit'))
        return 'R0 is what the program returns: set it on every path before exit';
      return Number(number) >= 1 && Number(number) <= 5
        ? 'set it on every path that leads here; R1 to R5 lose their values with every call, and a program begins with R1 alone'
        : 'set it on every path that leads here';
    },
  },
  {
    kind: 'loop',
    pattern: /infinite loop detected|back-edge from insn/,
    hint: 'a loop must come to an end that the verifier can see: count to a constant, or use bpf_loop(), bpf_for() or may_goto; before Linux 5.3 loops are unrolled',
  },
  {
    kind: 'branches',
    pattern: /sequence of \d+ jumps is too complex/,
    hint: 'of a path at most 8192 branches may wait for their other side: look values up in a map or table in place of comparing one by one, move parts to global functions, or leave with a tail call',
  },
  {
    kind: 'complexity',
    pattern: /BPF program is too large|too many states/,
    hint: 'every path is walked, and together at most 1000000 instructions: let a loop run less often, move its body to bpf_loop() or to a global function, or leave with a tail call',
  },
  {
    kind: 'gpl',
    pattern: /GPL-restricted function|from non-GPL compatible|GPL compatible/,
    hint: 'it is for GPL-compatible programs only: .license "GPL", or in C char _license[] SEC("license") = "GPL";',
  },
  {
    kind: 'never-sleeps',
    pattern: /programs can be sleepable/,
    hint: 'leave the .s of its section out (BPF_F_SLEEPABLE in flags)',
  },
  {
    kind: 'sleepable',
    pattern: /might sleep in a non-sleepable|must be sleepable|sleepable (?:helper|kfunc)|in non-sleepable/,
    hint: 'only programs that may sleep call it: load it from a section with .s, as fentry.s/… or lsm.s/…, outside of locks and bpf_rcu_read_lock()',
  },
  {
    kind: 'helper',
    pattern:
      /(?:program of this type cannot use helper|unknown func|invalid func|not allowed in probe) ?([\w]*)#?(\d*)/,
    hint: helperHint,
  },
  {
    kind: 'device',
    pattern: /metadata kfuncs require device-bound program/,
    hint: "they ask the driver of one interface: load the program for it (device: 'veth0', or tsbpf xdp attach --bound); programs in prog arrays, devmaps and cpumaps cannot call them",
  },
  {
    kind: 'kfunc',
    pattern: /calling kernel function (\w+) is not allowed/,
    hint: ([, name]) =>
      `${name}() is not for programs of this type: the kernel registers each kfunc for some types, and for some flags of them`,
  },
  {
    kind: 'kfunc',
    pattern:
      /kernel btf_id \d+ is not a (?:kernel )?func|calling kernel function is not (?:supported|allowed)|does not support calling (?:kernel function|kfunc)/,
    hint: 'kfuncs need a kernel with CONFIG_DEBUG_INFO_BTF=y and the JIT, and object and kernel must agree on their types',
  },
  {
    kind: 'packet',
    pattern: /offset is outside of the packet|invalid access to packet/,
    hint: (_, { progType }) =>
      `compare the pointer and all that is read behind it with ${
        progType === ProgType.SK_MSG || progType === ProgType.SK_SKB ? "the ctx's data_end" : 'data_end'
      } first, on this path: if (data + size > data_end) return`,
  },
  {
    kind: 'reference',
    pattern: /Unreleased reference id=\d+ alloc_insn=(\d+)|lead to reference leak/,
    hint: (_, { excerpt: { messages } }) => {
      const slots = messages.flatMap((message) => /alloc_insn=(\d+)/.exec(message)?.[1] ?? []);
      const where = slots.length === 0 ? '' : ` at slot ${[...new Set(slots)].join(' and ')}`;
      return `release on every path what was acquired${where}: bpf_sk_release(), bpf_ringbuf_submit() or _discard(), bpf_obj_drop() and the like`;
    },
  },
  {
    kind: 'return-value',
    pattern: /At program exit the register R0 has .*should have been in \[(-?\d+), (-?\d+)\]/,
    hint: ([, min, max]) =>
      min === max
        ? `programs of this kind return ${min}`
        : `programs of this kind return ${min} to ${max}; a value that was computed is limited with a comparison or &`,
  },
  {
    kind: 'return-value',
    pattern: /At program exit the register R0/,
    hint: 'programs of this kind return certain values only; one that was computed is limited with a comparison or &',
  },
  {
    kind: 'stack-depth',
    pattern: /combined stack size|call stack of \d+ frames/,
    hint: 'a program has 512 bytes of stack with all functions that it calls (256 below a tail call), 8 calls deep: move large things to a per-CPU array',
  },
  {
    kind: 'stack-unset',
    pattern: /invalid (?:indirect )?(?:read|access) (?:from|to) stack (?:R\d+ )?off -?\d+\+\d+ size/,
    hint: 'every byte of it must have been written before: set the whole object to zero first, its padding too',
  },
  {
    kind: 'stack-bounds',
    pattern: /(?:write to|read from|access to) stack R\d+|variable-offset|invalid stack type|stack off=/,
    hint: 'the stack reaches from R10 - 512 up to R10, and an index into it must have bounds that the verifier sees: limit it with a comparison or &',
  },
  {
    kind: 'bounds-unknown',
    pattern:
      /unbounded (?:min value|memory access)|min value is negative|math between .* (?:is not allowed|unbounded)|value is outside of the allowed memory range|invalid access to map value|invalid access to memory|makes .* be out of bounds/,
    hint: (_, { excerpt: { messages } }) =>
      messages.some((message) => /off=-?\d+ size=\d+$/.test(message) && !message.includes('var_off')) &&
      !messages.some((message) => /unbounded|negative|max value/.test(message))
        ? 'it reaches past the end: compare the offset and what is read with the size of the value'
        : 'limit the index before it is used, as an unsigned number: compare it with the size, or & it with a power of two less one',
  },
  {
    kind: 'pointer-arithmetic',
    pattern:
      /pointer arithmetic|pointer \+= pointer|subtract pointer|pointer operation|unsupported alu|comparison prohibited/,
    hint: 'to a pointer numbers are added, with 64 bits and to pointers of known kinds only; check it for NULL before',
  },
  {
    kind: 'context',
    pattern: /invalid bpf_context access off=(\d+) size=(\d+)|dereference of modified ctx/,
    hint: (match) =>
      match[1] === undefined
        ? 'members of the ctx are read from the pointer as it came, with constant offsets'
        : 'programs of this type and attach type may not read (or write) this member, or not with this size; where the member is an integer of 4 bytes, read 4 bytes',
  },
  {
    kind: 'leak',
    pattern: /leaks addr/,
    hint: 'a pointer may not get where user space reads it: store a number instead',
  },
  {
    kind: 'alignment',
    pattern: /misaligned/,
    hint: 'its address must be a multiple of its size here: read smaller pieces, or copy it to the stack first',
  },
  {
    kind: 'read-only',
    pattern: /cannot write into|write into map forbidden|read-only|only read is supported/,
    hint: 'this memory may only be read; copy it to the stack and change the copy',
  },
  {
    kind: 'lock',
    pattern: /bpf_spin_unlock is missing|(?:while holding|inside|in) (?:a lock|bpf_spin_lock)|holding a lock/,
    hint: 'between bpf_spin_lock() and bpf_spin_unlock() nothing is called, and every path unlocks',
  },
  {
    kind: 'argument',
    pattern: /^R(\d) type=(\S+) expected=(.+)/,
    hint: ([, number, is, wanted]) =>
      `argument ${number} is ${is}, but must be ${wanted!.split(/,\s*/).join(' or ')}${is === 'scalar' || is === 'inv' ? ': pass the pointer itself' : ''}`,
  },
  {
    kind: 'map-helper',
    pattern: /cannot pass map_type (\d+) into func (\w+)#/,
    hint: ([, , name]) => `${name}() is for maps of other types`,
  },
  {
    kind: 'tail-call',
    pattern:
      /expected prog array map|tail_call abusing map_ptr|tail_calls are not allowed|tail_call is only allowed/,
    hint: 'the second argument of bpf_tail_call() is a map of type prog_array, one and the same on every path; no reference or lock is held, and callers have little on their stacks',
  },
  {
    kind: 'opcode',
    pattern: /unknown opcode|invalid (?:BPF_\w+|insn|bpf_ld_imm64)|uses? reserved fields/i,
    hint: 'this kernel has no such instruction, or bits of it that must be zero are not: make it for an older instruction set (clang -mcpu=v3, tsbpf asm --mcpu; tsbpf features isa)',
  },
  {
    kind: 'unreachable',
    pattern: /unreachable insn|last insn is not an exit|jump out of range|jump into the middle/,
    hint: 'every instruction must be reached, every path ends with exit or a jump, and jumps stay within their function',
  },
  {
    kind: 'btf',
    pattern: /missing btf|invalid btf|btf_id|BTF info|CONFIG_DEBUG_INFO_BTF|in-kernel BTF|func_info/i,
    hint: 'types are missing or do not fit: compile with -g, and see that /sys/kernel/btf/vmlinux is there and has the target',
  },
];

const HELPER_NAMES: ReadonlyMap<number, string> = new Map(HELPERS.map(({ id, name }) => [id, name]));
/** More are not listed one by one. */
const MAX_TYPES = 6;

function helperHint([, name = '', id = '']: RegExpExecArray, { progType }: HintContext): string | undefined {
  if (/probe_write_user/.test(name))
    return 'tracing programs may call it, and none while the kernel is locked down';
  const number = Number(id);
  if (id === '' || !HELPER_NAMES.has(number)) {
    const near = didYouMean(name, HELPER_NAMES.values())[0];
    return near ?? 'this kernel has no such helper; a newer one may (tsbpf features)';
  }
  const types = Object.entries(HELPERS_BY_PROG_TYPE)
    .filter(([, ids]) => ids.includes(number))
    .map(([type]) => type.toLowerCase());
  if (types.length === 0) return undefined;
  const own = Object.entries(ProgType).find(([, value]) => value === progType)?.[0];
  if (own !== undefined && types.includes(own.toLowerCase()))
    return `${own.toLowerCase()} programs may call it in newer kernels, with other attach types, or with CAP_PERFMON`;
  const shown = types.slice(0, MAX_TYPES).join(', ');
  const more = types.length > MAX_TYPES ? ` and ${types.length - MAX_TYPES} more` : '';
  return `${HELPER_NAMES.get(number)}() is for programs of type ${shown}${more}`;
}

/** What the verifier's own report suggests, or what our table knows of its last words. */
export function hintOf(context: HintContext): string | undefined {
  const { failures, messages } = context.excerpt;
  const suggestion = failures[0]?.suggestion.join(' ');
  if (suggestion) return suggestion;
  const words = [...messages, ...failures.flatMap(({ title, reason }) => [title, ...reason])].reverse();
  for (const message of words) {
    const found = rowOf(message);
    if (found)
      return typeof found.row.hint === 'string' ? found.row.hint : found.row.hint(found.match, context);
  }
  return undefined;
}

/** The names of all rows. */
export const HINT_KINDS: ReadonlySet<string> = new Set(ROWS.map(({ kind }) => kind));

/** The name of the row that knows a message. */
export function hintKind(message: string): string | undefined {
  return rowOf(message)?.row.kind;
}

/** A message is a line; nothing behind this tells more, and hostile ones are long. */
const MAX_MESSAGE = 1000;

function rowOf(message: string): { row: HintRow; match: RegExpExecArray } | undefined {
  const text = message.slice(0, MAX_MESSAGE);
  for (const row of ROWS) {
    const match = row.pattern.exec(text);
    if (match) return { row, match };
  }
  return undefined;
}
