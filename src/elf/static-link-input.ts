import type { Btf } from '../btf/btf.ts';
import { type BtfExt, parseBtfExt } from '../btf/ext.ts';
import { parseBtf } from '../btf/parse.ts';
import { BtfIndex } from '../object/btf-index.ts';
import type { RelocatableObject, SectionRelocation } from '../object/relocatable.ts';
import { withPlainAddends } from './static-link-gnu.ts';

/** An object that is linked, with its types read. */
export interface LinkInput {
  /** What messages call it. */
  readonly name: string;
  readonly object: RelocatableObject;
  readonly index: BtfIndex | undefined;
  readonly ext: BtfExt | undefined;
  relocationsOf(section: number): readonly SectionRelocation[];
}

export function makeInput(given: RelocatableObject, name: string): LinkInput {
  const object = withPlainAddends(given, name);
  const bytesOf = (wanted: string): Uint8Array | undefined =>
    object.sections.find((section) => section.name === wanted)?.bytes;
  const types = bytesOf('.BTF');
  const extBytes = bytesOf('.BTF.ext');
  const btf: Btf | undefined = types && parseBtf(types, `${name}/BTF`);
  return {
    name,
    object,
    index: btf && new BtfIndex(btf),
    ext: btf && extBytes && parseBtfExt(extBytes, btf, `${name}/BTF.ext`),
    relocationsOf: object.relocationsOf ?? bySection(object),
  };
}

function bySection({ sections, relocations }: RelocatableObject): LinkInput['relocationsOf'] {
  const lists: SectionRelocation[][] = sections.map(() => []);
  for (const relocation of relocations) lists[relocation.section]?.push(relocation);
  return (section) => lists[section]!;
}
