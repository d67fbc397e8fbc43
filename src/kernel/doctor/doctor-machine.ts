import { accessSync, constants, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { arch, platform, versions } from 'node:process';
import { type Privileges, readPrivileges } from '../../syscall/privileges.ts';
import { type BpfAvailability, canUseBpf } from '../capabilities.ts';
import { type KernelFeatures, kernelFeatures } from '../features/features.ts';

/** All that a diagnosis looks at; a test gives its own. */
export interface Machine {
  /** As `process.platform` and `process.arch` have them. */
  readonly platform: string;
  readonly arch: string;
  /** Without the `v`. */
  readonly nodeVersion: string;
  readonly kernelRelease: string;
  readonly privileges: Privileges;
  readonly bpf: BpfAvailability;
  /** Asked only where bpf(2) can be used. */
  readonly features: Pick<KernelFeatures, 'ask'>;
  /** A file's text; undefined where it is not there or may not be read. */
  readonly read: (path: string) => string | undefined;
  /** Whether this user may go into a folder and read it; left out, every one. */
  readonly mayUse?: (path: string) => boolean;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const bpf = canUseBpf();
  return {
    platform,
    arch,
    nodeVersion: versions.node,
    kernelRelease: release(),
    privileges: readPrivileges(),
    bpf,
    get features() {
      return kernelFeatures();
    },
    read,
    mayUse,
  };
}

/** A mounted file system. */
export interface Mount {
  readonly path: string;
  readonly type: string;
}

/** `/proc/self/mounts`, whose paths have spaces as `\040`. */
export function parseMounts(text: string): Mount[] {
  const plain = (path: string): string =>
    path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return text.split('\n').flatMap((line) => {
    const [, path, type] = line.split(' ');
    return path === undefined || type === undefined ? [] : [{ path: plain(path), type }];
  });
}

/** Where file systems of a type are mounted. */
export function mountsOf(machine: Pick<Machine, 'read'>, type: string): string[] {
  const mounts = parseMounts(machine.read('/proc/self/mounts') ?? '');
  return mounts.filter((mount) => mount.type === type).map(({ path }) => path);
}
