import {
  btfValueData,
  type MapElement,
  type MapTypes,
  mapElements,
  mapTypes,
  readBtfValue,
} from '../../kernel/index.ts';
import { isPerCpu } from '../../kernel/maps/map-kinds.ts';
import { toHex } from '../../util/bytes.ts';
import { every } from '../every.ts';
import type { ExitCode } from '../exit.ts';
import { type CommonOptions, print, printJson } from '../io.ts';
import { changesBetween, type MapChange, takeSnapshot } from '../map-changes.ts';
import { onlyWhich, openMap } from '../which.ts';
import { elementData } from './map.ts';

export interface WatchOptions extends CommonOptions {
  /** Seconds between two looks. */
  readonly interval: number;
  /** Looks until it ends. */
  readonly count?: number;
  /** Do not begin with what is there. */
  readonly changesOnly?: boolean;
}

const SIGNS = { added: '+', changed: '~', removed: '-' } as const;

function sideText(bytes: Uint8Array, types: MapTypes | undefined, type: number): string {
  if (!types || type === 0) return toHex(bytes, ' ');
  return JSON.stringify(btfValueData(readBtfValue(types.btf, type, bytes)), (_name, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}

function valuesText({ values }: MapElement, types: MapTypes | undefined): string {
  return values.map((bytes) => sideText(bytes, types, types?.value ?? 0)).join(' | ');
}

/** `~ 1: 7 -> 8` */
export function changeText({ change, element, before }: MapChange, types: MapTypes | undefined): string {
  const key = element.key.length === 0 ? '' : `${sideText(element.key, types, types?.key ?? 0)}: `;
  const was = before ? `${valuesText(before, types)} -> ` : '';
  return `${SIGNS[change]} ${key}${was}${valuesText(element, types)}`;
}

/** `tsbpf map watch 7`: what is there, then what changes. */
export async function watch(words: readonly string[], options: WatchOptions): Promise<ExitCode> {
  using map = openMap(onlyWhich(words));
  const types = mapTypes(map);
  const perCpu = isPerCpu(map.type);
  let before = options.changesOnly ? takeSnapshot(mapElements(map)) : takeSnapshot([]);
  const look = (): void => {
    const after = takeSnapshot(mapElements(map));
    for (const change of changesBetween(before, after)) {
      if (!options.json) {
        print(changeText(change, types));
        continue;
      }
      const old = change.before && elementData(change.before, types, perCpu);
      const data = { change: change.change, ...elementData(change.element, types, perCpu) };
      printJson({ ...data, ...(old && { before: old }) }, 'line');
    }
    before = after;
  };
  // Awaited, or the map would be closed at once.
  return await every(options.interval, look, options.count);
}
