import { type Btf, btfCodec, parseBtf } from '../../btf/index.ts';
import { PerfBuffer, RingBuffer, runningKernel, TracePipe } from '../../kernel/index.ts';
import { toHex } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import { ExitCode } from '../exit.ts';
import { type CommonOptions, print, readInput, tell } from '../io.ts';
import { readSpec } from '../source.ts';
import { onlyWhich, openMap } from '../which.ts';

export interface TailOptions extends CommonOptions {
  /** Records to print before it ends. */
  readonly count?: number;
  /** Seconds without a record before it ends. */
  readonly timeout?: number;
  /** A type by which records are shown. */
  readonly type?: string;
  /** The object that has the type; the kernel's types where it is left out. */
  readonly btf?: string;
}

/** `tsbpf ring tail`. */
export async function ring(words: readonly string[], options: TailOptions): Promise<ExitCode> {
  const codec = await codecOf(options);
  using map = openMap(onlyWhich(words));
  using reader = RingBuffer.open(map, {
    decode: (record) => (codec ? record.decode(codec) : record.copy()),
  });
  const show = (data: unknown): void => print(options.json ? line({ data }) : text(data));
  // Awaited, or the reader would be closed at once.
  return await follow((signal) => reader.records({ signal }), show, options);
}

/** `tsbpf perf tail`: for as long as it runs, the map's slots are its own. */
export async function perf(words: readonly string[], options: TailOptions): Promise<ExitCode> {
  const codec = await codecOf(options);
  using map = openMap(onlyWhich(words));
  using reader = PerfBuffer.open(map, {
    decode: (record) => (codec ? record.decode(codec) : record.copy()),
    onLost: ({ cpu, count }) => {
      if (options.json) print(line({ cpu, lost: count }));
      else tell(`CPU ${cpu}: ${count} records lost`);
    },
  });
  const show = ({ cpu, data }: { cpu: number; data: unknown }): void =>
    print(options.json ? line({ cpu, data }) : `[${String(cpu).padStart(3, '0')}] ${text(data)}`);
  return await follow((signal) => reader.records({ signal }), show, options);
}

/** `tsbpf trace`. */
export async function trace(options: TailOptions & { readonly mount?: boolean }): Promise<ExitCode> {
  using pipe = openPipe(options.mount === true);
  return await follow(
    (signal) => pipe.records({ signal }),
    (record) => {
      const { task, pid, cpu, timestamp, text: said } = record;
      print(
        options.json
          ? line({ ...record })
          : `${`${task}-${pid}`.padStart(22)} [${String(cpu).padStart(3, '0')}] ${timestamp.toFixed(6)}: ${said}`,
      );
    },
    options,
  );
}

function openPipe(mount: boolean): TracePipe {
  try {
    return TracePipe.open({ mount });
  } catch (error) {
    if (!(error instanceof TsbpfError) || error.code !== 'TRACEFS_UNAVAILABLE') throw error;
    const { code, message, hint } = error;
    throw new TsbpfError(code, message, { hint: `tsbpf trace --mount, or ${hint}`, cause: error });
  }
}

/** Shows records until there were enough, none came for long enough, or a signal ends it. */
async function follow<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  show: (record: T) => void,
  { count = Number.POSITIVE_INFINITY, timeout }: TailOptions,
): Promise<ExitCode> {
  const stop = new AbortController();
  let exit: ExitCode = ExitCode.ok;
  const interrupted = (): void => {
    exit = ExitCode.interrupted;
    stop.abort();
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  const timer = timeout === undefined ? undefined : setTimeout(() => stop.abort(), timeout * 1000);
  try {
    let seen = 0;
    for await (const record of open(stop.signal)) {
      show(record);
      timer?.refresh();
      if (++seen >= count) break;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
  return exit;
}

/** One line each: who follows a stream cannot wait for the end of a document. */
function line(value: Record<string, unknown>): string {
  return JSON.stringify({ version: 1, ...value }, plain);
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Uint8Array ? toHex(value) : value;
}

function text(data: unknown): string {
  return data instanceof Uint8Array ? toHex(data, ' ') : JSON.stringify(data, plain);
}

async function codecOf({ type, btf: file }: TailOptions): Promise<FieldType<unknown> | undefined> {
  if (type === undefined) return undefined;
  const btf = file === undefined ? runningKernel().btf : await typesOf(file);
  const plainName = type.replace(/^(struct|union|enum)\s+/, '');
  const id = (['struct', 'union', 'typedef', 'int', 'enum', 'enum64'] as const)
    .map((kind) => btf?.findByName(plainName, kind))
    .find((found) => found !== undefined);
  if (btf && id !== undefined) return btfCodec(btf, id);
  throw new TsbpfError('TYPE_NOT_FOUND', `${file ?? 'the kernel'} has no type '${type}'`, {
    hint: '--btf names the object that has it',
  });
}

async function typesOf(file: string): Promise<Btf | undefined> {
  const bytes = readInput(file);
  // Bare BTF begins with its magic number.
  if (bytes[0] === 0x9f && bytes[1] === 0xeb) return parseBtf(bytes, file);
  return (await readSpec(file)).btf;
}
