/** `e_machine` values that somebody hands to a BPF loader by mistake; words for the message. */
const machines: Readonly<Record<number, string>> = {
  2: 'SPARC',
  3: 'x86',
  8: 'MIPS',
  20: 'PowerPC',
  21: '64-bit PowerPC',
  22: 'S390',
  40: 'ARM',
  43: '64-bit SPARC',
  62: 'x86-64',
  183: 'AArch64',
  190: 'CUDA',
  224: 'AMD GPU',
  243: 'RISC-V',
  252: 'C-SKY',
  258: 'LoongArch',
};

export function machineName(machine: number): string {
  return machines[machine] ?? `machine ${machine}`;
}
