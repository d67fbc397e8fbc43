import type { Fd } from '../../syscall/fd.ts';
import type { FieldType } from '../../util/struct.ts';
import { struct, u32 } from '../../util/struct.ts';

/** A program that runs where a packet was redirected to: a descriptor when it is written, an id when it is read. */
interface WithProgram {
  /** To be given: a program that was loaded for `xdp/devmap` or `xdp/cpumap`. */
  readonly program?: { readonly fd: Fd } | undefined;
  /** As it is read; undefined where there is none. */
  readonly programId?: number | undefined;
}

/** `struct bpf_devmap_val`. */
export interface DevmapEntry extends WithProgram {
  /** The interface that packets leave by. */
  readonly ifindex: number;
}

/** `struct bpf_cpumap_val`. */
export interface CpumapEntry extends WithProgram {
  /** Packets that may wait for the CPU, at most 16384. */
  readonly queueSize: number;
}

const pair = struct('redirect_entry', { number: u32, program: u32 });

function redirectEntry<T extends WithProgram>(
  make: (number: number) => T,
  numberOf: (entry: T) => number,
): FieldType<T> {
  return {
    size: pair.size,
    align: pair.align,
    zero: make(0),
    read(view, offset, little) {
      const { number, program } = pair.read(view, offset, little);
      return program === 0 ? make(number) : { ...make(number), programId: program };
    },
    write(view, offset, entry, little, path) {
      const program = entry.program?.fd.number ?? 0;
      pair.write(view, offset, { number: numberOf(entry), program }, little, path);
    },
  };
}

/**
 * A value of a devmap or devmap_hash of 8 bytes; one of 4 is the number of the interface alone.
 *
 * @example `map.as({ key: u32, value: devmapEntry }).set(0, { ifindex: 3, program })`
 */
export const devmapEntry: FieldType<DevmapEntry> = redirectEntry<DevmapEntry>(
  (ifindex) => ({ ifindex }),
  ({ ifindex }) => ifindex,
);

/** A value of a cpumap of 8 bytes; one of 4 is the size of the queue alone. The key is the CPU. */
export const cpumapEntry: FieldType<CpumapEntry> = redirectEntry<CpumapEntry>(
  (queueSize) => ({ queueSize }),
  ({ queueSize }) => queueSize,
);
