import { CONTEXT_OF_PROG_TYPE, CONTEXT_STRUCTS } from '../../isa/context-structs.generated.ts';
import type { CText } from './c-text.ts';
import type { Composite, CType, PlacedMember } from './c-type.ts';
import type { TypeReader } from './parse-type.ts';

/** A struct of the generated table. */
export type ContextStructName = keyof typeof CONTEXT_STRUCTS;

type Field = readonly [offset: number, size: number, type: string, bitOffset?: number, bits?: number];
type Group = readonly [
  kind: 'struct' | 'union',
  first: number,
  count: number,
  offset: number,
  size: number,
  align: number,
];

interface Row {
  readonly kind: 'struct' | 'union';
  readonly size: number;
  readonly align: number;
  readonly fields: Readonly<Record<string, Field>>;
  readonly groups?: readonly Group[];
}

const NOWHERE = { start: 0, end: 0 };

/** The struct that programs of a type are given in `r1`, or undefined where it is none. */
export function contextStructName(progType: number): ContextStructName | undefined {
  return (CONTEXT_OF_PROG_TYPE as Readonly<Record<number, ContextStructName>>)[progType];
}

/**
 * A struct of the kernel as a type, its layout that of the table.
 *
 * @param store called with the type before its members are read, which may point back to it
 */
export function makeContextStruct(
  types: { reader(text: CText): TypeReader },
  name: ContextStructName,
  store: (type: Composite) => void,
): Composite {
  const row: Row = CONTEXT_STRUCTS[name];
  const made: Composite = { kind: row.kind, name, definedAt: undefined, body: undefined, layout: undefined };
  store(made);
  const fields = Object.entries(row.fields).map(
    ([field, [offset, , text, bitOffset, bits]]): PlacedMember => {
      const type = types.reader({ text }).typeName();
      return { ...member(field, type, bitOffset ?? offset * 8), bits };
    },
  );
  const groups = [...(row.groups ?? [])];
  const { size, align } = row;
  made.layout = { size, align, depth: 1, members: place(fields, groups, 0, fields.length, 0) };
  return made;
}

function member(name: string, type: CType, offsetBits: number): PlacedMember {
  return { name, range: NOWHERE, type, bits: undefined, align: 1, packed: false, declTags: [], offsetBits };
}

/** The members from one field up to another, unnamed structs and unions made of those that are in one. */
function place(
  fields: readonly PlacedMember[],
  groups: Group[],
  from: number,
  to: number,
  startBits: number,
): PlacedMember[] {
  const out: PlacedMember[] = [];
  for (let index = from; index < to; ) {
    const group = groups[0];
    if (group?.[1] !== index) {
      const field = fields[index++]!;
      out.push({ ...field, offsetBits: field.offsetBits - startBits });
      continue;
    }
    groups.shift();
    const [kind, , count, offset, size, align] = group;
    const members = place(fields, groups, index, index + count, offset * 8);
    const layout = { size, align, depth: 1, members };
    const inner: Composite = { kind, name: '', definedAt: undefined, body: undefined, layout };
    out.push(member('', inner, offset * 8 - startBits));
    index += count;
  }
  return out;
}
