import { SLOT_SIZE } from '../isa/codec.ts';
import { viewOf } from '../util/bytes.ts';
import { TsbpfError } from '../util/errors.ts';
import { applyCoreRelocations } from './core.ts';
import { ExternLinker } from './externs-link.ts';
import { findProgram } from './find.ts';
import { setSrc } from './insn-fields.ts';
import { joinLineWords, setLineWords } from './line-words.ts';
import { UNKNOWN_KIND } from './section-names.ts';
import type {
  CoreRelocation,
  ExternSpec,
  FunctionSpec,
  KernelFacts,
  LineTable,
  LinkedFunction,
  LinkedProgram,
  ObjectSpec,
  PoisonedInsn,
  Relocation,
} from './spec.ts';

/** `src` of a call within the program and of an `lddw` of a function's address (Linux, `bpf.h`: BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC). */
const PSEUDO_CALL = 1;
const PSEUDO_FUNC = 4;

/**
 * Makes one program whole: its code followed by every function that it reaches, each once, in the
 * order in which they are first referred to; calls and function addresses resolved, line and
 * function information moved along; CO-RE relocations applied, and what it needs of the kernel's
 * functions, variables and configuration settled as far as the facts tell. Maps stay names until
 * `bind`.
 *
 * @param nameOrTitle as for `findProgram`
 * @param facts what is known of the kernel that it is for; each is asked for only where it is needed
 * @throws {TsbpfError} `PROGRAM_NOT_FOUND`, `PROGRAM_AMBIGUOUS`, `EXTERN_UNRESOLVED`, `EXTERN_TYPE`,
 * `CORE_NEEDS_BTF`, `CORE_AMBIGUOUS`, `CORE_BAD_RELOCATION`, `CORE_INSN_MISMATCH`
 */
export function link(spec: ObjectSpec, nameOrTitle: string, facts: KernelFacts = {}): LinkedProgram {
  const entry = findProgram(spec, nameOrTitle);
  const parts = reach(spec, entry);
  checkExterns(spec, parts);
  const slots = placeOf(parts);
  const code = concatenate(parts, slots);
  const relocations: Relocation[] = [];
  const coreRelocations: CoreRelocation[] = [];
  const view = viewOf(code);
  for (const part of parts) {
    const base = slots.get(part.name)!;
    for (const relocation of part.relocations) {
      const slot = base + relocation.slot;
      if (relocation.kind === 'call' || relocation.kind === 'functionAddress')
        resolve(view, spec, relocation.kind, slot, slots.get(relocation.target)!);
      else relocations.push(Object.freeze({ ...relocation, slot }));
    }
    for (const core of part.coreRelocations)
      coreRelocations.push(Object.freeze({ ...core, slot: base + core.slot }));
  }
  const poisoned = applyCoreRelocations(spec, entry.name, code, coreRelocations, facts);
  const settled = settleExterns(spec, entry.name, view, relocations, facts);
  poisoned.push(...settled.poisoned);
  const lines = rebaseLines(parts, slots);
  const linked = Object.freeze({
    name: entry.name,
    section: entry.section,
    endian: spec.endian,
    license: spec.license,
    kind: entry.program ?? UNKNOWN_KIND,
    code,
    functions: Object.freeze(parts.map((part) => linkedFunction(part, slots.get(part.name)!))),
    relocations: Object.freeze(settled.relocations),
    coreRelocations: Object.freeze(coreRelocations),
    poisoned: Object.freeze(poisoned.sort((a, b) => a.slot - b.slot)),
    get lines() {
      return lines();
    },
    btf: spec.btf,
  });
  setLineWords(linked, () =>
    joinLineWords(parts.map((part) => ({ lines: part, base: slots.get(part.name)! }))),
  );
  return linked;
}

/**
 * The entry and what it reaches through calls and function addresses, each before what it reaches
 * itself. A list of open functions instead of recursion: a hostile object may nest thousands deep.
 */
function reach(spec: ObjectSpec, entry: FunctionSpec): FunctionSpec[] {
  const parts = [entry];
  const seen = new Set([entry.name]);
  const open = [{ part: entry, next: 0 }];
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const relocation = top.part.relocations[top.next++];
    if (!relocation) open.pop();
    if (relocation?.kind !== 'call' && relocation?.kind !== 'functionAddress') continue;
    const { target } = relocation;
    if (seen.has(target)) continue;
    seen.add(target);
    const callee = spec.functions.get(target);
    if (!callee)
      throw new TsbpfError(
        'FUNCTION_NOT_FOUND',
        `${top.part.name} refers to ${target}, which the object does not have`,
      );
    parts.push(callee);
    open.push({ part: callee, next: 0 });
  }
  return parts;
}

