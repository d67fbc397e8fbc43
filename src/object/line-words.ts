import type { LineTable } from './spec.ts';

/** Words of a record: slot, file name and text as string offsets of the BTF, line and column. */
export const LINE_WORDS = 4;
/** BPF_LINE_INFO_LINE_NUM's shift: line and column share a word, the column with 10 bits. */
const LINE_SHIFT = 10;
const MAX_COLUMN = 2 ** LINE_SHIFT - 1;
const MAX_LINE = 2 ** (32 - LINE_SHIFT) - 1;

/** What has lines: a function, or a linked program. */
interface HasLines {
  readonly lines: LineTable;
}

/**
 * How the lines of what was read from an object are had as words. It stands beside the specs and not
 * in them, for it says nothing that `lines` does not: making those, a text each, takes ten times as
 * long, and a load needs none of them.
 */
const makers: WeakMap<HasLines, () => Uint32Array | undefined> = new WeakMap();

export function setLineWords(owner: HasLines, make: () => Uint32Array | undefined): void {
  makers.set(owner, make);
}

/**
 * The lines of a function or a linked program as `struct bpf_line_info` (Linux, `include/uapi/linux/bpf.h`)
 * has them, sorted by slot; undefined where a line has no place among the strings of the BTF.
 */
export function lineWords(owner: HasLines): Uint32Array | undefined {
  const make = makers.get(owner);
  return make ? make() : packed(owner.lines);
}

function packed(lines: LineTable): Uint32Array | undefined {
  const words = new Uint32Array(lines.length * LINE_WORDS);
  for (const [index, { slot, fileOffset, textOffset, line, column }] of lines.entries()) {
    if (fileOffset === undefined || textOffset === undefined) return undefined;
    // A line past the field's end is shown as the last one that it can hold.
    const place = Math.min(line, MAX_LINE) * 2 ** LINE_SHIFT + Math.min(column, MAX_COLUMN);
    words.set([slot, fileOffset, textOffset, place], index * LINE_WORDS);
  }
  return words;
}

/** The lines of several functions that stand behind each other; undefined where one of them has none such. */
export function joinLineWords(
  parts: readonly { readonly lines: HasLines; readonly base: number }[],
): Uint32Array | undefined {
  const each = parts.map(({ lines }) => lineWords(lines));
  const out = new Uint32Array(each.reduce((sum, words) => sum + (words?.length ?? 0), 0));
  let at = 0;
  for (const [index, words] of each.entries()) {
    if (!words) return undefined;
    out.set(words, at);
    const { base } = parts[index]!;
    for (let word = at; word < at + words.length; word += LINE_WORDS) out[word]! += base;
    at += words.length;
  }
  return out;
}
