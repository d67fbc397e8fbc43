import { ProgType, XdpAction } from '../isa/kernel-tables.generated.ts';
import { TcAction } from '../isa/named-constants.ts';

const nameIn = (
  table: Readonly<Record<string, number>>,
  prefix: string,
  value: number,
): string | undefined => {
  const found = Object.entries(table).find(([, known]) => known === value);
  return found && `${prefix}${found[0]}`;
};

/** What a return value means to the kernel, where its numbers have names: `XDP_PASS`, `TC_ACT_SHOT`. */
export function returnCodeName(type: ProgType, retval: number): string | undefined {
  if (type === ProgType.XDP) return nameIn(XdpAction, 'XDP_', retval);
  if (type === ProgType.SCHED_CLS || type === ProgType.SCHED_ACT)
    return nameIn(TcAction, 'TC_ACT_', retval | 0);
  return undefined;
}
