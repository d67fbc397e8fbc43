import { findEnumName } from '../isa/enum-name.ts';
import { ProgType, XdpAction } from '../isa/kernel-tables.generated.ts';
import { TcAction } from '../isa/named-constants.ts';

function nameIn(table: Readonly<Record<string, number>>, prefix: string, value: number): string | undefined {
  const name = findEnumName(table, value);
  return name && prefix + name;
}

/** What a return value means to the kernel, where its numbers have names: `XDP_PASS`, `TC_ACT_SHOT`. */
export function returnCodeName(type: ProgType, retval: number): string | undefined {
  if (type === ProgType.XDP) return nameIn(XdpAction, 'XDP_', retval);
  if (type === ProgType.SCHED_CLS || type === ProgType.SCHED_ACT)
    return nameIn(TcAction, 'TC_ACT_', retval | 0);
  return undefined;
}
