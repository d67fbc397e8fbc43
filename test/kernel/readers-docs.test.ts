import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import * as kernel from '../../src/kernel/index.ts';
import * as util from '../../src/util/index.ts';
import { describeKernel } from '../support/kernel.ts';
import { drainProgram, perfProgram, produce, ringPrograms } from '../support/readers.ts';

const page = readFileSync('docs/readers.md', 'utf8');
const examples = [...page.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);

/** Runs the text of an example; its imports come from the source, and `using` closes when it ends. */
async function runExample(text: string, collection: kernel.Collection): Promise<void> {
  const opened: Disposable[] = [];
  const body = text
    .replaceAll(/^import .*$/gm, '')
    .replaceAll(/^using (\w+) = ([^;]*(?:\{[\s\S]*?\n\})?[^;]*);/gm, 'const $1 = own($2);');
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...given: unknown[]) => Promise<void>;
  const names = [...Object.keys(kernel), ...Object.keys(util), 'collection', 'own'];
  const own = <T extends Disposable>(one: T): T => {
    opened.push(one);
    return one;
  };
  const values = [...Object.values(kernel), ...Object.values(util), collection, own];
  try {
    await new AsyncFunction(...names, body)(...values);
    for (let round = 0; round < 4; round++) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    for (const one of opened) one[Symbol.dispose]();
  }
}

describeKernel('the examples of docs/readers.md', () => {
  const used = new Set<string>();
  const example = (part: string): string => {
    const found = examples.find((text) => text.includes(part))!;
    used.add(found);
    return found;
  };

  test('the loop reads until it has enough', async () => {
    using collection = ringPrograms(4096);
    produce(collection, 4);
    await runExample(example('for await (const { number'), collection);
  });

  test('the others run as they stand', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    using rings = ringPrograms(4096);
    using events = perfProgram();
    using commands = drainProgram(4096);
    await runExample(example('ring.consume'), rings);
    await runExample(example('wakeupEvents'), events);
    await runExample(example('recorder.snapshot'), events);
    await runExample(example('commands.write'), commands);
    expect(produce(commands, 1, 'drain')).toBe(3);
    log.mockRestore();
  });

  test('are all there are', () => {
    expect(examples.filter((text) => !used.has(text))).toEqual([]);
  });
});
