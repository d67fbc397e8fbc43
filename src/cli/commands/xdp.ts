import { attachXdp, detachXdp, showXdp, type XdpMode, type XdpState } from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { ExitCode } from '../exit.ts';
import { Interruption } from '../interrupted.ts';
import { type CommonOptions, print, printJson, tell } from '../io.ts';
import { pinCollection } from '../pin.ts';
import { refuseForLoaded, takeProgram } from '../take-program.ts';

export interface AttachOptions extends CommonOptions {
  readonly program?: string;
  readonly mode?: XdpMode;
  /** Load it for this interface alone. */
  readonly bound?: boolean;
  readonly replace?: boolean;
  readonly pin?: string;
  readonly foreground?: boolean;
  readonly license?: string;
}

/** `tsbpf xdp attach`: over rtnetlink, so that it outlives the command. */
export async function attach(
  ifname: string,
  words: readonly string[],
  options: AttachOptions,
): Promise<ExitCode> {
  using taken = await takeProgram(words, options, { type: 'xdp', ...(options.bound && { device: ifname }) });
  const { program, collection } = taken;
  if (!collection)
    for (const option of ['pin', 'bound'] as const) if (options[option]) refuseForLoaded(option);
  // Decided before anything is attached: slots are emptied when the last descriptor or pin of their map goes.
  const filled = [...(collection?.maps.values() ?? [])]
    .filter((map) => map.filledByLoad)
    .map((map) => map.name);
  if (filled.length > 0 && options.pin === undefined && !options.foreground) {
    throw new TsbpfError(
      'PROG_ARRAY_ORPHANED',
      `the tail calls through ${filled.join(', ')} would end with this command`,
      {
        hint: 'keep the prog array alive with --pin DIR, or stay attached with --foreground',
      },
    );
  }
  if (collection && options.pin !== undefined) pinCollection(collection, options.pin);
  // Before it is attached: it outlives a process that ends without detaching it.
  using interruption = options.foreground ? new Interruption() : undefined;
  const attachment = attachXdp(program, {
    interface: ifname,
    ...(options.mode && { mode: options.mode }),
    ...(options.replace && { replace: true }),
  });
  if (!interruption) {
    tellAttached(ifname, options);
    attachment.release();
    return ExitCode.ok;
  }
  // Also where nobody reads what is printed.
  const detach = (): boolean => attachment.detach();
  process.once('exit', detach);
  try {
    tellAttached(ifname, options);
    tell('attached; Ctrl-C detaches');
    await interruption.wait();
  } finally {
    process.off('exit', detach);
    detach();
  }
  return ExitCode.interrupted;
}

function tellAttached(ifname: string, options: CommonOptions): void {
  const [state] = showXdp(ifname);
  if (options.json) printJson({ attached: state });
  else if (state) print(describe(state));
}

/** `tsbpf xdp show`. */
export async function show(ifname: string | undefined, options: CommonOptions): Promise<undefined> {
  const states = showXdp(ifname);
  const attached = states.filter((state) => state.mode !== 'none');
  if (options.json) printJson({ interfaces: ifname === undefined ? attached : states });
  else if (attached.length === 0)
    print(ifname === undefined ? 'no interface has an XDP program' : `${ifname}: no XDP program`);
  else for (const state of attached) print(describe(state));
}

/** `tsbpf xdp detach`: with nothing attached it succeeds too. */
export async function detach(
  ifname: string,
  options: CommonOptions & { readonly mode?: XdpMode },
): Promise<undefined> {
  const before = showXdp(ifname);
  detachXdp(ifname, options.mode);
  // Of a mode that has none the kernel says that all went well.
  const left = showXdp(ifname).flatMap(({ programs }) => programs.map(({ id }) => id));
  const detached = before.filter(({ programs }) => programs.some(({ id }) => !left.includes(id)));
  if (options.json) printJson({ detached });
  else if (detached.length > 0) print(`${ifname}: detached`);
  else if (left.length === 0) print(`${ifname}: nothing was attached`);
  else {
    print(`${ifname}: nothing was attached in mode '${options.mode}'; this is still attached:`);
    for (const state of before) print(describe(state));
  }
}

function describe(state: XdpState): string {
  return state.programs
    .map(
      ({ mode, id, name, tag }) =>
        `${state.ifname}: ${mode} prog/xdp id ${id}${name ? ` name ${name}` : ''}${tag ? ` tag ${tag}` : ''}`,
    )
    .join('\n');
}
