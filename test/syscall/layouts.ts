import {
  btfLoadAttr,
  idAttr,
  infoAttr,
  mapCreateAttr,
  mapElementAttr,
  objAttr,
  progLoadAttr,
  progTestRunAttr,
} from '../../src/syscall/bpf-attr.ts';
import { linkInfoLayout, mapInfoLayout, progInfoLayout } from '../../src/syscall/bpf-info-layout.ts';

/** A layout and the C type that it stands for. */
export interface CheckedLayout {
  readonly layout: {
    readonly name: string;
    readonly fields: Readonly<Record<string, unknown>>;
    readonly offsets: Readonly<Record<string, number>>;
  };
  readonly type: string;
  /** Of the arm within the union. */
  readonly prefix?: string;
  /** Members that C calls otherwise. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Members that C cannot be asked about. */
  readonly without?: readonly string[];
}

/** The kernel's structs that are written and read byte by byte. */
export const LAYOUTS: readonly CheckedLayout[] = [
  { layout: mapCreateAttr, type: 'union bpf_attr' },
  { layout: mapElementAttr, type: 'union bpf_attr' },
  { layout: progLoadAttr, type: 'union bpf_attr' },
  { layout: progTestRunAttr, type: 'union bpf_attr', prefix: 'test.' },
  { layout: objAttr, type: 'union bpf_attr' },
  { layout: idAttr, type: 'union bpf_attr', aliases: { id: 'start_id' } },
  { layout: infoAttr, type: 'union bpf_attr', prefix: 'info.' },
  { layout: btfLoadAttr, type: 'union bpf_attr' },
  // A bit field has no offset; the members around it tell where it stands.
  { layout: progInfoLayout, type: 'struct bpf_prog_info', without: ['gpl_compatible'] },
  { layout: mapInfoLayout, type: 'struct bpf_map_info' },
  { layout: linkInfoLayout, type: 'struct bpf_link_info', without: ['padding'] },
];
