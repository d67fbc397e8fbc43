import { MapType } from '../../isa/kernel-tables.generated.ts';
import type { Fd } from '../../syscall/fd.ts';
import { type Mapping, mapMemory, pageSize, releaseMapping } from '../../syscall/mapping.ts';
import { enablePerfOutput, openPerfOutput } from '../../syscall/perf-output.ts';
import { checkRange, TsbpfError } from '../../util/errors.ts';
import { onlineCpus } from '../cpu-list.ts';
import type { BpfMap } from '../maps/map.ts';
import type { PerfPages } from './perf-memory.ts';
import { expectMapType } from './ring-buffer.ts';

export interface PerfRingOptions {
  /** Room for records on each CPU, in bytes; rounded up to a power of two of pages. */
  readonly sizePerCpu?: number;
  /** The CPUs whose records are wanted; left out, all that are online. */
  readonly cpus?: readonly number[];
}

export interface PerfRingParams extends PerfRingOptions {
  readonly wakeup: { readonly events: number } | { readonly bytes: number };
  readonly backward: boolean;
}

/** One CPU's ring. */
export interface PerfRing {
  readonly cpu: number;
  readonly fd: Fd;
  readonly pages: PerfPages;
}

const DEFAULT_SIZE = 64 * 1024;
/** More the kernel would not lock in memory for anybody. */
const MAX_SIZE = 2 ** 30;

/** Whose ring stands in a slot, by the map's number and the CPU, as far as this process filled it. */
const holders = new Map<string, PerfRings>();

/** The rings that the slots of one BPF_MAP_TYPE_PERF_EVENT_ARRAY lead to. */
export class PerfRings {
  readonly rings: readonly PerfRing[];
  readonly #map: BpfMap;
  readonly #mappings: Mapping[] = [];
  readonly #opened: PerfRing[] = [];
  readonly #mapId: number;

  /** Opens a ring on each CPU, `prepare`s it, and then puts it into its slot. @throws {SyscallError} @throws {TsbpfError} */
  constructor(map: BpfMap, params: PerfRingParams, prepare: (ring: PerfRing) => void = () => {}) {
    expectMapType(map, MapType.PERF_EVENT_ARRAY, 'a perf buffer reader');
    const cpus = chooseCpus(map, params.cpus);
    const size = ringSize(params.sizePerCpu ?? DEFAULT_SIZE);
    this.#mapId = map.info().id;
    // The kernel empties the slots when the descriptor that filled them is closed.
    this.#map = map.duplicate();
    this.rings = this.#opened;
    try {
      for (const cpu of cpus) {
        const ring = this.#open(cpu, size, params);
        if (!ring) continue;
        prepare(ring);
        this.#map.set(cpu, ring.fd.number);
        holders.set(this.#slot(cpu), this);
        enablePerfOutput(ring.fd);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get closed(): boolean {
    return this.#map.fd.closed;
  }

  /** Empties the slots and lets go of the rings; a second call does nothing. */
  close(): void {
    if (this.closed) return;
    for (const { cpu, fd } of this.#opened) {
      // Another reader may have taken the slot since.
      if (holders.get(this.#slot(cpu)) === this) {
        holders.delete(this.#slot(cpu));
        this.#map.delete(cpu);
      }
      fd.close();
    }
    for (const mapping of this.#mappings) releaseMapping(mapping);
    this.#map.close();
  }

  #slot(cpu: number): string {
    return `${this.#mapId}/${cpu}`;
  }

  #open(cpu: number, size: number, params: PerfRingParams): PerfRing | undefined {
    const { wakeup, backward } = params;
    const fd = openPerfOutput({ cpu, wakeup, backward });
    // It went offline meanwhile.
    if (!fd) return undefined;
    const page = pageSize();
    let mapping: Mapping;
    try {
      // The kernel writes over old records where nobody can tell it what was read.
      mapping = mapMemory({ fd: fd.number, length: page + size, writable: !backward, what: fd.what });
    } catch (error) {
      fd.close();
      throw error;
    }
    this.#mappings.push(mapping);
    const { bytes } = mapping;
    const ring = { cpu, fd, pages: { control: bytes.subarray(0, page), data: bytes.subarray(page) } };
    this.#opened.push(ring);
    return ring;
  }
}

function ringSize(bytes: number): number {
  checkRange('sizePerCpu', bytes, 1, MAX_SIZE);
  let size = pageSize();
  while (size < bytes) size *= 2;
  return size;
}

/** @throws {TsbpfError} `PERF_SLOTS`, `OPTIONS` @throws {OutOfRangeError} */
function chooseCpus(map: BpfMap, wanted: readonly number[] | undefined): readonly number[] {
  const cpus = wanted ?? onlineCpus();
  for (const cpu of cpus) checkRange('CPU', cpu, 0, 2 ** 31 - 1);
  if (new Set(cpus).size < cpus.length || cpus.length === 0)
    throw new TsbpfError(
      'OPTIONS',
      `a perf buffer reader needs a CPU or more, each once: '${cpus.join(', ')}'`,
    );
  const beyond = cpus.filter((cpu) => cpu >= map.maxEntries);
  if (beyond.length === 0) return cpus;
  throw new TsbpfError(
    'PERF_SLOTS',
    `${map.fd.what} has ${map.maxEntries} slots, so what CPU ${beyond.join(', ')} writes would be lost`,
    { hint: "leave its number of entries out to have one slot a CPU, or choose CPUs with 'cpus'" },
  );
}
