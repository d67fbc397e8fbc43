import {
  attachXdp,
  detachXdp,
  loadCollection,
  showXdp,
  type XdpMode,
  type XdpState,
} from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { ExitCode } from '../exit.ts';
import { interrupted } from '../interrupted.ts';
import { type CommonOptions, print, printJson, tell } from '../io.ts';
import { pinCollection } from '../pin.ts';
import { readSpec } from '../source.ts';
import { chooseProgram } from './run.ts';

export interface AttachOptions extends CommonOptions {
  readonly program?: string;
  readonly mode?: XdpMode;
  readonly replace?: boolean;
  readonly pin?: string;
  readonly foreground?: boolean;
  readonly license?: string;
}

/** `tsbpf xdp attach`: over rtnetlink, so that it outlives the command. */
export async function attach(ifname: string, file: string, options: AttachOptions): Promise<ExitCode> {
  const spec = await readSpec(file);
  const chosen = chooseProgram(spec, options.program);
  using collection = loadCollection(spec, {
    programs: [chosen.name],
    type: 'xdp',
    ...(options.license !== undefined && { license: options.license }),
  });
  // Decided before anything is attached: slots are emptied when the last descriptor or pin of their map goes.
  const filled = [...collection.maps.values()].filter((map) => map.filledByLoad).map((map) => map.name);
  if (filled.length > 0 && options.pin === undefined && !options.foreground) {
    throw new TsbpfError(
      'PROG_ARRAY_ORPHANED',
      `the tail calls through ${filled.join(', ')} would end with this command`,
      {
        hint: 'keep the prog array alive with --pin DIR, or stay attached with --foreground',
      },
    );
  }
  if (options.pin !== undefined) pinCollection(collection, options.pin);
  const attachment = attachXdp(collection.program(chosen.name), {
    interface: ifname,
    ...(options.mode && { mode: options.mode }),
    ...(options.replace && { replace: true }),
  });
  const [state] = showXdp(ifname);
  if (options.json) printJson({ attached: state });
  else if (state) print(describe(state));
  if (!options.foreground) {
    attachment.release();
    return ExitCode.ok;
  }
  tell('attached; Ctrl-C detaches');
  await interrupted();
  attachment.detach();
  return ExitCode.interrupted;
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
  if (options.json) printJson({ detached: before.filter((state) => state.mode !== 'none') });
  else
    print(
      before.some((state) => state.mode !== 'none')
        ? `${ifname}: detached`
        : `${ifname}: nothing was attached`,
    );
}

function describe(state: XdpState): string {
  return state.programs
    .map(
      ({ mode, id, name, tag }) =>
        `${state.ifname}: ${mode} prog/xdp id ${id}${name ? ` name ${name}` : ''}${tag ? ` tag ${tag}` : ''}`,
    )
    .join('\n');
}
