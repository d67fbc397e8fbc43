import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as isa from '../../src/isa/index.ts';
import * as kernel from '../../src/kernel/index.ts';
import * as util from '../../src/util/index.ts';
import { describeKernel } from '../support/kernel.ts';
import { loadText } from '../support/link-programs.ts';
import { lacks } from '../support/needs.ts';

const page = readFileSync('docs/maps.md', 'utf8');
const examples = [...page.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);

const OBJECT = `
  .license "GPL"
  .map jumps, prog_array, key=4, value=4, entries=4
  .map notes, task_storage, key=int, value=u64, flags=BPF_F_NO_PREALLOC
  .var u64 total
  .program pass, "xdp"
  r0 = XDP_PASS
  exit
  .program leaving, "xdp/devmap"
  r0 = XDP_PASS
  exit
`;

/** Runs the text of an example, and gives what it printed. */
async function run(text: string, given: Record<string, unknown>): Promise<string[]> {
  const opened: Disposable[] = [];
  const printed: string[] = [];
  const body = text
    .replaceAll(/^import .*$/gm, '')
    .replaceAll(/^using (\w+) = (.*?);(?=$| \/\/)/gms, 'const $1 = own($2);');
  const names: Record<string, unknown> = {
    ...isa,
    ...kernel,
    ...util,
    ...given,
    own: <T extends Disposable>(one: T): T => {
      opened.push(one);
      return one;
    },
    console: {
      log: (...values: unknown[]) =>
        printed.push(
          values
            .map((value) =>
              typeof value === 'string' ? value : inspect(value, { breakLength: Number.POSITIVE_INFINITY }),
            )
            .join(' '),
        ),
    },
  };
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<void>;
  try {
    await new AsyncFunction(...Object.keys(names), body)(...Object.values(names));
  } finally {
    for (const one of opened.reverse()) one[Symbol.dispose]();
  }
  return printed;
}

describeKernel('the examples of docs/maps.md', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void server.close());

  test('there are as many as there are', () => expect(examples.length).toBe(16));

  test.each(examples.map((text, index) => [index + 1, text] as const))(
    'number %i prints what it says',
    async (_, text) => {
      if (text.includes('MapType.ARENA') && lacks('arena')) return;
      using collection = loadText(OBJECT);
      const socket = (server as unknown as { _handle: { fd: number } })._handle.fd;
      const said = [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]!);
      expect(await run(text, { collection, socket, pid: process.pid })).toEqual(said);
      expect(said.length).toBeGreaterThan(0);
    },
  );

  test('every map type stands in the table', () => {
    const table = page.slice(0, page.indexOf('## Entries'));
    const named = new Set([...table.matchAll(/`(\w+)`/g)].map((match) => match[1]!));
    const types = Object.keys(isa.MapType)
      .filter((name) => name !== 'UNSPEC' && !name.endsWith('_DEPRECATED'))
      .map((name) => name.toLowerCase());
    expect(types.filter((name) => !named.has(name))).toEqual([]);
  });
});
