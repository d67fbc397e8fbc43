import { read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { bpfError } from '../../syscall/bpf.ts';
import { encodeIterTarget, type IterTarget, tryIterCreate } from '../../syscall/bpf-link.ts';
import { Errno } from '../../syscall/errno.ts';
import { SyscallError } from '../../syscall/error.ts';
import { Fd } from '../../syscall/fd.ts';
import { concatBytes, viewOf } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import type { FieldType } from '../../util/struct.ts';
import type { Program } from '../load/program.ts';
import type { BpfMap } from '../maps/map.ts';
import type { IterateOptions } from '../read/record-reader.ts';
import { requireType } from './attach-type.ts';
import { type Attached, createLink, type Link } from './link.ts';

/** In which order an iterator walks the tree of cgroups (`enum bpf_cgroup_iter_order`). */
const CGROUP_ORDER = { self: 1, 'descendants-first': 2, 'parents-first': 3, ancestors: 4 } as const;

export interface IterOptions {
  /** The map whose elements or sockets are walked. */
  readonly map?: BpfMap;
  /** A descriptor of the cgroup where the walk begins. */
  readonly cgroup?: { readonly fd: number; readonly order?: keyof typeof CGROUP_ORDER };
  /** Only this process, or only this thread. */
  readonly task?: { readonly pid?: number; readonly tid?: number; readonly pidFd?: number };
}

function targetOf(options: IterOptions): IterTarget | undefined {
  const { map, cgroup, task } = options;
  if (map) return { kind: 'map', fd: map.fd.number };
  if (cgroup) return { kind: 'cgroup', fd: cgroup.fd, order: CGROUP_ORDER[cgroup.order ?? 'parents-first'] };
  return task && { kind: 'task', ...task };
}

/** The kernel fills a page and more at a time. */
const READ_SIZE = 64 * 1024;
const readAsync = promisify(read);

/**
 * An iterator that is attached: each reading walks anew through what the kernel has.
 *
 * @example
 * ```ts
 * using iterator = attachIter(collection.program('dump_task'));
 * for await (const line of iterator.lines()) console.log(line);
 * ```
 */
export class IterAttachment implements Attached {
  readonly link: Link;

  constructor(link: Link) {
    this.link = link;
  }

  get target(): string {
    return this.link.target;
  }

  /** A walk as a descriptor to read from, which becomes the caller's. @throws {SyscallError} */
  open(): Fd {
    const result = tryIterCreate(this.link.fd.number);
    if (result >= 0) return new Fd(result, `a walk of ${this.link.fd.what}`);
    throw bpfError('ITER_CREATE', -result, `begin a walk of ${this.link.fd.what}`);
  }

  /** All that one walk writes, as bytes. */
  readBytes(): Uint8Array {
    const fd = this.open();
    const parts: Buffer[] = [];
    try {
      for (;;) {
        const part = Buffer.alloc(READ_SIZE);
        const length = readSync(fd.number, part);
        if (length === 0) return new Uint8Array(Buffer.concat(parts));
        parts.push(part.subarray(0, length));
      }
    } finally {
      fd.close();
    }
  }

  /** All that one walk writes, as text. */
  read(): string {
    return Buffer.from(this.readBytes()).toString();
  }

  /** The bytes of one walk as they come, read on a thread of Node's pool. */
  async *chunks({ signal }: IterateOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const fd = this.open();
    try {
      for (;;) {
        signal?.throwIfAborted();
        const part = new Uint8Array(READ_SIZE);
        const { bytesRead } = await readAsync(fd.number, part, 0, part.length, null);
        if (bytesRead === 0) return;
        yield part.subarray(0, bytesRead);
      }
    } finally {
      fd.close();
    }
  }

  /** The lines of one walk, without their ends. */
  async *lines(options: IterateOptions = {}): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of this.chunks(options)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
  }

  /**
   * What one walk writes with bpf_seq_write: structs of one layout, one behind the other.
   *
   * @example `for await (const { pid } of iterator.records(struct('task', { pid: u32 }))) console.log(pid);`
   * @throws {TsbpfError} `RECORD_SIZE` where the walk ends in the middle of one
   */
  async *records<T>(record: FieldType<T>, options: IterateOptions = {}): AsyncGenerator<T, void, undefined> {
    let rest: Uint8Array = new Uint8Array(0);
    for await (const chunk of this.chunks(options)) {
      const bytes = rest.length === 0 ? chunk : concatBytes([rest, chunk]);
      const view = viewOf(bytes);
      let at = 0;
      for (; at + record.size <= bytes.length; at += record.size) yield record.read(view, at, true);
      rest = bytes.subarray(at);
    }
    if (rest.length > 0)
      throw new TsbpfError(
        'RECORD_SIZE',
        `${this.link.fd.what} ended with ${rest.length} bytes, but its layout is ${record.size}`,
      );
  }

  [Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    return this.lines();
  }

  /** As {@link Link.detach}. */
  detach(): boolean {
    return this.link.detach();
  }

  close(): void {
    this.link.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Attaches an iterator (`iter/task`, `iter/bpf_map_elem` …): it runs when it is read.
 *
 * @throws {TsbpfError} `PROG_TYPE_WRONG` @throws {SyscallError} EINVAL where it needs another target
 */
export function attachIter(program: Program, options: IterOptions = {}): IterAttachment {
  requireType(program, [ProgType.TRACING], 'an iterator');
  const target = targetOf(options);
  const arm = target && ({ kind: 'iter', info: encodeIterTarget(target) } as const);
  const params = { attachType: AttachType.TRACE_ITER, ...(arm && { arm }) };
  try {
    return new IterAttachment(createLink(program, params, 'its iterator'));
  } catch (error) {
    if (options.map || !(error instanceof SyscallError) || error.errno !== Errno.EBADF) throw error;
    throw new SyscallError({
      syscall: 'bpf',
      command: 'LINK_CREATE',
      errno: Errno.EBADF,
      doing: `attach program '${program.name}' to its iterator`,
      explanation: 'this iterator walks through a map, and none was given',
      hint: 'name it: attachIter(program, { map })',
    });
  }
}
