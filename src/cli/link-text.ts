import type { LinkInfo, LinkTarget } from '../kernel/index.ts';

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const withCookie = (text: string, cookie: bigint): string =>
  cookie === 0n ? text : `${text} cookie ${cookie}`;

/** What a link is attached to, in a few words. */
export function targetText(target: LinkTarget, ifnameOf: (ifindex: number) => string): string {
  switch (target.kind) {
    case 'raw_tracepoint':
    case 'tracepoint':
      return withCookie(target.name, target.cookie);
    case 'tracing':
      return withCookie(
        `${target.attachType} of type ${target.targetBtfId} in object ${target.targetObjectId}`,
        target.cookie,
      );
    case 'cgroup':
      return `cgroup ${target.cgroupId} ${target.attachType}`;
    case 'iter':
      return target.mapId === undefined ? target.name : `${target.name} map ${target.mapId}`;
    case 'netns':
      return `netns ${target.netnsInode} ${target.attachType}`;
    case 'xdp':
      return target.ifindex === 0 ? '(detached)' : ifnameOf(target.ifindex);
    case 'tcx':
    case 'netkit':
      return target.ifindex === 0 ? '(detached)' : `${ifnameOf(target.ifindex)} ${target.attachType}`;
    case 'uprobe':
    case 'uretprobe':
      return withCookie(`${target.kind} ${target.path}+${hex(target.offset)}`, target.cookie);
    case 'kprobe':
    case 'kretprobe':
      return withCookie(
        `${target.kind} ${target.name}${target.offset ? `+${hex(target.offset)}` : ''}`,
        target.cookie,
      );
    case 'perf_event':
      return withCookie(`event type ${target.type} config ${target.config}`, target.cookie);
    case 'kprobe_multi':
      return `${target.count} functions`;
    case 'uprobe_multi':
      return `${target.path}: ${target.offsets.map(hex).join(' ')}`;
    case 'struct_ops':
      return `map ${target.mapId}`;
    case 'netfilter':
      return `family ${target.protocolFamily} hook ${target.hook} priority ${target.priority}`;
    case 'sockmap':
      return `map ${target.mapId} ${target.attachType}`;
    case 'other':
      return '';
  }
}

/** As data for `--json`. */
export function linkData(info: LinkInfo): Record<string, unknown> {
  const { id, typeName, programId, attached, target } = info;
  return { id, type: typeName, programId, attached, target };
}
