import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { grammarFiles } from '../../scripts/grammar-files.ts';
import { grammarRules, type Node, tokenClasses } from '../../scripts/grammar-model.ts';
import { railroad } from '../../scripts/railroad.ts';
import { referenceFiles } from '../../src/cli/doc/reference.ts';

const made = [...(await referenceFiles()), ...grammarFiles()];

test.each(made)('%s is what the tables give today (else: npm run reference)', (path, text) => {
  expect(readFileSync(path, 'utf8') === text, path).toBe(true);
});

test('docs/reference has no other file', () => {
  const files = readdirSync('docs/reference').map((name) => `docs/reference/${name}`);
  expect(files.sort()).toEqual(
    made
      .map(([path]) => path)
      .filter((path) => path.startsWith('docs/reference/'))
      .sort(),
  );
});

test('the page of the grammar loads nothing', () => {
  const html = new Map(made).get('docs/grammar.html')!;
  expect(html).not.toMatch(/<script|<link|@import|url\(|src=/);
  expect(
    [...html.matchAll(/href="([^"]*)"/g)]
      .map((match) => match[1])
      .filter((url) => !/^(#|language\.md)/.test(url!)),
  ).toEqual([]);
});

describe('the grammar', () => {
  const rules = grammarRules();

  function rulesIn(node: Node): string[] {
    if (node.kind === 'rule') return [node.name];
    if ('items' in node) return node.items.flatMap(rulesIn);
    return 'item' in node ? rulesIn(node.item) : [];
  }

  test('every rule but the first is used, and every one that is used is there', () => {
    const used = new Set(rules.flatMap(({ node }) => rulesIn(node)));
    expect([...used].sort()).toEqual(
      rules
        .slice(1)
        .map(({ name }) => name)
        .sort(),
    );
  });

  test('every token says what it is', () => {
    const silent = tokenClasses(rules).filter(
      ({ pattern, members }) => pattern === undefined && members.length === 0,
    );
    expect(silent).toEqual([]);
  });
});

describe('railroad diagrams', () => {
  /** The ends of a path of `M x y` and relative `h`, `v`, `a`. */
  function ends(path: string): [string, string] {
    const numbers = (text: string): number[] => text.trim().split(/[ ,]+/).map(Number);
    const [start, ...steps] = [...path.matchAll(/([Mhva])([^Mhva]*)/g)];
    const [x0 = 0, y0 = 0] = numbers(start![2]!);
    let [x, y] = [x0, y0];
    for (const [, command, text] of steps) {
      const values = numbers(text!);
      if (command === 'h') x += values[0]!;
      else if (command === 'v') y += values[0]!;
      else {
        x += values[5]!;
        y += values[6]!;
      }
    }
    return [`${x0},${y0}`, `${x},${y}`];
  }

  test.each(grammarRules())(
    '$name: a line leads from the start through every box to the end',
    ({ name, node }) => {
      const svg = railroad(node, name);
      const links = [...svg.matchAll(/<path d="([^"]*)"/g)].map((match) => ends(match[1]!));
      const boxes = [
        ...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g),
      ].map(([, x, y, width, height]): [string, string] => {
        const middle = Number(y) + Number(height) / 2;
        return [`${Number(x)},${middle}`, `${Number(x) + Number(width)},${middle}`];
      });
      const [, width] = /width="([\d.]+)"/.exec(svg)!;
      const neighbours = new Map<string, string[]>();
      for (const [a, b] of [...links, ...boxes]) {
        neighbours.set(a, [...(neighbours.get(a) ?? []), b]);
        neighbours.set(b, [...(neighbours.get(b) ?? []), a]);
      }
      const y = boxes.length === 0 ? 8 : Number(/M10 ([\d.]+)h20/.exec(svg)![1]);
      const reached = new Set<string>([`10,${y}`]);
      for (const point of reached) for (const next of neighbours.get(point) ?? []) reached.add(next);
      expect(reached.has(`${Number(width) - 10},${y}`)).toBe(true);
      expect(boxes.filter(([left, right]) => !reached.has(left) || !reached.has(right))).toEqual([]);
    },
  );
});
