import { enumName } from '../isa/enum-name.ts';
import { AttachType, ProgType } from '../isa/kernel-tables.generated.ts';
import { Errno } from './errno.ts';
import type { BpfCommandName, CommandContext, Explanation } from './explain.ts';

// What the errnos of the attaching commands mean. The same errno says different things by what is
// attached to, so the rows are by attach type where that matters.

type Meaning = Explanation | string;
type ByErrno = Readonly<Record<number, (context: CommandContext) => Meaning>>;

const needs = (feature: string, version: string): Explanation => ({
  explanation: `this kernel has no ${feature}, or the program was loaded for another attach type`,
  hint: `${feature} came with Linux ${version}`,
});

// Programs of tc go wherever they are attached to, whatever they were loaded for.
const expected = ({ progType, attachType, expectedAttachType }: CommandContext): Explanation | undefined =>
  progType !== ProgType.SCHED_CLS &&
  attachType !== undefined &&
  expectedAttachType !== undefined &&
  attachType !== expectedAttachType
    ? {
        explanation: `the program was loaded with expected_attach_type ${enumName(AttachType, expectedAttachType)}, but ${enumName(AttachType, attachType)} is asked for`,
        hint: `load it from a section of that name, or with expectedAttachType: AttachType.${enumName(AttachType, attachType)}`,
      }
    : undefined;

const wrongType = ({ progType, attachType }: CommandContext): Meaning =>
  `programs of type ${enumName(ProgType, progType).toLowerCase()} do not go to ${enumName(AttachType, attachType).toLowerCase()}, or a flag is not known here`;

const onInterface: ByErrno = {
  [Errno.ENODEV]: () => 'the interface is gone, or is in another network namespace',
  [Errno.EBUSY]: () => 'another program is attached there already',
  [Errno.ESTALE]: () => ({
    explanation: 'the list of programs has changed since its revision was read',
    hint: 'query again and decide again',
  }),
  [Errno.EEXIST]: () => 'this very program is attached there already',
  [Errno.ENOENT]: () => 'the program or link to go before or behind of is not attached there',
  [Errno.EDOM]: () => 'the program or link to go before or behind of is not attached there',
  [Errno.ERANGE]: () => 'as many programs as the kernel takes (63) are attached there already',
};

const ofCgroup: ByErrno = {
  [Errno.EPERM]: () => ({
    explanation:
      'a program is attached here or above without leave for others, or this process lacks CAP_NET_ADMIN',
    hint: "a single program blocks others: detach it, or attach all with mode 'multi'",
  }),
  [Errno.EBADF]: () => ({
    explanation: 'the target is no cgroup of version 2',
    hint: 'name a folder below /sys/fs/cgroup, or where cgroup2 is mounted (tsbpf doctor)',
  }),
  [Errno.E2BIG]: () => 'as many programs as the kernel takes (64) are attached there already',
  [Errno.ENOENT]: () => 'the program is not attached to this cgroup',
  [Errno.EINVAL]: (context) => expected(context) ?? wrongType(context),
};

const ofNetns: ByErrno = {
  [Errno.EEXIST]: () => 'a flow dissector is attached already, to this namespace or to the initial one',
  [Errno.E2BIG]: () => 'as many programs as the kernel takes (64) are attached there already',
  [Errno.EINVAL]: (context) => expected(context) ?? wrongType(context),
};

const A = AttachType;

const ofNetkit: ByErrno = {
  [Errno.ENXIO]: () => 'this interface is no netkit device',
  [Errno.EACCES]: () => ({
    explanation: 'this is the peer of a netkit pair, which takes no programs itself',
    hint: "attach through the primary device: its own programs with end 'primary', those of the peer with end 'peer'",
  }),
};

const MULTI_EINVAL: Readonly<Record<number, Explanation>> = {
  [A.TRACE_UPROBE_MULTI]: needs('uprobe.multi link', '6.6'),
  [A.TRACE_UPROBE_SESSION]: needs('uprobe.session link', '6.13'),
  [A.TRACE_KPROBE_MULTI]: needs('kprobe.multi link', '5.18'),
  [A.TRACE_KPROBE_SESSION]: needs('kprobe.session link', '6.10'),
  [A.NETFILTER]: needs('netfilter link', '6.4'),
  [A.NETKIT_PRIMARY]: needs('netkit', '6.7'),
  [A.NETKIT_PEER]: needs('netkit', '6.7'),
  [A.TCX_INGRESS]: needs('tcx', '6.6'),
  [A.TCX_EGRESS]: needs('tcx', '6.6'),
};

/** What these take, where the kernel's EINVAL may be about the type alone. */
const TAKES: Readonly<Record<number, number>> = {
  [A.TRACE_UPROBE_MULTI]: ProgType.KPROBE,
  [A.TRACE_UPROBE_SESSION]: ProgType.KPROBE,
  [A.TRACE_KPROBE_MULTI]: ProgType.KPROBE,
  [A.TRACE_KPROBE_SESSION]: ProgType.KPROBE,
  [A.NETFILTER]: ProgType.NETFILTER,
  [A.NETKIT_PRIMARY]: ProgType.SCHED_CLS,
  [A.NETKIT_PEER]: ProgType.SCHED_CLS,
  [A.TCX_INGRESS]: ProgType.SCHED_CLS,
  [A.TCX_EGRESS]: ProgType.SCHED_CLS,
};

