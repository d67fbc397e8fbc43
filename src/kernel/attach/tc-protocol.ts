import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';

/** What filters of tc are for, by the names that tc has (Linux, `include/uapi/linux/if_ether.h`). */
export const TC_PROTOCOLS: Readonly<Record<string, number>> = {
  all: 0x0003,
  ip: 0x0800,
  ipv6: 0x86dd,
  arp: 0x0806,
  rarp: 0x8035,
  '802.1Q': 0x8100,
  '802.1ad': 0x88a8,
  mpls_uc: 0x8847,
  mpls_mc: 0x8848,
  ppp_disc: 0x8863,
  ppp_ses: 0x8864,
  LLDP: 0x88cc,
  '802_3': 0x0001,
  '802_2': 0x0004,
  loop: 0x0060,
  pup: 0x0200,
  x25: 0x0805,
  bpq: 0x08ff,
  tipc: 0x88ca,
  aoe: 0x88a2,
};

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TC_PROTOCOLS).map(([name, number]) => [number, name]),
);

/** `ip`, or `[4660]` as tc shows one without a name. */
export function tcProtocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `[${protocol}]`;
}

/**
 * The number of a name, or of a number as text: `ip`, `0x800`.
 *
 * @throws {TsbpfError} `TC_PROTOCOL`
 */
export function tcProtocol(text: string): number {
  const named = Object.entries(TC_PROTOCOLS).find(([name]) => name.toLowerCase() === text.toLowerCase());
  if (named) return named[1];
  const number = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (number > 0 && number <= 0xffff) return number;
  throw new TsbpfError(
    'TC_PROTOCOL',
    `'${text}' is no protocol: a name as ip, or a number from 1 to 0xffff`,
    {
      hint: didYouMean(text, Object.keys(TC_PROTOCOLS))[0],
    },
  );
}
