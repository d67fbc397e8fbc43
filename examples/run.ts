// What the demonstrations share: they say what is missing in words, and end cleanly on Ctrl-C.
import { readFileSync } from 'node:fs';
import { assembleOrThrow } from 'tsbpf/asm';
import { readObject } from 'tsbpf/elf';
import { canUseBpf } from 'tsbpf/kernel';
import { collect, type ObjectSpec } from 'tsbpf/object';
import { TsbpfError } from 'tsbpf/util';

/** An object of clang, or an assembly text, by the end of its name. */
export function readSpec(file: string): ObjectSpec {
  if (!file.endsWith('.s')) return readObject(new Uint8Array(readFileSync(file)));
  return collect(assembleOrThrow({ name: file, text: readFileSync(file, 'utf8') }).object);
}

/** The object that an example loads, which an argument that ends with `.o` or `.s` may name, and the other arguments. */
export function given(standard: string): { readonly file: string; readonly args: readonly string[] } {
  const isObject = (text: string): boolean => /\.[os]$/.test(text);
  const all = process.argv.slice(2);
  return { file: all.find(isObject) ?? standard, args: all.filter((text) => !isObject(text)) };
}

let stop: AbortController | undefined;

/** Aborted by Ctrl-C; an example that does not ask for it is ended at once. */
export function interrupted(): AbortSignal {
  stop ??= new AbortController();
  return stop.signal;
}

function onInterrupt(): void {
  // All that an example makes is held by its descriptors and namespaces, so it goes with the process.
  if (stop === undefined || stop.signal.aborted) process.exit(130);
  stop.abort();
}

function complain(message: string, hint: string | undefined): void {
  console.error(message);
  if (hint !== undefined) console.error(hint);
  process.exitCode = 1;
}

/** Runs an example where bpf(2) can be used; refusals are told without a stack. */
export async function run(main: () => Promise<void> | void): Promise<void> {
  const bpf = canUseBpf();
  if (!bpf.ok) return complain(bpf.reason, bpf.hint);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onInterrupt);
  try {
    await main();
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
    complain(error.message, error.hint);
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onInterrupt);
  }
}

/** Does something that the kernel refuses, and gives the reason. */
export function refusal(act: () => unknown): string {
  try {
    return `not refused: ${act()}`;
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
    return error.message;
  }
}
