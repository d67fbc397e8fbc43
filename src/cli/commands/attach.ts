import {
  attachCgroup,
  attachRawTracepoint,
  attachTc,
  attachTracepoint,
  attachUprobe,
  type CgroupAttachName,
  type Collection,
  detachCgroup,
  detachTc,
  type IterAttachment,
  Link,
  loadCollection,
  type Program,
  queryCgroup,
  showTc,
  type TcDirection,
} from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { ExitCode } from '../exit.ts';
import { interrupted } from '../interrupted.ts';
import { type CommonOptions, print, printJson, tell } from '../io.ts';
import { pinCollection } from '../pin.ts';
import { readSpec } from '../source.ts';
import { formatTable } from '../table.ts';
import { chooseProgram } from './run.ts';

export interface AttachCommandOptions extends CommonOptions {
  readonly program?: string;
  readonly license?: string;
  /** Where the link is pinned: then the command does not stay. */
  readonly pin?: string;
}

async function loadChosen(
  file: string,
  options: AttachCommandOptions,
  type?: string,
): Promise<[Collection, Program]> {
  const spec = await readSpec(file);
  const chosen = chooseProgram(spec, options.program);
  const collection = loadCollection(spec, {
    programs: [chosen.name],
    ...(type !== undefined && { type }),
    ...(options.license !== undefined && { license: options.license }),
  });
  return [collection, collection.program(chosen.name)];
}

interface Closable {
  readonly target: string;
  close(): void;
}

/** Pins the link, or stays until Ctrl-C and takes the program off. */
async function stay(attached: Closable, options: AttachCommandOptions): Promise<ExitCode> {
  try {
    if (options.json) printJson({ attached: attached.target });
    else print(`attached to ${attached.target}`);
    if (options.pin !== undefined) {
      if (!(attached instanceof Link))
        throw new TsbpfError(
          'NOT_A_LINK',
          `${attached.target} is not held by one link, so it cannot be pinned`,
        );
      attached.pin(options.pin);
      return ExitCode.ok;
    }
    tell('Ctrl-C detaches');
    await interrupted();
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
  const [collection, program] = await loadChosen(file, options);
  using _held = collection;
  const attached = program.attach(options.pid === undefined ? {} : { pid: options.pid });
  if (!isIterator(attached)) return stay(attached, options);
  try {
    process.stdout.write(attached.readBytes());
    return ExitCode.ok;
  } finally {
    attached.close();
  }
}

/** `tsbpf tracepoint CATEGORY/NAME FILE`. */
export async function tracepoint(
  name: string,
  file: string,
  options: AttachCommandOptions,
): Promise<ExitCode> {
  const [category, event, ...rest] = name.split('/');
  if (!category || !event || rest.length > 0) {
    throw new TsbpfError(
      'TRACEPOINT_NAME',
      `'${name}' is no tracepoint: CATEGORY/NAME, as in syscalls/sys_enter_execve`,
    );
  }
  const [collection, program] = await loadChosen(file, options, 'tracepoint');
  using _held = collection;
  return stay(attachTracepoint(program, category, event), options);
}

/** `tsbpf raw-tracepoint NAME FILE`. */
export async function rawTracepoint(
  name: string,
  file: string,
  options: AttachCommandOptions,
): Promise<ExitCode> {
  const [collection, program] = await loadChosen(file, options, 'raw_tracepoint');
  using _held = collection;
  return stay(attachRawTracepoint(program, name), options);
}

/** `tsbpf uprobe PATH:SYMBOL FILE [--ret]`. */
export async function uprobe(
  place: string,
  file: string,
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
  const [collection, program] = await loadChosen(file, options, 'uprobe');
  using _held = collection;
  return stay(
    attachUprobe(program, {
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
  file: string,
  options: AttachCommandOptions & { readonly attachType?: CgroupAttachName },
): Promise<ExitCode> {
  const [collection, program] = await loadChosen(file, options);
  using _held = collection;
  return stay(
    attachCgroup(program, { cgroup: path, ...(options.attachType && { attachType: options.attachType }) }),
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

/** `tsbpf cgroup show PATH`. */
export async function cgroupShow(
  path: string,
  options: CommonOptions & { readonly effective?: boolean },
): Promise<undefined> {
  const programs = queryCgroup(path, { effective: options.effective === true });
  if (options.json) printJson({ cgroup: path, programs });
  else if (programs.length === 0) print(`${path}: no program`);
  else
    print(
      formatTable(
        ['attach type', 'program', 'mode'],
        programs.map(({ attachType, programId, mode }) => [attachType, programId, mode]),
        '',
      ),
    );
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
export async function tcAttach(ifname: string, file: string, options: TcAttachOptions): Promise<ExitCode> {
  const [collection, program] = await loadChosen(file, options, 'tc');
  using held = collection;
  if (options.pin !== undefined) pinCollection(held, options.pin);
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
          one.directAction ? 'direct-action' : '',
        ]),
        '',
      ),
    );
}

/** `tsbpf tc detach IF`. */
export async function tcDetach(
  ifname: string,
  options: CommonOptions & { readonly direction: TcDirection; readonly priority?: number },
): Promise<undefined> {
  const { direction, priority } = options;
  const detached = detachTc(ifname, { direction, ...(priority !== undefined && { priority }) });
  if (options.json) printJson({ detached });
  else print(`${ifname}: ${detached.length > 0 ? `${detached.length} detached` : 'nothing was attached'}`);
}
