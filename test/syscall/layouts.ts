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

import {
  iterCreateAttr,
  linkBtfArm,
  linkCreateHead,
  linkDetachAttr,
  linkIterArm,
  linkKprobeMultiArm,
  linkNetfilterArm,
  linkOrderArm,
  linkPerfEventArm,
  linkUpdateAttr,
  linkUprobeMultiArm,
  progAttachAttr,
  progQueryAttr,
  rawTracepointAttr,
} from '../../src/syscall/bpf-link-attr.ts';

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

/** An arm of LINK_CREATE, with its members where they lie behind the head. */
function behindHead(arm: CheckedLayout['layout']): CheckedLayout['layout'] {
  const offsets = Object.entries(arm.offsets).map(([name, at]) => [name, at + linkCreateHead.size]);
  return { name: arm.name, fields: arm.fields, offsets: Object.fromEntries(offsets) };
}

const arm = (
  layout: CheckedLayout['layout'],
  member: string,
  aliases: CheckedLayout['aliases'] = {},
): CheckedLayout => ({
  layout: behindHead(layout),
  type: 'union bpf_attr',
  prefix: `link_create.${member}`,
  aliases,
});

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
  {
    layout: linkCreateHead,
    type: 'union bpf_attr',
    prefix: 'link_create.',
    aliases: { target: 'target_fd' },
  },
  arm(linkBtfArm, 'tracing.'),
  arm(linkIterArm, ''),
  arm(linkPerfEventArm, 'perf_event.'),
  arm(linkKprobeMultiArm, 'kprobe_multi.'),
  arm(linkUprobeMultiArm, 'uprobe_multi.'),
  arm(linkNetfilterArm, 'netfilter.'),
  arm(linkOrderArm, 'tcx.', { relative: 'relative_fd' }),
  {
    layout: linkUpdateAttr,
    type: 'union bpf_attr',
    prefix: 'link_update.',
    aliases: { new_fd: 'new_prog_fd', old_fd: 'old_prog_fd' },
  },
  { layout: linkDetachAttr, type: 'union bpf_attr', prefix: 'link_detach.' },
  {
    layout: progAttachAttr,
    type: 'union bpf_attr',
    aliases: { target: 'target_fd', relative: 'relative_fd' },
  },
  {
    layout: progQueryAttr,
    type: 'union bpf_attr',
    prefix: 'query.',
    aliases: { target: 'target_fd' },
    without: ['padding'],
  },
  { layout: rawTracepointAttr, type: 'union bpf_attr', prefix: 'raw_tracepoint.' },
  { layout: iterCreateAttr, type: 'union bpf_attr', prefix: 'iter_create.' },
];
