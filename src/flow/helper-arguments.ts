/**
 * How many registers, from r1 on, each helper reads: the digit at place N is that of helper N + 1.
 * From the signatures in `linux/bpf.h`, without what `...` stands for; of bpf_get_branch_snapshot (176)
 * the kernel's `bpf_func_proto` names 2 of 3. The table of prototypes says the same (a test compares
 * them), but is 40 kB that a command which only reads code would have to load.
 */
const ARGUMENTS: string =
  '24230200555330021314422154353332310323221032311254' +
  '34424352242243254544444434141024255132244311111155' +
  '43334442155333321044511305312432222111114443423354' +
  '14212420203154534132311112414543321011445332314422' +
  '55333220442';

/** How many registers, from r1 on, a helper reads; undefined for one that is not known. */
export function helperArguments(id: number): number | undefined {
  const digit = ARGUMENTS[id - 1];
  return digit === undefined ? undefined : Number(digit);
}
