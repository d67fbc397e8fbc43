import type { Paint } from '../../util/render.ts';
import { formatTable } from '../table.ts';
import type { Block, Page, Shelf } from './page.ts';

/** Breaks text between words; the lines after the first begin with `indent` blanks. */
export function wrap(text: string, width: number, indent = 0): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const room = lines.length === 0 ? width : width - indent;
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

const indented = (text: string): string => text.replace(/^(?=.)/gm, '    ');

/** Breaks a long prototype or line of the language behind a comma. */
function wrapCode(text: string, width: number): string {
  const lines = [''];
  for (const piece of text.split(/(?<=, )/)) {
    const line = lines[lines.length - 1]!;
    if (line.trim() === '' || line.length + piece.trimEnd().length <= width)
      lines[lines.length - 1] = line + piece;
    else lines.push(`    ${piece}`);
  }
  return lines.map((line) => line.trimEnd()).join('\n');
}

const plain = (text: string): string => text.replaceAll('`', '');

function factRows(rows: readonly (readonly [string, string])[], width: number, paint: Paint): string {
  const column = Math.max(...rows.map(([label]) => label.length)) + 2;
  return rows
    .map(
      ([label, value]) =>
        `${paint('note', label.padEnd(column))}${wrap(value, width - column, 0).replaceAll('\n', `\n${' '.repeat(column)}`)}`,
    )
    .join('\n');
}

function table(block: Extract<Block, { kind: 'table' }>, width: number, paint: Paint): string {
  const last = block.head.length - 1;
  const columns = block.head
    .slice(0, last)
    .map((head, at) => Math.max(head.length, ...block.rows.map((row) => row[at]!.length)));
  const before = columns.reduce((sum, column) => sum + column + 2, 2);
  const rows = block.rows.flatMap((row) => {
    const [first, ...rest] = wrap(row[last]!, Math.max(20, width - before)).split('\n');
    return [[...row.slice(0, last), first!], ...rest.map((line) => [...row.slice(0, last).fill(''), line])];
  });
  return `${paint('strong', wrap(block.title, width))}\n${formatTable(block.head, rows)}`;
}

function blockText(block: Block, width: number, paint: Paint): string {
  switch (block.kind) {
    case 'text':
      return wrap(plain(block.text), width);
    case 'code':
      return indented(block.language === 'text' ? block.text : wrapCode(block.text, width - 4));
    case 'facts':
      return block.rows.length === 0 ? '' : factRows(block.rows, width, paint);
    case 'table':
      return table(block, width, paint);
  }
}

/** A page for the terminal. */
export function pageText(page: Page, noun: string, width: number, paint: Paint): string {
  const head = `${paint('strong', page.name)}  ${paint('frame', noun)}`;
  const parts = page.blocks.map((block) => blockText(block, width, paint)).filter((part) => part !== '');
  return [head, ...parts].join('\n\n');
}

/** All names of a kind with a sentence each. */
export function listText(shelf: Shelf, width: number, paint: Paint): string {
  const items = shelf.list();
  const column = Math.max(...items.map(({ name }) => name.length)) + 2;
  const rows = items.map(
    ({ name, summary }) =>
      `${paint('note', name.padEnd(column))}${wrap(plain(summary), Math.max(20, width - column)).replaceAll('\n', `\n${' '.repeat(column)}`)}`,
  );
  return rows.join('\n');
}
