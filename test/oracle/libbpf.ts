import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where Debian and others keep the archive that the functions of {@link WRAPPED} can be taken out of. */
const ARCHIVES = [
  '/usr/lib/x86_64-linux-gnu/libbpf.a',
  '/usr/lib/aarch64-linux-gnu/libbpf.a',
  '/usr/lib64/libbpf.a',
  '/usr/lib/libbpf.a',
];
/** What would make a system call. */
const WRAPPED = [
  'bpf_map_create',
  'bpf_map_update_elem',
  'bpf_map_freeze',
  'bpf_prog_load',
  'bpf_btf_load',
  'bpf_obj_get',
  'bpf_obj_pin',
];
/** From the tests, and from the benchmarks, which are bundled elsewhere. */
const source = ['./libbpf-insns.c', '../test/oracle/libbpf-insns.c']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path))!;

/** A program as libbpf hands it to the kernel. */
export interface OracleProgram {
  readonly name: string;
  readonly section: string;
  readonly progType: number;
  readonly attachType: number;
  readonly autoload: boolean;
  readonly flags: number;
  /** 16 hexadecimal digits a slot; maps by the number in {@link OracleObject.fds}. */
  readonly slots: readonly string[];
  /** Slot and type of each of its functions; empty without `.BTF.ext`. */
  readonly functions: readonly (readonly number[])[];
}

export interface OracleMap {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
  readonly numaNode: number;
  readonly pinned: boolean;
  readonly frozen: boolean;
  /** Of a data section, hexadecimal; empty for other maps. */
  readonly initial: string;
  /** What is put into its slots: a program's or a map's name by key. */
  readonly slots: ReadonlyMap<number, string>;
  /** Type, key size, value size, entries and flags of the template of a map of maps. */
  readonly inner: readonly number[] | undefined;
}

/** What libbpf makes of an object. */
export interface OracleObject {
  /** What libbpf says against it. */
  readonly error: string | undefined;
  readonly programs: ReadonlyMap<string, OracleProgram>;
  readonly maps: ReadonlyMap<string, OracleMap>;
  readonly fds: ReadonlyMap<string, number>;
  /** The object's types as the kernel is given them, hexadecimal; undefined where it has none. */
  readonly btf: string | undefined;
}

let built: { readonly binary?: string; readonly reason?: string } | undefined;

/** Builds the program once; says why where it cannot be. */
function build(): { readonly binary?: string; readonly reason?: string } {
  if (process.platform !== 'linux') return { reason: 'libbpf is for Linux' };
  const archive = ARCHIVES.find((path) => existsSync(path));
  if (!archive) return { reason: 'libbpf.a is not installed (Debian: libbpf-dev)' };
  if (spawnSync('cc', ['--version']).status !== 0) return { reason: 'there is no C compiler' };
  const hash = createHash('sha256').update(readFileSync(source)).update(readFileSync(archive)).digest('hex');
  const folder = join(source, '../../../node_modules/.cache/tsbpf-oracle');
  const binary = join(folder, hash.slice(0, 16));
  if (existsSync(binary)) return { binary };
  mkdirSync(folder, { recursive: true });
  // Several test processes may build it at once.
  const fresh = `${binary}.${process.pid}`;
  const wraps = WRAPPED.map((name) => `-Wl,--wrap=${name}`);
  const { status, stderr } = spawnSync(
    'cc',
    ['-O2', '-o', fresh, source, ...wraps, archive, '-lelf', '-lz'],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) return { reason: `the C compiler says: ${stderr.split('\n')[0]}` };
  renameSync(fresh, binary);
  return { binary };
}

function oracle(): { readonly binary?: string; readonly reason?: string } {
  if (!built) {
    built = build();
    if (built.reason !== undefined) console.log(`skipped: comparisons with libbpf: ${built.reason}`);
  }
  return built;
}

/** Whether the comparison can be made; says why not where it cannot. */
export function hasLibbpf(): boolean {
  return oracle().binary !== undefined;
}

