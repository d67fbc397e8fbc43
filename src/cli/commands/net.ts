import { type InterfaceState, isOccupied, Program, showNet } from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { formatTable } from '../table.ts';

type Row = readonly [ifname: string, where: string, program: string, held: string];

function programText(id: number | undefined, name?: string): string {
  if (id === undefined) return name ?? '';
  if (name !== undefined) return `${id} ${name}`;
  try {
    using program = Program.openById(id);
    return `${id} ${program.name}`;
  } catch (error) {
    if (error instanceof TsbpfError) return `${id}`;
    throw error;
  }
}

function rowsOf({ ifname, xdp, tcx, tc }: InterfaceState): Row[] {
  const rows: Row[] = xdp.map(({ mode, id, name }) => [ifname, `xdp ${mode}`, programText(id, name), '']);
  for (const direction of ['ingress', 'egress'] as const) {
    for (const { programId, linkId } of tcx?.[direction] ?? []) {
      rows.push([ifname, `tcx ${direction}`, programText(programId), linkId ? `link ${linkId}` : '']);
    }
  }
  for (const filter of tc) {
    const chain = filter.chain ? ` chain ${filter.chain}` : '';
    const where = `tc ${filter.direction}${chain} pref ${filter.priority} handle 0x${filter.handle.toString(16)}`;
    const how = filter.directAction ? 'direct-action' : '';
    rows.push([ifname, where, programText(filter.programId, filter.name), how]);
  }
  return rows;
}

/** `tsbpf net`: what runs on the interfaces of this network namespace. */
export async function net(ifname: string | undefined, options: CommonOptions): Promise<undefined> {
  const states = showNet(ifname);
  if (ifname !== undefined && states.length === 0) {
    throw new TsbpfError('INTERFACE_NOT_FOUND', `there is no network interface named '${ifname}'`);
  }
  const occupied = states.filter(isOccupied);
  if (options.json) printJson({ interfaces: occupied });
  else if (occupied.length === 0) print('no interface has a program');
  else print(formatTable(['interface', 'where', 'program', ''], occupied.flatMap(rowsOf), ''));
}
