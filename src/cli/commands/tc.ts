import {
  addQdisc,
  deleteQdisc,
  filtersText,
  listQdiscStates,
  Program,
  qdiscText,
  showTc,
  type TcDirection,
} from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson } from '../io.ts';

/** `tsbpf tc qdisc show [IF]`. */
export async function qdiscShow(ifname: string | undefined, options: CommonOptions): Promise<undefined> {
  const qdiscs = listQdiscStates(ifname);
  if (options.json) printJson({ qdiscs });
  else for (const qdisc of qdiscs) print(qdiscText(qdisc, ifname === undefined));
}

/** `tsbpf tc qdisc add IF clsact`. */
export async function qdiscAdd(ifname: string, kind: string, options: CommonOptions): Promise<undefined> {
  const added = addQdisc(ifname, kind);
  if (options.json) printJson({ added });
  else print(qdiscText(added, true));
}

/** `tsbpf tc qdisc delete IF clsact`: with none there it succeeds too. */
export async function qdiscDelete(ifname: string, kind: string, options: CommonOptions): Promise<undefined> {
  const isThere = listQdiscStates(ifname).some((qdisc) => qdisc.kind === kind);
  if (isThere || kind !== 'clsact') deleteQdisc(ifname, kind);
  if (options.json) printJson({ deleted: isThere ? { ifname, kind } : null });
  else if (!isThere) print(`${ifname}: there was no ${kind}`);
  else print(`${ifname}: ${kind} deleted, with the filters on it`);
}

function detailsOf(id: number): { name: string; jited: boolean } | undefined {
  try {
    using program = Program.openById(id);
    const { name, jitedLength } = program.info();
    return { name, jited: jitedLength > 0 };
  } catch (error) {
    if (error instanceof TsbpfError) return undefined;
    throw error;
  }
}

/** `tsbpf tc filter show IF`. */
export async function filterShow(
  ifname: string,
  options: CommonOptions & { readonly direction?: TcDirection },
): Promise<undefined> {
  const { direction } = options;
  const filters = showTc(ifname).filter((one) => direction === undefined || one.direction === direction);
  if (options.json) {
    printJson({ filters });
    return;
  }
  for (const each of ['ingress', 'egress'] as const) {
    const there = filters.filter((one) => one.direction === each);
    if (there.length === 0) continue;
    const text = filtersText(there, detailsOf);
    // tc is asked about one direction at a time and does not say which.
    process.stdout.write(direction === undefined ? text.replaceAll(/^filter /gm, `filter ${each} `) : text);
  }
}
