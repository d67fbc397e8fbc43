import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Btf, BtfBuilder, BtfCopier, parseBtf } from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';

export const bpftool = '/usr/sbin/bpftool';
const KERNEL = '/sys/kernel/btf/vmlinux';

export const hasKernelBtf: boolean = existsSync(KERNEL);
if (!hasKernelBtf) console.log(`skipped: there is no ${KERNEL}`);

export function kernelBtf(): Btf {
  return parseBtf(new Uint8Array(readFileSync(KERNEL)), KERNEL);
}

export function withFolder<T>(use: (path: string) => T): T {
  const path = mkdtempSync(join(tmpdir(), 'tsbpf-btf-'));
  try {
    return use(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

export function compileText(text: string, flags: readonly string[] = []): Uint8Array {
  return withFolder((folder) => {
    const [source, object] = [join(folder, 'in.c'), join(folder, 'out.o')];
    writeFileSync(source, text);
    execFileSync('clang-19', ['-target', 'bpfel', '-O2', '-g', '-w', ...flags, '-c', source, '-o', object]);
    return new Uint8Array(readFileSync(object));
  });
}

/**
 * What clang has against a C file; empty where it takes it.
 *
 * @param target `bpfel`, or this machine, whose `va_list` the kernel's types have
 */
export function complaints(text: string, target: readonly string[] = ['-target', 'bpfel']): string {
  return withFolder((folder) => {
    const source = join(folder, 'in.c');
    writeFileSync(source, text);
    const args = [...target, '-fsyntax-only', '-w', '-ferror-limit=5', source];
    return spawnSync('clang-19', args, { encoding: 'utf8' }).stderr;
  });
}

export function linkObjects(objects: readonly Uint8Array[]): Uint8Array {
  return withFolder((folder) => {
    const inputs = objects.map((object, index) => {
      const path = join(folder, `in${index}.o`);
      writeFileSync(path, object);
      return path;
    });
    const out = join(folder, 'out.o');
    execFileSync(bpftool, ['gen', 'object', out, ...inputs], { stdio: ['ignore', 'pipe', 'pipe'] });
    return new Uint8Array(readFileSync(out));
  });
}

export function btfOf(object: Uint8Array): Btf {
  return parseBtf(parseElf(object).sections.find(({ name }) => name === '.BTF')!.bytes!);
}

/** The types of several BTFs behind each other. */
export function concatBtf(...parts: readonly Btf[]): Btf {
  const builder = new BtfBuilder();
  for (const part of parts) new BtfCopier(part, builder).all();
  return parseBtf(builder.build(parts[0]!.endian));
}

/**
 * A text for each type that is the same for types with the same graph behind them, whatever their
 * numbers: every round takes in what is one reference farther.
 */
export function fingerprints(btf: Btf, rounds = 12): string[] {
  const own = Array.from({ length: btf.typeCount }, (_, id) => ownText(btf, id));
  let colors = own.map(String);
  for (let round = 0; round < rounds; round++) {
    const before = colors.map(shorten);
    colors = own.map(
      (text, id) =>
        `${text}(${references(btf, id)
          .map((to) => before[to])
          .join(' ')})`,
    );
  }
  return colors;
}

/** A number of a long text, so that texts do not grow with every round. */
function shorten(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const char of text) hash = BigInt.asUintN(64, (hash ^ BigInt(char.codePointAt(0)!)) * 0x100000001b3n);
  return hash.toString(36);
}

function ownText(btf: Btf, id: number): string {
  return JSON.stringify(btf.type(id), (key, value) =>
    key === 'id' || key === 'type' || key === 'indexType'
      ? undefined
      : typeof value === 'bigint'
        ? `${value}`
        : value,
  );
}

function references(btf: Btf, id: number): number[] {
  const out: number[] = [];
  JSON.stringify(btf.type(id), (key, value) => {
    if (key === 'type' || key === 'indexType') out.push(value);
    return typeof value === 'bigint' ? `${value}` : value;
  });
  return out;
}
