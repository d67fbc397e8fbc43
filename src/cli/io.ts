import { readFileSync, writeFileSync } from 'node:fs';
import { styleText } from 'node:util';
import type { Paint } from '../util/render.ts';

/** Options that every command has. */
export interface CommonOptions {
  /** One JSON document with `"version": 1` on stdout in place of text. */
  readonly json?: boolean;
}

const STYLES = {
  error: ['red', 'bold'],
  warning: ['yellow', 'bold'],
  note: ['cyan'],
  help: ['green'],
  frame: ['blue'],
  strong: ['bold'],
} as const;

/** Node 20's `styleText` colours whatever it is given, pipes too; only from 22 on it looks at the stream. */
function wantsColour(): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  return !NO_COLOR && process.stderr.isTTY === true && process.stderr.hasColors();
}

/** Colours for stderr; heeds NO_COLOR, FORCE_COLOR and whether it is a terminal. */
export const paint: Paint = (style, text) => {
  if (!wantsColour()) return text;
  return styleText(STYLES[style] as unknown as Parameters<typeof styleText>[0], text);
};

/** Writes a result to stdout. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/**
 * Writes a result as JSON; bigints become decimal strings, bytes lower-case hex. One of several
 * documents takes a line.
 */
export function printJson(value: Record<string, unknown>, layout: 'pretty' | 'line' = 'pretty'): void {
  const plain = (_key: string, member: unknown): unknown => {
    if (typeof member === 'bigint') return member.toString();
    if (member instanceof Uint8Array) return Buffer.from(member).toString('hex');
    if (member instanceof Map) return Object.fromEntries(member);
    return member;
  };
  const indent = layout === 'pretty' ? 2 : undefined;
  process.stdout.write(`${JSON.stringify({ version: 1, ...value }, plain, indent)}\n`);
}

/** Writes progress, warnings and hints, which are no result, to stderr. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The bytes of a file, or of stdin for `-`. */
export function readInput(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file === '-' ? 0 : file));
  } catch (error) {
    // Node's own words do not name it.
    if (error instanceof Error && 'code' in error && error.code === 'EISDIR')
      error.message = `${file} is a directory, not a file`;
    throw error;
  }
}

/** Writes bytes to a file, or to stdout for `-`. */
export function writeOutput(file: string, bytes: Uint8Array): void {
  if (file === '-') process.stdout.write(bytes);
  else writeFileSync(file, bytes);
}
