import type { CoreRelocationRecord, FuncInfoRecord, LineInfoRecord } from '../btf/ext.ts';
import { BTF_MAGIC, BTF_VERSION } from '../btf/layout.ts';
import { type Endian, viewOf } from '../util/bytes.ts';

/** The records of one section of code; types and strings are those of the BTF beside them. */
export interface ExtSection {
  /** String offset of the section's name. */
  readonly nameOffset: number;
  readonly functions: readonly FuncInfoRecord[];
  readonly lines: readonly LineInfoRecord[];
  readonly coreRelocations: readonly CoreRelocationRecord[];
}

/** `struct btf_ext_header` up to the CO-RE part. */
const HEADER_SIZE = 32;
const MAGIC_SIZE = 4;
/** A line record keeps 22 bits for the line and 10 for the column; what is larger is shown as the largest. */
const COLUMN_BITS = 10;
const MAX_COLUMN = 2 ** COLUMN_BITS - 1;
const MAX_LINE = 2 ** (32 - COLUMN_BITS) - 1;

/**
 * The bytes of a `.BTF.ext` section (Linux, `Documentation/bpf/btf.rst`, section 4).
 *
 * @returns undefined where there is nothing to say
 */
export function btfExtBytes(sections: readonly ExtSection[], endian: Endian): Uint8Array | undefined {
  const parts = [
    part(sections, 2, ({ functions }) => functions.map((info) => [info.byteOffset, info.type])),
    part(sections, 4, ({ lines }) => lines.map(lineWords)),
    part(sections, 4, ({ coreRelocations }) =>
      coreRelocations.map((core) => [core.byteOffset, core.type, core.accessOffset, core.kind]),
    ),
  ];
  const words: number[] = [HEADER_SIZE];
  let offset = 0;
  for (const { length } of parts) {
    words.push(offset, length * 4);
    offset += length * 4;
  }
  if (offset === 0) return undefined;
  const out = new Uint8Array(HEADER_SIZE + offset);
  const view = viewOf(out);
  const little = endian === 'little';
  view.setUint16(0, BTF_MAGIC, little);
  view.setUint8(2, BTF_VERSION);
  let at = MAGIC_SIZE;
  for (const list of [words, ...parts]) {
    for (const word of list) {
      view.setUint32(at, word, little);
      at += 4;
    }
  }
  return out;
}

function lineWords({ byteOffset, fileOffset, textOffset, line, column }: LineInfoRecord): number[] {
  const place = Math.min(line, MAX_LINE) * 2 ** COLUMN_BITS + Math.min(column, MAX_COLUMN);
  return [byteOffset, fileOffset, textOffset, place];
}

/** The size of a record, then each section's name, count and records. */
function part(
  sections: readonly ExtSection[],
  recordWords: number,
  records: (section: ExtSection) => readonly (readonly number[])[],
): number[] {
  const out: number[] = [];
  for (const section of sections) {
    const list = records(section);
    if (list.length === 0) continue;
    if (out.length === 0) out.push(recordWords * 4);
    out.push(section.nameOffset, list.length);
    for (const words of list) out.push(...words);
  }
  return out;
}
