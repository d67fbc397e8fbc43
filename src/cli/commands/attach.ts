import {
  attachCgroup,
  attachRawTracepoint,
  attachTc,
  attachTracepoint,
  attachUprobe,
  type CgroupAttachName,
  detachCgroup,
  detachTc,
  type IterAttachment,
  Link,
  StructOpsAttachment,
  showTc,
  TC_PROTOCOLS,
  type TcDirection,
  type TcState,
  tcProtocol,
  tcProtocolName,
} from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { ExitCode } from '../exit.ts';
import { Interruption } from '../interrupted.ts';
import { type CommonOptions, print, printJson, tell } from '../io.ts';
import { pinCollection } from '../pin.ts';
import { formatTable } from '../table.ts';
import { refuseForLoaded, takeProgram } from '../take-program.ts';

export interface AttachCommandOptions extends CommonOptions {
  readonly program?: string;
  readonly license?: string;
  /** Where the link is pinned: then the command does not stay. */
  readonly pin?: string;
}

interface Closable {
  readonly target: string;
  close(): void;
}

/** Pins the link, or stays until Ctrl-C and takes the program off. */
export async function stay(
  attached: Closable,
  options: AttachCommandOptions,
  words = 'attached to',
): Promise<ExitCode> {
  using interruption = new Interruption();
  try {
    if (options.pin !== undefined) {
      if (!(attached instanceof Link || attached instanceof StructOpsAttachment))
        throw new TsbpfError(
          'NOT_A_LINK',
          `${attached.target} is not held by one link, so it cannot be pinned`,
        );
      attached.pin(options.pin);
    }
    if (options.json) printJson({ attached: attached.target });
    else print(`${words} ${attached.target}`);
    if (options.pin !== undefined) return ExitCode.ok;
    tell('Ctrl-C detaches');
    await interruption.wait();
    return ExitCode.interrupted;
  } finally {
    attached.close();
  }
}

const isIterator = (attached: object): attached is IterAttachment => 'readBytes' in attached;

/** `tsbpf attach FILE`: to what the section names. */
export async function attach(
  file: string,
  options: AttachCommandOptions & { readonly pid?: number },
): Promise<ExitCode> {
  using taken = await takeProgram([file], options);
  // Of a loaded program the kernel does not tell what its section was.
  if (!taken.collection)
    throw new TsbpfError('SECTION_UNKNOWN', `the kernel does not tell where program '${taken.name}' goes`, {
      hint: 'tsbpf tracepoint, raw-tracepoint, uprobe, cgroup, xdp and tc attach loaded programs',
    });
  const attached = taken.program.attach(options.pid === undefined ? {} : { pid: options.pid });
  if (!isIterator(attached)) return await stay(attached, options);
  if (options.pin !== undefined) return await stay(attached.link, options);
  try {
    if (options.json) printJson({ attached: attached.target, text: attached.read() });
    else process.stdout.write(attached.readBytes());
    return ExitCode.ok;
  } finally {
    attached.close();
  }
}

/** `tsbpf tracepoint CATEGORY/NAME FILE`. */
export async function tracepoint(
  name: string,
  words: readonly string[],
  options: AttachCommandOptions,
): Promise<ExitCode> {
  const [category, event, ...rest] = name.split('/');
  if (!category || !event || rest.length > 0) {
    throw new TsbpfError(
      'TRACEPOINT_NAME',
      `'${name}' is no tracepoint: CATEGORY/NAME, as in syscalls/sys_enter_execve`,
    );
  }
  using taken = await takeProgram(words, options, { type: 'tracepoint' });
  return await stay(attachTracepoint(taken.program, category, event), options);
}

/** `tsbpf raw-tracepoint NAME FILE`. */
export async function rawTracepoint(
  name: string,
  words: readonly string[],
  options: AttachCommandOptions,
): Promise<ExitCode> {
  using taken = await takeProgram(words, options, { type: 'raw_tracepoint' });
  return await stay(attachRawTracepoint(taken.program, name), options);
}

/** `tsbpf uprobe PATH:SYMBOL FILE [--ret]`. */
export async function uprobe(
  place: string,
  words: readonly string[],
  options: AttachCommandOptions & { readonly ret?: boolean; readonly pid?: number },
): Promise<ExitCode> {
  const at = place.lastIndexOf(':');
  const where = place.slice(at + 1);
  if (at <= 0 || where === '')
    throw new TsbpfError(
      'UPROBE_PLACE',
      `'${place}' is no place: PATH:FUNCTION or PATH:0xOFFSET, as in /bin/bash:readline`,
    );
  const isOffset = /^(0x[0-9a-fA-F]+|\d+)$/.test(where);
  using taken = await takeProgram(words, options, { type: 'uprobe' });
  return await stay(
    attachUprobe(taken.program, {
      path: place.slice(0, at),
      ...(isOffset ? { offset: Number(where) } : { symbol: where }),
      ret: options.ret === true,
      ...(options.pid !== undefined && { pid: options.pid }),
    }),
    options,
  );
}