const otherType = ({ progType, attachType = -1 }: CommandContext): Explanation | undefined => {
  const wanted = TAKES[attachType];
  if (wanted === undefined || progType === undefined || progType === wanted) return undefined;
  const name = (type: number): string => enumName(ProgType, type).toLowerCase();
  return {
    explanation: `${enumName(AttachType, attachType).toLowerCase()} takes ${name(wanted)} programs, but this one is of type ${name(progType)}`,
  };
};

const noKprobes: Explanation = {
  explanation: 'this kernel cannot probe its functions (CONFIG_FPROBE is off)',
  hint: 'tracepoints and raw tracepoints may serve instead: tp_btf/…, tracepoint/…',
};

/** Rows that hold for one attach type. */
const BY_ATTACH_TYPE: Readonly<Record<number, ByErrno>> = {
  [A.XDP]: {
    ...onInterface,
    [Errno.EOPNOTSUPP]: () => ({
      explanation: 'the driver of this interface has no native XDP',
      hint: "mode 'generic' works on every interface",
    }),
    [Errno.EEXIST]: () => 'XDP runs there in another mode already',
    [Errno.EINVAL]: (context) => expected(context) ?? wrongType(context),
  },
  [A.TRACE_KPROBE_MULTI]: {
    [Errno.EOPNOTSUPP]: () => noKprobes,
    [Errno.ESRCH]: () => 'one of the functions is not there, or cannot be probed',
  },
  [A.TRACE_KPROBE_SESSION]: { [Errno.EOPNOTSUPP]: () => noKprobes },
  [A.TRACE_UPROBE_MULTI]: {
    [Errno.ENOENT]: () => 'there is no such file',
    [Errno.EBADF]: () => 'the file is no regular file',
    [Errno.ESRCH]: () => 'there is no such process',
  },
  [A.NETFILTER]: {
    [Errno.EBUSY]: () => 'another BPF program has this hook at this priority',
    [Errno.EAFNOSUPPORT]: () => 'the protocol family has no such hook here (IPv4 and IPv6 have)',
  },
  [A.LSM_MAC]: { [Errno.EINVAL]: () => 'the hook cannot be attached to' },
  [A.STRUCT_OPS]: {
    [Errno.EINVAL]: () => 'the map is no struct_ops map with BPF_F_LINK, or has no value yet',
  },
  [A.PERF_EVENT]: {
    [Errno.EEXIST]: () => 'the event has a program already',
    [Errno.EINVAL]: () => 'programs of this type do not go to this kind of event',
  },
  [A.NETKIT_PRIMARY]: ofNetkit,
  [A.NETKIT_PEER]: ofNetkit,
};

function rowsOf(attachType: number): readonly ByErrno[] {
  const own = BY_ATTACH_TYPE[attachType] ?? {};
  const name = enumName(AttachType, attachType);
  if (/^(TCX|NETKIT)_/.test(name)) return [own, onInterface];
  if (/^CGROUP_|^LSM_CGROUP/.test(name)) return [own, ofCgroup];
  if (attachType === A.SK_LOOKUP || attachType === A.FLOW_DISSECTOR) return [own, ofNetns];
  return [own];
}

const attach =
  (errno: number) =>
  (context: CommandContext): Meaning | undefined => {
    if (context.attachType === undefined) return undefined;
    for (const rows of rowsOf(context.attachType)) {
      const found = rows[errno]?.(context);
      if (found) return found;
    }
    if (errno !== Errno.EINVAL) return undefined;
    return otherType(context) ?? expected(context) ?? MULTI_EINVAL[context.attachType] ?? wrongType(context);
  };

/** What an errno of an attaching command means; undefined where its own text has to do. */
export function explainAttach(
  command: BpfCommandName,
  errno: number,
  context: CommandContext,
): Meaning | undefined {
  switch (command) {
    case 'LINK_CREATE':
    case 'PROG_ATTACH':
    case 'PROG_DETACH':
      return attach(errno)(context);
    case 'PROG_QUERY':
      return errno === Errno.EINVAL
        ? 'this kernel does not tell what is attached there'
        : attach(errno)(context);
    case 'RAW_TRACEPOINT_OPEN':
      if (errno === Errno.ENOENT)
        return {
          explanation: 'the kernel has no tracepoint of this name',
          hint: 'the names are those of tracefs without their folder: sched_switch, sys_enter',
        };
      return errno === Errno.EINVAL
        ? 'the program is of another type, reads further than the tracepoint has arguments, or the kernel knows no cookies here'
        : undefined;
    case 'LINK_UPDATE':
      return LINK_UPDATE[errno]?.(context);
    case 'LINK_DETACH':
      return errno === Errno.EOPNOTSUPP
        ? {
            explanation: 'links of this kind end when their last descriptor and pin are gone',
            hint: 'close it in the process that holds it, or remove its pin',
          }
        : undefined;
    case 'ITER_CREATE':
      return errno === Errno.EINVAL ? 'the link is no iterator' : undefined;
    default:
      return undefined;
  }
}

const LINK_UPDATE: ByErrno = {
  [Errno.EOPNOTSUPP]: () => 'links of this kind cannot change their program',
  [Errno.EINVAL]: () =>
    'the new program has another type or expected attach type, or links of this kind cannot change their program',
  [Errno.EPERM]: () => 'another program is attached than the one that was to be replaced',
  [Errno.ENOLINK]: () => 'the link is detached: its target has gone',
};
