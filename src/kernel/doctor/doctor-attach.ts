import { Errno } from '../../syscall/errno.ts';
import { missingCapabilities } from '../../syscall/privileges.ts';
import type { Finding } from './doctor.ts';
import type { Machine } from './doctor-machine.ts';

const PMUS = '/sys/bus/event_source/devices';

/** What programs can be attached to here. */
export function checkAttaching(machine: Machine): Finding[] {
  if (machine.platform !== 'linux') return [];
  return [
    checkPmu(machine, 'kprobe', 'kprobes and kretprobes', 'CONFIG_KPROBE_EVENTS=y'),
    checkPmu(machine, 'uprobe', 'uprobes, uretprobes and USDT', 'CONFIG_UPROBE_EVENTS=y'),
    ...(machine.bpf.ok
      ? [
          checkFeature(
            machine,
            'kprobe.multi',
            'attach/trace_kprobe_multi',
            'Linux 5.18 or later with CONFIG_FPROBE=y',
          ),
          checkFeature(machine, 'uprobe.multi', 'attach/trace_uprobe_multi', 'Linux 6.6 or later'),
          checkFeature(
            machine,
            'fentry',
            'attach/trace_fentry',
            'Linux 5.5 or later with BTF and CONFIG_DYNAMIC_FTRACE=y',
          ),
          checkFeature(machine, 'LSM', 'attach/lsm_mac', 'Linux 5.7 or later with CONFIG_BPF_LSM=y'),
          checkFeature(machine, 'tcx', 'attach/tcx_ingress', 'Linux 6.6 or later'),
          checkFeature(machine, 'bpf token', 'kernel/token', 'Linux 6.9 or later'),
        ]
      : []),
  ];
}

function checkPmu({ read }: Machine, name: string, what: string, needs: string): Finding {
  if (read(`${PMUS}/${name}/type`) !== undefined) {
    return { check: name, state: 'ok', found: 'the kernel has them as perf events' };
  }
  return {
    check: name,
    state: 'limited',
    found: `there is no ${PMUS}/${name}`,
    effect: `${what} cannot be attached`,
    mend: `use a kernel with ${needs}`,
  };
}

function checkFeature(
  { features, privileges }: Machine,
  check: string,
  name: string,
  needs: string,
): Finding {
  const answer = features.ask(name);
  if (answer.state === 'yes') return { check, state: 'ok', found: answer.why };
  if (answer.state === 'no') {
    return {
      check,
      state: 'limited',
      found: answer.why,
      effect: 'such programs cannot be used',
      mend: `use ${needs}`,
    };
  }
  const refused = answer.errno === Errno.EPERM && privileges.initialUserNamespace;
  if (!refused || missingCapabilities(privileges, ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN']).length > 0)
    return { check, state: 'unknown', found: answer.why };
  return {
    check,
    state: 'limited',
    found: answer.why,
    effect: 'such programs cannot be loaded here',
    mend: 'use a kernel that allows this type; tracepoints, raw tracepoints and uprobes may serve instead',
  };
}
