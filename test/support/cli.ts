import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const cli = join(root, 'dist', 'cli.cjs');

export interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command as a user would; `npm test` builds it first. */
export function tsbpf(
  args: readonly string[],
  options: {
    readonly input?: string | Uint8Array;
    readonly cwd?: string;
    readonly encoding?: BufferEncoding;
  } = {},
): Answer {
  if (!existsSync(cli)) throw new Error('dist/cli.cjs is missing: npm run build');
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: options.encoding ?? 'utf8',
    cwd: options.cwd ?? root,
    ...(options.input !== undefined && { input: options.input }),
  });
  return { status, stdout, stderr };
}

/** Starts the command and goes on; its first output line says that it is ready. */
export function startTsbpf(args: readonly string[]): { child: ChildProcess; firstLine: Promise<string> } {
  const child = spawn(process.execPath, [cli, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  const firstLine = new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data).split('\n')[0]!));
    child.once('close', (status) =>
      reject(new Error(`it ended with ${status} before its first line\n${said}`)),
    );
  });
  // Not everybody waits for it.
  firstLine.catch(() => {});
  return { child, firstLine };
}

/** Runs an example as its first lines say. */
export function runExample(name: string, ...args: string[]): Answer {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join('scripts', 'run-ts.mjs'), `examples/${name}.ts`, ...args],
    {
      encoding: 'utf8',
      cwd: root,
    },
  );
  return { status, stdout, stderr };
}
