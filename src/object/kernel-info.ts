import type { Btf } from '../btf/btf.ts';
import { parseBtf } from '../btf/parse.ts';
import { type BtfFeatures, sanitiseBtf } from '../btf/sanitise.ts';
import type { BtfDatasec, BtfSectionVar } from '../btf/types.ts';
import { alignUp, viewOf } from '../util/bytes.ts';
import { hasSize, rewriteExterns } from './externs-btf.ts';
import { LINE_WORDS, lineWords } from './line-words.ts';
import type { LinkedProgram, ObjectSpec } from './spec.ts';

/** `struct bpf_func_info`, with the offset in slots as the kernel wants it. */
export interface FuncInfo {
  readonly slot: number;
  /** A FUNC. */
  readonly type: number;
}

export interface ExtInfo {
  readonly functions: readonly FuncInfo[];
  /** `struct bpf_line_info` each: slot, string offsets of file name and text, line and column. */
  readonly lines: Uint32Array;
}

/**
 * The records of function and line information that BPF_PROG_LOAD takes, sorted by slot. Empty
 * where the kernel would refuse them: it wants a function record for every function and a line
 * record at each one's first slot (Linux, `check_btf_func` and `check_btf_line`).
 */
export function extInfo(linked: LinkedProgram): ExtInfo {
  const functions: FuncInfo[] = [];
  if (linked.btf) {
    for (const { slot, type } of linked.functions) if (type !== undefined) functions.push({ slot, type });
  }
  if (functions.length < linked.functions.length) return { functions: [], lines: NO_LINES };
  return { functions, lines: lineInfo(linked) };
}

const NO_LINES = new Uint32Array();

function lineInfo(linked: LinkedProgram): Uint32Array {
  const words = lineWords(linked) ?? NO_LINES;
  const starts = new Set(linked.functions.map(({ slot }) => slot));
  const out = new Uint32Array(words.length);
  let length = 0;
  for (let at = 0; at < words.length; at += LINE_WORDS) {
    const slot = words[at]!;
    // Of several records at one slot the kernel takes one.
    if (length > 0 && out[length - LINE_WORDS] === slot) continue;
    for (let word = 0; word < LINE_WORDS; word++) out[length + word] = words[at + word]!;
    length += LINE_WORDS;
    starts.delete(slot);
  }
  return starts.size === 0 ? out.subarray(0, length) : NO_LINES;
}

/** Bytes of a DATASEC's record before its variables, and of each of those: type, offset, size. */
const RECORD_SIZE = 12;
const VAR_SIZE = 12;

/**
 * The spec's BTF as BPF_BTF_LOAD takes it: clang leaves the sizes of DATASECs and the places of
 * their variables zero, so they are filled in from the symbols. Declarations of externs become
 * such as the kernel takes.
 *
 * @param features what that kernel does not know is replaced by what it does
 * @returns undefined where the object has no BTF, or none that the kernel would take
 */
export function kernelBtf(spec: ObjectSpec, features: BtfFeatures = {}): Uint8Array | undefined {
  const { btf } = spec;
  if (!btf) return undefined;
  const bytes = new Uint8Array(btf.bytes);
  const view = viewOf(bytes);
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'datasec') continue;
    const section = btf.type(id) as BtfDatasec;
    writeSection(view, btf, id, placeVariables(spec, btf, section));
  }
  hideFunctions(spec, btf, view);
  if (!rewriteExterns(btf, view)) return undefined;
  return Object.values(features).includes(false)
    ? sanitiseBtf(parseBtf(bytes, btf.path, btf.base), features)
    : bytes;
}

/** Hidden functions are static ones to the verifier, as libbpf has it: it does not check them by their declarations alone. */
function hideFunctions(spec: ObjectSpec, btf: Btf, view: DataView): void {
  for (const { hidden, type } of spec.functions.values()) {
    if (!hidden || type === undefined || btf.kindOf(type) !== 'func') continue;
    const at = btf.offsetOf(type) + 4;
    const little = btf.endian === 'little';
    // The lower half of a FUNC's info is its linkage, and static is 0.
    view.setUint32(at, (view.getUint32(at, little) & 0xffff_0000) >>> 0, little);
  }
}

interface PlacedSection {
  readonly size: number;
  readonly vars: readonly BtfSectionVar[];
}

function placeVariables(spec: ObjectSpec, btf: Btf, section: BtfDatasec): PlacedSection {
  const map = spec.maps.get(section.name);
  if (map?.origin === 'data') {
    const places = placesOfVariables(spec, btf, section);
    const vars = section.vars.map(({ type, size }, index) => ({
      type,
      offset: places[index]!,
      size: size || sizeOf(btf, type),
    }));
    return { size: map.valueSize, vars: vars.sort((a, b) => a.offset - b.offset) };
  }
  if (section.size > 0) return section;
  // Sections that the kernel does not see, `.maps` and `license` say: any places that fit will do.
  let end = 0;
  const vars = section.vars.map((entry) => {
    const size = entry.size || sizeOf(btf, entry.type);
    const offset = alignUp(end, 8);
    end = offset + size;
    return { type: entry.type, offset, size };
  });
  return { size: end, vars };
}

/**
 * Where the variables of a data section lie, in its order. Of static ones that share a name (two
 * files were linked) the spec knows one; what the compiler wrote down is right for all of them.
 */
export function placesOfVariables(spec: ObjectSpec, btf: Btf, section: BtfDatasec): number[] {
  const times = new Map<string, number>();
  const types = section.vars.map(({ type }) => btf.type(type));
  for (const { name } of types) times.set(name, (times.get(name) ?? 0) + 1);
  return section.vars.map(({ offset }, index) => {
    const type = types[index]!;
    const variable = spec.variables.get(type.name);
    if (variable?.map !== section.name) return offset;
    const isStatic = type.kind === 'var' && type.linkage === 'static';
    return isStatic && times.get(type.name)! > 1 ? offset : variable.offset;
  });
}

/** An extern function has no size, nor has a symbol of the kernel that is declared as void. */
function sizeOf(btf: Btf, id: number): number {
  return hasSize(btf, id) ? btf.sizeOf(id) : 0;
}

function writeSection(view: DataView, btf: Btf, id: number, { size, vars }: PlacedSection): void {
  const little = btf.endian === 'little';
  const offset = btf.offsetOf(id);
  view.setUint32(offset + 8, size, little);
  for (const [index, entry] of vars.entries()) {
    const at = offset + RECORD_SIZE + index * VAR_SIZE;
    view.setUint32(at, entry.type, little);
    view.setUint32(at + 4, entry.offset, little);
    view.setUint32(at + 8, entry.size, little);
  }
}
