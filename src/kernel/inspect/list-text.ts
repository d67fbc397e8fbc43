import type { BtfSummary, MapSummary, ProgramSummary } from './list.ts';
import type { ObjectOwner } from './owners.ts';

/** What is known of an object beside its own facts. */
export interface ObjectExtras {
  /** Paths of its pins. */
  readonly pins?: readonly string[];
  readonly owners?: readonly ObjectOwner[];
}

const pinLines = ({ pins = [] }: ObjectExtras): string => pins.map((path) => `\n\tpinned ${path}`).join('');

function ownerLine({ owners = [] }: ObjectExtras): string {
  return owners.length === 0 ? '' : `\n\tpids ${owners.map(({ pid, name }) => `${name}(${pid})`).join(',')}`;
}

/** `2026-11-21T15:49:31+0000` */
function timeText(date: Date): string {
  return `${date.toISOString().slice(0, 19)}+0000`;
}

/** The card that runs a program. Of one that its driver runs alone the kernel does not tell. */
function deviceText({ device, deviceName }: ProgramSummary): string {
  if (device === undefined) return '';
  const { ifindex, netnsDev, netnsInode } = device;
  return `  offloaded_to ${deviceName ?? `ifindex ${ifindex} ns_dev ${netnsDev} ns_ino ${netnsInode}`}`;
}

/** A program as `bpftool prog show` prints it; times are UTC. */
export function programText(program: ProgramSummary, extras: ObjectExtras = {}): string {
  const { id, typeName, name, tag, gplCompatible, runTimeNs, runCount, mapIds, btfId } = program;
  const stats = runTimeNs > 0n ? ` run_time_ns ${runTimeNs} run_cnt ${runCount}` : '';
  return [
    `${id}: ${typeName}  `,
    name === '' ? '' : `name ${name}  `,
    `tag ${tag}`,
    deviceText(program),
    gplCompatible ? '  gpl' : '',
    stats,
    `\n\tloaded_at ${timeText(program.loadedAt)}  uid ${program.uid}`,
    `\n\txlated ${program.xlatedLength}B`,
    program.jited ? `  jited ${program.jitedLength}B` : '  not jited',
    program.memlock === undefined ? '' : `  memlock ${program.memlock}B`,
    mapIds.length > 0 ? `  map_ids ${mapIds.join(',')}` : '',
    pinLines(extras),
    btfId > 0 ? `\n\tbtf_id ${btfId}` : '',
    ownerLine(extras),
    '\n',
  ].join('');
}

/** A map as `bpftool map show` prints it. */
export function mapInfoText(map: MapSummary, extras: ObjectExtras = {}): string {
  const { id, typeName, name, flags, keySize, valueSize, maxEntries, memlock, owner, btfId, frozen } = map;
  return [
    `${id}: ${typeName}  `,
    name === '' ? '' : `name ${name}  `,
    `flags 0x${flags.toString(16)}`,
    `\n\tkey ${keySize}B  value ${valueSize}B  max_entries ${maxEntries}`,
    memlock === undefined ? '' : `  memlock ${memlock}B`,
    owner ? `\n\towner_prog_type ${owner.progType}  owner${owner.jited ? '' : ' not'} jited` : '',
    pinLines(extras),
    btfId > 0 || frozen ? '\n\t' : '',
    btfId > 0 ? `btf_id ${btfId}` : '',
    frozen ? `${btfId > 0 ? '  ' : ''}frozen` : '',
    ownerLine(extras),
    '\n',
  ].join('');
}

/** A BTF as `bpftool btf list` prints it. */
export function btfObjectText(btf: BtfSummary, extras: ObjectExtras = {}): string {
  const { id, name, size, ofKernel, programIds, mapIds } = btf;
  return [
    `${id}: `,
    ofKernel ? `name [${name}]  ` : name === '' ? 'name <anon>  ' : `name ${name}  `,
    `size ${size}B`,
    programIds.length > 0 ? `  prog_ids ${programIds.join(',')}` : '',
    mapIds.length > 0 ? `  map_ids ${mapIds.join(',')}` : '',
    ownerLine(extras),
    '\n',
  ].join('');
}
