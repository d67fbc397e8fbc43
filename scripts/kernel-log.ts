import { closeSync } from 'node:fs';
import { ProgType } from '../src/isa/kernel-tables.generated.ts';
import { logText, tryProgLoad } from '../src/syscall/bpf-prog.ts';
import { fromHex } from '../src/util/bytes.ts';

/** What the running kernel's verifier writes at log level 2 about a socket filter of these bytes. */
export function kernelLogOf(hex: string): string {
  const buffer = new Uint8Array(1 << 16);
  const { result } = tryProgLoad({
    name: 'vector',
    type: ProgType.SOCKET_FILTER,
    code: fromHex(hex),
    license: 'GPL',
    log: { level: 2, buffer },
  });
  if (result >= 0) closeSync(result);
  return logText(buffer);
}
