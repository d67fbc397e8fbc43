import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountsOf } from '../../kernel/doctor/doctor-machine.ts';
import { type CgroupProgram, queryCgroup } from '../../kernel/index.ts';
import { TsbpfError } from '../../util/errors.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { programName } from '../program-name.ts';
import { formatTable } from '../table.ts';

export interface CgroupOptions extends CommonOptions {
  /** Those of cgroups above that run there too. */
  readonly effective?: boolean;
}

interface NamedProgram extends CgroupProgram {
  readonly name: string;
}

function programsOf(path: string, options: CgroupOptions): NamedProgram[] {
  return queryCgroup(path, { effective: options.effective === true }).map((program) => ({
    ...program,
    name: programName(program.programId),
  }));
}

const tableOf = (programs: readonly NamedProgram[], indent: string): string =>
  formatTable(
    ['attach type', 'program', 'mode', 'name'],
    programs.map(({ attachType, programId, mode, name }) => [attachType, programId, mode ?? '-', name]),
    indent,
  );

/** `tsbpf cgroup show PATH`. */
export async function cgroupShow(path: string, options: CgroupOptions): Promise<undefined> {
  const programs = programsOf(path, options);
  if (options.json) printJson({ cgroup: path, programs });
  else if (programs.length === 0) print(`${path}: no program`);
  else print(tableOf(programs, ''));
}

/** The cgroup and those below it; one that goes away meanwhile has none. */
function* cgroupsBelow(path: string): Generator<string> {
  yield path;
  let folders: string[];
  try {
    const inside = readdirSync(path, { withFileTypes: true });
    folders = inside.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return;
  }
  for (const name of folders.sort()) yield* cgroupsBelow(join(path, name));
}

/** `tsbpf cgroup tree`: every cgroup with programs, from where cgroup2 is mounted. */
export async function cgroupTree(path: string | undefined, options: CgroupOptions): Promise<undefined> {
  const roots =
    path === undefined ? mountsOf({ read: (file) => readFileSync(file, 'utf8') }, 'cgroup2') : [path];
  if (roots.length === 0)
    throw new TsbpfError('CGROUP_UNAVAILABLE', 'no hierarchy of cgroups of version 2 is mounted', {
      hint: 'mount -t cgroup2 none /sys/fs/cgroup',
    });
  const cgroups: { cgroup: string; programs: readonly NamedProgram[] }[] = [];
  for (const root of roots) {
    for (const cgroup of cgroupsBelow(root)) {
      try {
        const programs = programsOf(cgroup, options);
        if (programs.length > 0) cgroups.push({ cgroup, programs });
      } catch (error) {
        const isGone = error instanceof TsbpfError && error.code === 'CGROUP_NOT_FOUND' && cgroup !== root;
        if (!isGone) throw error;
      }
    }
  }
  if (options.json) printJson({ cgroups });
  else if (cgroups.length === 0) print(`no cgroup below ${roots.join(', ')} has a program`);
  else for (const { cgroup, programs } of cgroups) print(`${cgroup}\n${tableOf(programs, '  ')}`);
}
