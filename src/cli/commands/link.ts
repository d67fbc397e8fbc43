import { type LinkInfo, type LinkOwner, linkOwners, listLinkInfos, showXdp } from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { linkData, targetText } from '../link-text.ts';
import { programName } from '../program-name.ts';
import { formatTable } from '../table.ts';
import { onlyWhich, openLink } from '../which.ts';

function interfaceNames(): (ifindex: number) => string {
  const names = new Map(showXdp().map(({ ifindex, ifname }) => [ifindex, ifname]));
  // Links may be of interfaces in other network namespaces.
  return (ifindex) => names.get(ifindex) ?? `ifindex ${ifindex}`;
}

/** Which processes hold which links, this one excepted: it holds one only to ask about it. */
function owners(): (id: number) => readonly LinkOwner[] {
  const all = linkOwners();
  return (id) => (all.get(id) ?? []).filter(({ pid }) => pid !== process.pid);
}

function tell(infos: readonly LinkInfo[], json: boolean | undefined): void {
  const holders = owners();
  if (json) {
    const links = infos.map((info) => ({
      ...linkData(info),
      programName: programName(info.programId),
      owners: holders(info.id),
    }));
    printJson({ links });
    return;
  }
  if (infos.length === 0) {
    print('there are no links');
    return;
  }
  const nameOf = interfaceNames();
  const rows = infos.map((info) => [
    info.id,
    info.typeName,
    `${info.programId} ${programName(info.programId)}`.trim(),
    targetText(info.target, nameOf),
    holders(info.id)
      .map(({ pid, name }) => `${name}(${pid})`)
      .join(' '),
  ]);
  print(formatTable(['id', 'type', 'program', 'target', 'held by'], rows, ''));
}

/** `tsbpf link list`, `tsbpf link show 7`. */
export async function show(words: readonly string[], options: CommonOptions): Promise<undefined> {
  if (words.length === 0) {
    tell(listLinkInfos(), options.json);
    return;
  }
  using opened = openLink(onlyWhich(words));
  tell([opened.info()], options.json);
}

/** `tsbpf link detach 7`: takes the program off, whoever holds the link. */
export async function detach(words: readonly string[], options: CommonOptions): Promise<undefined> {
  using opened = openLink(onlyWhich(words));
  const info = opened.info();
  const held = owners()(info.id);
  // Such kinds answer that they cannot; closing our own descriptor would say nothing.
  const detached = opened.detach() && !opened.fd.closed;
  if (!detached && opened.fd.closed) {
    throw new TsbpfError(
      'LINK_NOT_DETACHABLE',
      `links of type ${info.typeName} end with their last descriptor or pin`,
      {
        hint:
          held.length > 0
            ? `end ${held.map(({ pid, name }) => `${name} (process ${pid})`).join(', ')}`
            : 'remove the pin that holds it',
      },
    );
  }
  if (options.json) printJson({ detached: linkData(info) });
  else print(`link ${info.id}: ${detached ? 'detached' : 'nothing was attached'}`);
}