function placeOf(parts: readonly FunctionSpec[]): ReadonlyMap<string, number> {
  const slots = new Map<string, number>();
  let next = 0;
  for (const { name, code } of parts) {
    slots.set(name, next);
    next += code.length / SLOT_SIZE;
  }
  return slots;
}

function concatenate(parts: readonly FunctionSpec[], slots: ReadonlyMap<string, number>): Uint8Array {
  const last = parts.at(-1)!;
  const code = new Uint8Array(slots.get(last.name)! * SLOT_SIZE + last.code.length);
  for (const part of parts) code.set(part.code, slots.get(part.name)! * SLOT_SIZE);
  return code;
}

/** Both count from the slot after the instruction's first (Linux, `check_func_call` and `check_ld_imm`). */
function resolve(
  view: DataView,
  { endian }: ObjectSpec,
  kind: 'call' | 'functionAddress',
  slot: number,
  target: number,
): void {
  setSrc(view, slot, endian, kind === 'call' ? PSEUDO_CALL : PSEUDO_FUNC);
  view.setInt32(slot * SLOT_SIZE + 4, target - slot - 1, endian === 'little');
}

function linkedFunction({ name, code, type }: FunctionSpec, slot: number): LinkedFunction {
  return Object.freeze({ name, slot, slots: code.length / SLOT_SIZE, type });
}

function settleExterns(
  spec: ObjectSpec,
  program: string,
  view: DataView,
  relocations: readonly Relocation[],
  facts: KernelFacts,
): { readonly relocations: Relocation[]; readonly poisoned: PoisonedInsn[] } {
  const externs = relocations.filter((relocation) => relocation.kind === 'extern');
  const left: Relocation[] = [];
  const poisoned: PoisonedInsn[] = [];
  if (externs.length === 0) return { relocations: [...relocations], poisoned };
  const linker = new ExternLinker(spec, program, view, facts);
  linker.prepare(externs);
  for (const relocation of relocations) {
    const settled = relocation.kind === 'extern' ? linker.settle(relocation) : { relocation };
    if (settled.relocation) left.push(settled.relocation);
    if (settled.poisoned) poisoned.push(settled.poisoned);
  }
  return { relocations: left, poisoned };
}

/** Made when first asked for, as the lines of the parts are. */
function rebaseLines(parts: readonly FunctionSpec[], slots: ReadonlyMap<string, number>): () => LineTable {
  let made: LineTable | undefined;
  return () => {
    made ??= Object.freeze(
      parts.flatMap((part) => {
        const base = slots.get(part.name)!;
        return part.lines.map((line) => Object.freeze({ ...line, slot: base + line.slot }));
      }),
    );
    return made;
  };
}

function checkExterns(spec: ObjectSpec, parts: readonly FunctionSpec[]): void {
  const users = new Map<string, string>();
  for (const part of parts) {
    for (const relocation of part.relocations) {
      if (relocation.kind !== 'extern') continue;
      const extern = spec.externs.get(relocation.name);
      // Kernel functions, kernel symbols and configuration are settled when the program is bound.
      const isLate =
        extern && (extern.kind === 'kfunc' || extern.kind === 'ksym' || extern.kind === 'kconfig');
      if (!isLate && !users.has(relocation.name)) users.set(relocation.name, part.name);
    }
  }
  if (users.size === 0) return;
  const list = [...users].map(([name, user]) => `${name} (in ${user})`).join(', ');
  throw new TsbpfError('EXTERN_UNRESOLVED', `nothing defines ${list}`, {
    hint: hintFor([...users.keys()], spec),
  });
}

const PRINTERS = new Set(['printf', 'puts', 'putchar', 'fprintf', 'sprintf', 'snprintf', 'printk']);
const COPIERS = new Set([
  'memcpy',
  'memset',
  'memmove',
  'memcmp',
  'bcmp',
  'strlen',
  'strcmp',
  'strcpy',
  'strncpy',
]);

function hintFor(names: readonly string[], spec: ObjectSpec): string {
  if (names.some((name) => PRINTERS.has(name)))
    return 'there is no libc in BPF; print with bpf_printk or bpf_trace_printk';
  if (names.some((name) => COPIERS.has(name)))
    return 'there is no libc in BPF; use the __builtin_ form with a constant size, or a loop';
  const kinds = new Set<ExternSpec['kind'] | undefined>(names.map((name) => spec.externs.get(name)?.kind));
  if (kinds.has('unknown') || kinds.has(undefined))
    return 'define it in this object; for a kernel function declare it with __ksym and compile with -g';
  return 'define it in this object, or link the object that does';
}
