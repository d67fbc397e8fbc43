// Railroad diagrams as SVG: a line goes in at the left and comes out at the right of whatever is drawn.
import type { Node } from './grammar-model.ts';

/** A thing that was laid out: how far it reaches from the line that goes through it, in pixels. */
interface Drawing {
  readonly width: number;
  readonly up: number;
  readonly down: number;
  /** The SVG with the line coming in at `x`, `y`. */
  readonly draw: (x: number, y: number) => string;
}

const RADIUS = 8;
const GAP = 10;
const BOX = 13;
const LETTER = 7.3;
/** Between rows. */
const ROW = 8;

export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const line = (x: number, y: number, width: number): string =>
  width > 0 ? `<path d="M${x} ${y}h${width}"/>` : '';

/** Literals are round, tokens square, rules square and a link. */
function box(text: string, style: 'literal' | 'token' | 'rule'): Drawing {
  const width = Math.round(text.length * LETTER) + 20;
  const draw = (x: number, y: number): string => {
    const corner = style === 'literal' ? BOX : 3;
    const shape = `<g class="${style}"><rect x="${x}" y="${y - BOX}" width="${width}" height="${2 * BOX}" rx="${corner}"/><text x="${x + width / 2}" y="${y + 4}">${escapeXml(text)}</text></g>`;
    return style === 'rule' ? `<a href="#${escapeXml(text)}">${shape}</a>` : shape;
  };
  return { width, up: BOX, down: BOX, draw };
}

const skip: Drawing = { width: 0, up: 0, down: 0, draw: () => '' };

function sequence(items: readonly Drawing[]): Drawing {
  const width = items.reduce((sum, item) => sum + item.width, 0) + GAP * Math.max(0, items.length - 1);
  const draw = (x: number, y: number): string => {
    let at = x;
    return items
      .map((item, index) => {
        const link = index === 0 ? '' : line(at, y, GAP);
        if (index > 0) at += GAP;
        const out = link + item.draw(at, y);
        at += item.width;
        return out;
      })
      .join('');
  };
  return {
    width,
    up: Math.max(0, ...items.map(({ up }) => up)),
    down: Math.max(0, ...items.map(({ down }) => down)),
    draw,
  };
}

/** The first goes straight on, the others lie below it. */
function choice(items: readonly Drawing[]): Drawing {
  const inner = Math.max(...items.map(({ width }) => width));
  const offsets = [0];
  for (let at = 1; at < items.length; at++)
    offsets.push(
      Math.max(offsets[at - 1]! + items[at - 1]!.down + ROW + items[at]!.up, offsets[at - 1]! + 2 * RADIUS),
    );
  const side = 2 * RADIUS;
  const last = items.length - 1;
  const draw = (x: number, y: number): string =>
    items
      .map((item, index) => {
        const below = offsets[index]!;
        const [left, right] = [x + side, x + side + inner];
        const body = item.draw(left, y + below) + line(left + item.width, y + below, inner - item.width);
        if (index === 0) return line(x, y, side) + body + line(right, y, side);
        const turn = below - 2 * RADIUS;
        const arc = `a${RADIUS} ${RADIUS} 0 0`;
        const into = `<path d="M${x} ${y}${arc} 1 ${RADIUS} ${RADIUS}v${turn}${arc} 0 ${RADIUS} ${RADIUS}"/>`;
        const out = `<path d="M${right} ${y + below}${arc} 0 ${RADIUS} ${-RADIUS}v${-turn}${arc} 1 ${RADIUS} ${-RADIUS}"/>`;
        return into + body + out;
      })
      .join('');
  return { width: inner + 2 * side, up: items[0]!.up, down: offsets[last]! + items[last]!.down, draw };
}

/** The way back lies below. */
function oneOrMore(item: Drawing): Drawing {
  const back = item.down + ROW + RADIUS;
  const width = item.width + 2 * RADIUS;
  const draw = (x: number, y: number): string => {
    const [left, right] = [x + RADIUS, x + RADIUS + item.width];
    const arc = `a${RADIUS} ${RADIUS} 0 0 1`;
    const turn = back - 2 * RADIUS;
    const loop = `<path d="M${right} ${y}${arc} ${RADIUS} ${RADIUS}v${turn}${arc} ${-RADIUS} ${RADIUS}h${-item.width}${arc} ${-RADIUS} ${-RADIUS}v${-turn}${arc} ${RADIUS} ${-RADIUS}"/>`;
    return line(x, y, RADIUS) + item.draw(left, y) + line(right, y, RADIUS) + loop;
  };
  return { width, up: item.up, down: back, draw };
}

function layout(node: Node): Drawing {
  switch (node.kind) {
    case 'literal':
      return box(node.text, 'literal');
    case 'token':
      return box(node.name, 'token');
    case 'rule':
      return box(node.name, 'rule');
    case 'sequence':
      return sequence(node.items.map(layout));
    case 'choice':
      return choice(node.items.map(layout));
    case 'optional':
      return choice([skip, layout(node.item)]);
    case 'many':
      return choice([skip, oneOrMore(layout(node.item))]);
    case 'oneOrMore':
      return oneOrMore(layout(node.item));
  }
}

const MARGIN = 20;

/** The diagram of a rule as an `<svg>` element. */
export function railroad(node: Node, title: string): string {
  const drawing = layout(node);
  const [width, height] = [drawing.width + 2 * MARGIN + 20, drawing.up + drawing.down + 2 * RADIUS];
  const y = drawing.up + RADIUS;
  const ends = [MARGIN - 10, width - MARGIN + 10].map((x) => `<path d="M${x} ${y - 6}v12"/>`).join('');
  const lead = line(MARGIN - 10, y, 20) + line(MARGIN + 10 + drawing.width, y, 20);
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">${ends}${lead}${drawing.draw(MARGIN + 10, y)}</svg>`;
}
