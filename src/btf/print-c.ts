import type { Btf } from './btf.ts';
import { CDeclarations } from './c-declarations.ts';
import { COrder } from './c-order.ts';

export interface BtfToCOptions {
  /** Types to print, with all that they need; every type by default. */
  readonly roots?: Iterable<number>;
}

/**
 * The types as C, in the order that a compiler wants and with forward declarations where types
 * refer to each other: what `bpftool btf dump format c` prints. Variables, sections and functions
 * have no place in a header and are left out. Names that stand for several types get `___2`,
 * `___3` and so on, which CO-RE ignores.
 *
 * @throws {FormatError} `BTF_CYCLE`, `BTF_BAD_TYPE`, `BTF_TOO_LARGE` for types that C could not define
 *
 * @example
 * ```ts
 * const btf = parseBtf(section.bytes);
 * const header = btfToC(btf, { roots: [btf.findByName('event', 'struct')!] });
 * ```
 */
export function btfToC(btf: Btf, options: BtfToCOptions = {}): string {
  const order = new COrder(btf, new CDeclarations(btf));
  if (options.roots) for (const root of options.roots) order.print(root);
  else for (let id = 1; id < btf.typeCount; id++) order.print(id);
  return `${PROLOGUE}${order.text}${EPILOGUE}`;
}

const PROLOGUE = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

`;
const EPILOGUE = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;