/** `tsbpf cgroup attach PATH FILE`. */
export async function cgroupAttach(
  path: string,
  words: readonly string[],
  options: AttachCommandOptions & { readonly attachType?: CgroupAttachName },
): Promise<ExitCode> {
  using taken = await takeProgram(words, options);
  return await stay(
    attachCgroup(taken.program, {
      cgroup: path,
      ...(options.attachType && { attachType: options.attachType }),
    }),
    options,
  );
}

/** `tsbpf cgroup detach PATH`. */
export async function cgroupDetach(
  path: string,
  options: CommonOptions & { readonly attachType?: CgroupAttachName; readonly id?: number },
): Promise<undefined> {
  const detached = detachCgroup(path, {
    ...(options.attachType && { attachType: options.attachType }),
    ...(options.id !== undefined && { programId: options.id }),
  });
  if (options.json) printJson({ cgroup: path, detached });
  else if (detached.length === 0) tell(`${path}: nothing to detach`);
  for (const { attachType, programId } of options.json ? [] : detached)
    print(`${path}: program ${programId} detached from ${attachType}`);
}

export interface TcAttachOptions extends AttachCommandOptions {
  readonly direction: TcDirection;
  readonly priority?: number;
  readonly handle?: number;
  readonly chain?: number;
  readonly replace?: boolean;
  readonly directAction?: boolean;
}

/** `tsbpf tc attach IF FILE`: as a filter on clsact, which stays when the command ends. */
export async function tcAttach(
  ifname: string,
  words: readonly string[],
  options: TcAttachOptions,
): Promise<ExitCode> {
  using taken = await takeProgram(words, options, { type: 'tc' });
  const { program, collection } = taken;
  if (options.pin !== undefined) pinCollection(collection ?? refuseForLoaded('pin'), options.pin);
  const { direction, priority, handle, chain } = options;
  const attached = attachTc(program, {
    interface: ifname,
    direction,
    ...(priority !== undefined && { priority }),
    ...(handle !== undefined && { handle }),
    ...(chain !== undefined && { chain }),
    replace: options.replace === true,
    directAction: options.directAction !== false,
  });
  try {
    attached.release();
  } catch (error) {
    attached.close();
    throw error;
  }
  const where = { chain: attached.chain, priority: attached.priority, handle: attached.handle };
  if (options.json) printJson({ attached: { interface: ifname, direction, ...where } });
  else
    print(
      `${ifname}: tc ${direction} pref ${where.priority} handle 0x${where.handle.toString(16)} ${program.name}`,
    );
  return ExitCode.ok;
}

function tcDetails({ protocol, directAction }: TcState): string {
  const only = protocol === TC_PROTOCOLS.all ? [] : [`protocol ${tcProtocolName(protocol)}`];
  return [...(directAction ? ['direct-action'] : []), ...only].join(' ');
}

/** `tsbpf tc show IF`. */
export async function tcShow(ifname: string, options: CommonOptions): Promise<undefined> {
  const filters = showTc(ifname);
  if (options.json) printJson({ filters });
  else if (filters.length === 0) print(`${ifname}: no filter of BPF`);
  else
    print(
      formatTable(
        ['direction', 'chain', 'pref', 'handle', 'program', 'name', ''],
        filters.map((one) => [
          one.direction,
          one.chain,
          one.priority,
          `0x${one.handle.toString(16)}`,
          one.programId ?? '',
          one.name ?? '',
          tcDetails(one),
        ]),
        '',
      ),
    );
}

export interface TcDetachOptions extends CommonOptions {
  readonly direction: TcDirection;
  readonly priority?: number;
  readonly handle?: number;
  readonly chain?: number;
  /** A name, or a number as text. */
  readonly protocol?: string;
}

/** `tsbpf tc detach IF`, `tsbpf tc filter delete IF`. */
export async function tcDetach(ifname: string, options: TcDetachOptions): Promise<undefined> {
  const { direction, priority, handle, chain, protocol } = options;
  const detached = detachTc(ifname, {
    direction,
    ...(priority !== undefined && { priority }),
    ...(handle !== undefined && { handle }),
    ...(chain !== undefined && { chain }),
    ...(protocol !== undefined && { protocol: tcProtocol(protocol) }),
  });
  if (options.json) printJson({ detached });
  else print(`${ifname}: ${detached.length > 0 ? `${detached.length} detached` : 'nothing was attached'}`);
}
