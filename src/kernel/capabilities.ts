import { MapType } from '../isa/kernel-tables.generated.ts';
import { bpfError } from '../syscall/bpf.ts';
import { tryMapCreate } from '../syscall/bpf-map.ts';
import { Fd } from '../syscall/fd.ts';
import { TsbpfError } from '../util/errors.ts';

/** Whether bpf(2) can be used here, and in words why not. */
export type BpfAvailability =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly code: string;
      readonly reason: string;
      readonly hint?: string | undefined;
    };

/**
 * Tries the smallest thing that needs all of it: the system, the bridge to its calls, the kernel, the privilege.
 *
 * @example
 * ```ts
 * const bpf = canUseBpf();
 * if (!bpf.ok) console.error(bpf.reason); // this process lacks CAP_BPF, …
 * ```
 */
export function canUseBpf(): BpfAvailability {
  try {
    const result = tryMapCreate({ name: '', type: MapType.ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
    if (result < 0) throw bpfError('MAP_CREATE', -result, 'create a map');
    new Fd(result, 'a map').close();
    return { ok: true };
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
    return { ok: false, code: error.code, reason: error.message, hint: error.hint };
  }
}
