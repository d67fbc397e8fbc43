import type { Btf } from '../btf/btf.ts';
import type { BtfDatasec, BtfSectionVar } from '../btf/types.ts';
import { alignUp, viewOf } from '../util/bytes.ts';
import type { LinkedProgram, ObjectSpec } from './spec.ts';

/** `struct bpf_func_info`, with the offset in slots as the kernel wants it. */
export interface FuncInfo {
  readonly slot: number;
  /** A FUNC. */
  readonly type: number;
}

/** `struct bpf_line_info`, before line and column are packed into one word. */
export interface KernelLineInfo {
  readonly slot: number;
  /** String offsets in the BTF. */
  readonly fileOffset: number;
  readonly textOffset: number;
  readonly line: number;
  readonly column: number;
}

export interface ExtInfo {
  readonly functions: readonly FuncInfo[];
  readonly lines: readonly KernelLineInfo[];
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
  if (functions.length < linked.functions.length) return { functions: [], lines: [] };
  return { functions, lines: lineInfo(linked) };
}

function lineInfo(linked: LinkedProgram): KernelLineInfo[] {
  const lines: KernelLineInfo[] = [];
  const starts = new Set<number>();
  for (const { slot, fileOffset, textOffset, line, column } of linked.lines) {
    if (fileOffset === undefined || textOffset === undefined) return [];
    // Of several records at one slot the kernel takes one.
    if (lines.at(-1)?.slot === slot) continue;
    starts.add(slot);
    lines.push({ slot, fileOffset, textOffset, line, column });
  }
  return linked.functions.every(({ slot }) => starts.has(slot)) ? lines : [];
}

/** Bytes of a DATASEC's record before its variables, and of each of those: type, offset, size. */
const RECORD_SIZE = 12;
const VAR_SIZE = 12;

/**
 * The spec's BTF as BPF_BTF_LOAD takes it: clang leaves the sizes of DATASECs and the places of
 * their variables zero, so they are filled in from the symbols. Declarations of externs are left
 * as they are.
 *
 * @returns undefined where the object has no BTF
 */
export function kernelBtf(spec: ObjectSpec): Uint8Array | undefined {
  const { btf } = spec;
  if (!btf) return undefined;
  const bytes = btf.bytes.slice();
  const view = viewOf(bytes);
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'datasec') continue;
    const section = btf.type(id) as BtfDatasec;
    writeSection(view, btf, id, placeVariables(spec, btf, section));
  }
  return bytes;
}

interface PlacedSection {
  readonly size: number;
  readonly vars: readonly BtfSectionVar[];
}

function placeVariables(spec: ObjectSpec, btf: Btf, section: BtfDatasec): PlacedSection {
  const map = spec.maps.get(section.name);
  if (map?.origin === 'data') {
    const vars = section.vars.map((entry) => {
      const variable = spec.variables.get(btf.type(entry.type).name);
      const offset = variable?.map === section.name ? variable.offset : entry.offset;
      return { type: entry.type, offset, size: entry.size || sizeOf(btf, entry.type) };
    });
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

/** An extern function has no size. */
function sizeOf(btf: Btf, id: number): number {
  return btf.kindOf(id) === 'func' ? 0 : btf.sizeOf(id);
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