function run(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): string {
  return execFileSync(oracle().binary!, args, {
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
}

/** The kernel that libbpf is to see in place of the running one. */
export interface OracleKernel {
  readonly btf?: Uint8Array;
  /** Lines that count before the running kernel's. */
  readonly kconfig?: string;
}

/** What libbpf makes of objects, one answer for each. */
export function askLibbpf(objects: readonly Uint8Array[], kernel: OracleKernel = {}): OracleObject[] {
  const folder = mkdtempSync(join(tmpdir(), 'tsbpf-libbpf-'));
  try {
    const btf = join(folder, 'vmlinux.btf');
    if (kernel.btf) writeFileSync(btf, kernel.btf);
    const env = {
      ...(kernel.btf && { ORACLE_BTF: btf }),
      ...(kernel.kconfig !== undefined && { ORACLE_KCONFIG: kernel.kconfig }),
    };
    const paths = objects.map((bytes, index) => {
      const path = join(folder, `${index}.o`);
      writeFileSync(path, bytes);
      return path;
    });
    const lines = run(paths, '', env).split('\n');
    const blocks: string[][][] = [];
    for (const line of lines.slice(0, -1)) {
      const fields = line.split('\t');
      if (fields[0] === 'object') blocks.push([]);
      else blocks.at(-1)!.push(fields);
    }
    if (blocks.length !== objects.length)
      throw new Error(`libbpf answered for ${blocks.length} of ${objects.length} objects`);
    return blocks.map(readBlock);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Program type and attach type that libbpf gives a section title; undefined for one it does not know. */
export function titlesOfLibbpf(titles: readonly string[]): (readonly [number, number] | undefined)[] {
  const lines = run(['--names'], `${titles.join('\n')}\n`).split('\n');
  return titles.map((_, index) => {
    const [, type, attach] = lines[index]!.split('\t');
    return type === '-' ? undefined : [Number(type), Number(attach)];
  });
}

/** The best time of some runs of `bpf_object__open_mem`, in nanoseconds. */
export function timeOpenNs(path: string, rounds: number): number {
  return Number(run(['--time', `${rounds}`, path]));
}

/** The best time of some runs of `bpf_object__load`, which reads the kernel's types, without its system calls, in nanoseconds. */
export function timeLoadNs(path: string, rounds: number): number {
  return Number(run(['--time-load', `${rounds}`, path]));
}

function readBlock(records: readonly string[][]): OracleObject {
  const of = (kind: string): string[][] =>
    records.filter(([name]) => name === kind).map((fields) => fields.slice(1));
  const error = of('error')[0]?.join(' ');
  const maps = of('map');
  const fds = new Map(maps.map(([fd, name]) => [plainName(name!), Number(fd)]));
  const pinned = new Set(of('pinned').flat());
  const creations = of('create');
  const programs = new Map<string, OracleProgram>();
  const loads = new Map(of('load').map((fields) => [fields[1]!, fields]));
  for (const [name, section, , , , autoload] of of('program')) {
    const loaded = loads.get(name!);
    if (!loaded) continue;
    programs.set(name!, programOf(name!, section!, autoload === '1', loaded));
  }
  const names = new Map<string, string>([
    ...[...fds].map(([name, fd]) => [`${fd}`, name] as const),
    ...[...programs.keys()].map((name) => [loads.get(name)![0]!, name] as const),
  ]);
  return {
    error,
    programs,
    fds,
    // libbpf also loads small ones, to see what the kernel takes; the object's has strings of its own.
    btf: of('btf')
      .map(([hex]) => hex!)
      .sort((a, b) => b.length - a.length)[0],
    maps: new Map(
      maps.map((fields) => {
        const [fd, name] = fields;
        const isReferenceMap = [3, 12, 13].includes(Number(fields[2]));
        return [
          plainName(name!),
          {
            type: Number(fields[2]),
            keySize: Number(fields[3]),
            valueSize: Number(fields[4]),
            maxEntries: Number(fields[5]),
            flags: Number(fields[6]),
            extra: BigInt(fields[7]!),
            numaNode: Number(fields[8]),
            pinned: pinned.has(name!),
            frozen: of('freeze').some(([frozen]) => frozen === fd),
            initial: fields[9] === '-' ? '' : fields[9]!,
            slots: isReferenceMap ? slotsOf(of('update'), fd!, names) : new Map(),
            inner: innerOf(creations, fd!),
          },
        ];
      }),
    ),
  };
}

/** Numbers come again: those of templates, which are closed, and of maps that libbpf makes to try the kernel. */
function innerOf(creations: readonly string[][], fd: string): readonly number[] | undefined {
  const at = creations.findLastIndex(([created]) => created === fd);
  const template = creations[at]?.[8];
  if (template === undefined || template === '0') return undefined;
  const inner = creations.slice(0, at).findLast(([created]) => created === template);
  return inner?.slice(1, 6).map(Number);
}

/** `o.rodata` is the section `.rodata` of the object that is called `o`. */
function plainName(name: string): string {
  return name.startsWith('o.') ? name.slice(1) : name;
}

function slotsOf(
  updates: readonly string[][],
  fd: string,
  names: ReadonlyMap<string, string>,
): Map<number, string> {
  const number = (hex: string): number => Buffer.from(hex, 'hex').readUInt32LE();
  return new Map(
    updates
      .filter(([of]) => of === fd)
      .map(([, key, value]) => [number(key!), names.get(`${number(value!)}`) ?? '?']),
  );
}

function programOf(name: string, section: string, autoload: boolean, fields: string[]): OracleProgram {
  const [, , progType, attachType, flags, code, records] = fields;
  const functions =
    records === '-'
      ? []
      : records!.match(/.{16}/g)!.map((hex) => [0, 4].map((at) => Buffer.from(hex, 'hex').readUInt32LE(at)));
  return {
    name,
    section,
    autoload,
    progType: Number(progType),
    attachType: Number(attachType),
    flags: Number(flags),
    slots: code!.match(/.{16}/g) ?? [],
    functions,
  };
}
