import { getSystemErrorMap } from 'node:util';
import { toHex } from '../../util/bytes.ts';
import type { BpfMap } from '../maps/map.ts';
import { isPerCpu } from '../maps/map-kinds.ts';
import { type MapElement, type MapTypes, mapElements, mapTypes, typedElement } from './elements.ts';
import { prettyValue } from './pretty.ts';

/** Bytes of a line; half as many stand in a group. */
const LINE_BYTES = 16;
const GROUP_BYTES = 8;
/** What key and value may take together to stand on one line. */
const ONE_LINE_BYTES = 24;

/** What bpftool calls an empty slot. */
const NO_ENTRY = '<no entry>';
const ENOENT = 2;

/** `00 01 … 07  08 …`, 16 bytes a line. */
export function hexLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const groups = [bytes.subarray(at, at + GROUP_BYTES), bytes.subarray(at + GROUP_BYTES, at + LINE_BYTES)];
    lines.push(
      groups
        .filter((group) => group.length > 0)
        .map((group) => toHex(group, ' '))
        .join('  '),
    );
  }
  return lines.join('\n');
}

/** glibc's words for an errno. */
function errnoWords(errno: number): string {
  if (errno === ENOENT) return NO_ENTRY;
  const known = getSystemErrorMap().get(-errno)?.[1];
  return known === undefined ? `Unknown error ${errno}` : `${known[0]!.toUpperCase()}${known.slice(1)}`;
}

/** One element in hexadecimal, as bpftool lays it out. */
export function elementText(element: MapElement, perCpu: boolean): string {
  const { key, values, errno } = element;
  const words = errno === undefined ? undefined : errnoWords(errno);
  const keyText = hexLines(key);
  if (perCpu && words === undefined) {
    const lines = values.map((bytes, cpu) => {
      const name = `value (CPU ${String(cpu).padStart(2, '0')}):`;
      return `${name}${bytes.length > LINE_BYTES ? '\n' : ' '}${hexLines(bytes)}\n`;
    });
    return `${key.length > 0 ? `key:\n${keyText}\n` : ''}${lines.join('')}`;
  }
  const valueText = words ?? hexLines(values[0] ?? new Uint8Array(0));
  const length = words?.length ?? values[0]?.length ?? 0;
  const isBroken = key.length > LINE_BYTES || length > LINE_BYTES;
  const isOneLine = !isBroken && key.length + length <= ONE_LINE_BYTES;
  const behindName = isBroken ? '\n' : ' ';
  const first = key.length > 0 ? `key:${behindName}${keyText}${isOneLine ? '  ' : '\n'}` : '';
  return `${first}${length > 0 ? `value:${behindName}${valueText}\n` : ''}`;
}

export interface MapTextOptions {
  /** Bytes in hexadecimal for maps with types too. */
  readonly hex?: boolean;
}

/**
 * A map as `bpftool map dump` prints it: by its types where it was made with some, in hexadecimal otherwise.
 *
 * @returns the lines as they come, each with its end
 * @throws {SyscallError} EPERM
 */
export function* mapText(map: BpfMap, options: MapTextOptions = {}): Generator<string, void, undefined> {
  const types = options.hex ? undefined : mapTypes(map);
  yield* types ? typedText(map, types) : hexText(map);
}

function* hexText(map: BpfMap): Generator<string, void, undefined> {
  const perCpu = isPerCpu(map.type);
  let found = 0;
  for (const element of mapElements(map)) {
    if (element.errno === undefined) found++;
    yield elementText(element, perCpu);
  }
  yield `Found ${found} element${found === 1 ? '' : 's'}\n`;
}

function* typedText(map: BpfMap, types: MapTypes): Generator<string, void, undefined> {
  const perCpu = isPerCpu(map.type);
  let first = true;
  for (const element of mapElements(map)) {
    if (element.errno !== undefined) continue;
    yield `${first ? '[' : ','}${prettyValue(typedElement(element, types, perCpu), 1)}`;
    first = false;
  }
  yield first ? '[]\n' : '\n]\n';
}
