import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('./fixtures/', import.meta.url));

/** A committed object: `fixture('dispatch-14-el')`. */
export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, 'objects', `${name}.o`)));
}

/** A committed object of what only some loaders know: `special('elf_map')`. */
export function special(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, 'special', `${name}.o`)));
}

/** Names of all that {@link special} has. */
export const specialFixtures: readonly string[] = readdirSync(join(folder, 'special'))
  .map((file) => file.replace(/\.o$/, ''))
  .sort();

/** Names of all committed objects that are meant to be read. */
export const goodFixtures: readonly string[] = readdirSync(join(folder, 'objects'))
  .map((file) => file.replace(/\.o$/, ''))
  .filter((name) => !name.startsWith('wrong-'))
  .sort();

const known = new Map<string, boolean>();

/** Whether a tool can be run; says so once where it cannot. */
export function hasTool(tool: string): boolean {
  let has = known.get(tool);
  if (has === undefined) {
    has = spawnSync(tool, [tool.endsWith('bpftool') ? 'version' : '--version']).status === 0;
    if (!has) console.log(`skipped: ${tool} is not installed`);
    known.set(tool, has);
  }
  return has;
}

/** Compiles one of the sources with a clang that {@link hasTool} has found. */
export function compile(clang: string, source: string, flags: readonly string[]): Uint8Array {
  return withFolder((out) => {
    const object = join(out, 'out.o');
    execFileSync(clang, ['-O2', '-w', ...flags, '-c', join(folder, `${source}.c`), '-o', object]);
    return new Uint8Array(readFileSync(object));
  });
}

/** What a tool prints for an object; `@` among its arguments stands for the file. */
export function toolOutput(tool: string, args: readonly string[], object: Uint8Array): string {
  return withFolder((out) => {
    const file = join(out, 'object.o');
    writeFileSync(file, object);
    return execFileSync(
      tool,
      args.map((arg) => (arg === '@' ? file : arg)),
      {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
  });
}

/** The object that libbpf's static linker makes of one. */
export function relinkByBpftool(object: Uint8Array): Uint8Array {
  return withFolder((folder) => {
    const [input, output] = [join(folder, 'in.o'), join(folder, 'out.o')];
    writeFileSync(input, object);
    execFileSync('/usr/sbin/bpftool', ['gen', 'object', output, input], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Uint8Array(readFileSync(output));
  });
}

function withFolder<T>(use: (path: string) => T): T {
  const path = mkdtempSync(join(tmpdir(), 'tsbpf-'));
  try {
    return use(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
