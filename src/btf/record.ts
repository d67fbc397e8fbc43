import { viewOf } from '../util/bytes.ts';
import type { Btf } from './btf.ts';
import { BTF_TYPE_SIZE, kindLayouts, kindNames, kindOfInfo, vlenOfInfo } from './layout.ts';
import type { BtfKindName } from './types.ts';

/** A type as the words that stand in the file: `struct btf_type` and what follows it. */
export interface BtfRecord {
  readonly nameOffset: number;
  /** Kind, number of elements and flag. */
  readonly info: number;
  /** A size in bytes, or a type. */
  readonly word: number;
  /** 32-bit words after the record. */
  readonly tail: readonly number[];
}

/** What a word of a record means: a type's number, a string's offset, or a plain number. */
type Meaning = 't' | 's' | '.';

/** The third word, the fixed words after the record, the words of each element. */
type Shape = readonly [word: Meaning, fixed: string, each: string];

const shapes: Record<BtfKindName, Shape> = {
  void: ['.', '', ''],
  int: ['.', '.', ''],
  ptr: ['t', '', ''],
  array: ['.', 'tt.', ''],
  struct: ['.', '', 'st.'],
  union: ['.', '', 'st.'],
  enum: ['.', '', 's.'],
  fwd: ['.', '', ''],
  typedef: ['t', '', ''],
  volatile: ['t', '', ''],
  const: ['t', '', ''],
  restrict: ['t', '', ''],
  func: ['t', '', ''],
  funcProto: ['t', '', 'st'],
  var: ['t', '.', ''],
  datasec: ['.', '', 't..'],
  float: ['.', '', ''],
  declTag: ['t', '.', ''],
  typeTag: ['t', '', ''],
  enum64: ['.', '', 's..'],
};

export const kindOfRecord = (record: BtfRecord): BtfKindName => kindNames[kindOfInfo(record.info)]!;

/**
 * The words of a type, which must not be void.
 *
 * @throws {FormatError} `BTF_NO_SUCH_TYPE` where it refers to a type that is not there
 */
export function readRecord(btf: Btf, id: number): BtfRecord {
  let owner = btf;
  while (owner.base && id < owner.firstId) owner = owner.base;
  const at = owner.offsetOf(id);
  const view = viewOf(owner.bytes);
  const little = owner.endian === 'little';
  const info = view.getUint32(at + 4, little);
  const layout = kindLayouts[kindOfInfo(info)]!;
  const count = (layout.fixed + layout.each * vlenOfInfo(info)) / 4;
  const tail: number[] = [];
  for (let index = 0; index < count; index++)
    tail.push(view.getUint32(at + BTF_TYPE_SIZE + 4 * index, little));
  const record: BtfRecord = {
    nameOffset: view.getUint32(at, little),
    info,
    word: view.getUint32(at + 8, little),
    tail,
  };
  for (const type of typesOf(record)) {
    if (type >= btf.typeCount)
      throw btf.error('BTF_NO_SUCH_TYPE', `types/${id}`, `refers to type ${type}, which does not exist`);
  }
  return record;
}

/** The types that a record refers to, in the order of its words. */
export function typesOf(record: BtfRecord): number[] {
  const out: number[] = [];
  eachWord(record, (meaning, value) => {
    if (meaning === 't') out.push(value);
  });
  return out;
}

/** The same record with its types and strings replaced. */
export function mapRecord(
  record: BtfRecord,
  type: (id: number) => number,
  string: (offset: number) => number,
): BtfRecord {
  const words: number[] = [];
  eachWord(record, (meaning, value) => {
    words.push(meaning === 't' ? type(value) : meaning === 's' ? string(value) : value);
  });
  const [word, ...tail] = words as [number, ...number[]];
  return { nameOffset: string(record.nameOffset), info: record.info, word, tail };
}

/** Every word after `info`. */
function eachWord(record: BtfRecord, visit: (meaning: Meaning, value: number) => void): void {
  const [word, fixed, each] = shapes[kindOfRecord(record)];
  visit(word, record.word);
  for (let index = 0; index < record.tail.length; index++) {
    const meaning = each ? each[index % each.length] : fixed[index];
    visit(meaning as Meaning, record.tail[index]!);
  }
}
