import type { Block, Page } from './page.ts';

/** What a cell of a table may hold: a bar would end it. */
export const cell = (text: string): string => text.replaceAll('|', '\\|');

/** A table with columns as wide as their contents, so that the source is readable too. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(cell));
  const widths = head.map((_, at) => Math.max(3, ...cells.map((row) => row[at]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, at) => text.padEnd(widths[at]!)).join(' | ')} |`;
  return [line(cells[0]!), line(widths.map((width) => '-'.repeat(width))), ...cells.slice(1).map(line)].join(
    '\n',
  );
}

/** One part of a page whose heading has that level. */
export function blockMarkdown(part: Block, level: number): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'code':
      return `\`\`\`${part.language}\n${part.text}\n\`\`\``;
    case 'facts':
      return part.rows.map(([label, value]) => `- ${label}: ${value}`).join('\n');
    case 'table':
      return `${'#'.repeat(level + 1)} ${part.title}\n\n${markdownTable(part.head, part.rows)}`;
  }
}

/** A page as Markdown, its heading at the given level. */
export function pageMarkdown(page: Page, level: number): string {
  const parts = page.blocks.map((part) => blockMarkdown(part, level)).filter((part) => part !== '');
  return [`${'#'.repeat(level)} ${page.name}`, ...parts].join('\n\n');
}
