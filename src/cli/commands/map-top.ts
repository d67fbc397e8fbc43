import {
  btfValueData,
  type MapElement,
  type MapTypes,
  mapElements,
  mapTypes,
  readBtfValue,
} from '../../kernel/index.ts';
import { toHex } from '../../util/bytes.ts';
import { TsbpfError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import { type CounterRow, type Counters, countersOf, sortByRate } from '../counters.ts';
import { every } from '../every.ts';
import type { ExitCode } from '../exit.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { formatTable } from '../table.ts';
import { onlyWhich, openMap } from '../which.ts';

export interface TopOptions extends CommonOptions {
  /** Seconds between two looks. */
  readonly interval: number;
  /** Looks until it ends. */
  readonly count?: number;
  /** Rows that are shown. */
  readonly limit: number;
  /** The counter that is sorted by. */
  readonly by?: string;
}

function keyText({ key }: MapElement, types: MapTypes | undefined): string {
  if (!types || types.key === 0) return toHex(key, ' ');
  return JSON.stringify(btfValueData(readBtfValue(types.btf, types.key, key)), (_name, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}

/** Rates have three digits that mean something. */
const rateText = (rate: number): string =>
  rate >= 100 ? rate.toFixed(0) : rate.toPrecision(3).replace(/\.?0+$/, '');

function tableText(rows: readonly CounterRow[]): string {
  const names = [...new Set(rows.flatMap(({ counters }) => counters.map(({ name }) => name)))];
  const cells = rows.map(({ key, counters }) => [
    key,
    ...names.flatMap((name) => {
      const found = counters.find((counter) => counter.name === name);
      return found ? [found.total.toString(), rateText(found.rate)] : ['', ''];
    }),
  ]);
  return formatTable(['key', ...names.flatMap((name) => [name, '/s'])], cells, '');
}

const CLEAR_SCREEN = '\x1b[H\x1b[2J';

/** `tsbpf map top 7`: the numbers in a map's values, those that grow fastest first. */
export async function top(words: readonly string[], options: TopOptions): Promise<ExitCode> {
  using map = openMap(onlyWhich(words));
  const types = mapTypes(map);
  const { limit, by, json } = options;
  let before = new Map<string, Counters>();
  const look = (seconds: number): void => {
    const now = new Map<string, Counters>();
    const rows: CounterRow[] = [];
    for (const element of mapElements(map)) {
      if (element.errno !== undefined) continue;
      const hex = toHex(element.key);
      const counters = countersOf(element, types);
      now.set(hex, counters);
      const old = before.get(hex);
      const gained = (name: string, total: bigint): number =>
        old && seconds > 0 ? Number(total - (old.get(name) ?? 0n)) / seconds : 0;
      rows.push({
        key: json ? hex : keyText(element, types),
        counters: [...counters].map(([name, total]) => ({ name, total, rate: gained(name, total) })),
      });
    }
    before = now;
    const names = new Set(rows.flatMap(({ counters }) => counters.map(({ name }) => name)));
    if (by !== undefined && rows.length > 0 && !names.has(by))
      throw new TsbpfError('COUNTER_NOT_FOUND', `the values of this map have no number '${by}'`, {
        hint: didYouMean(by, [...names])[0] ?? `there are: ${[...names].join(', ') || 'none'}`,
      });
    const shown = sortByRate(rows, by).slice(0, limit);
    if (json) printJson({ seconds, rows: shown }, 'line');
    else if (shown.length === 0) print('the map is empty');
    else print(`${process.stdout.isTTY ? CLEAR_SCREEN : ''}${tableText(shown)}`);
  };
  // Awaited, or the map would be closed at once.
  return await every(options.interval, look, options.count);
}
