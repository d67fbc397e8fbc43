import type { Paint } from '../../util/render.ts';
import { KINDS, type Kind, NOUNS, type Page, type Shelf } from '../doc/page.ts';
import { pageMarkdown } from '../doc/render-markdown.ts';
import { listText, pageText, wrap } from '../doc/render-text.ts';
import { allShelves, findPages, shelfOf, unknownName } from '../doc/shelves.ts';
import { type CommonOptions, paint, print, printJson } from '../io.ts';

export interface DocOptions extends CommonOptions {
  readonly markdown?: boolean;
}

/** Lines longer than this are hard to read, however wide the terminal is. */
const MAX_WIDTH = 100;

/** The result goes to stdout: what is piped stays plain, whatever stderr is. */
const stdoutPaint: Paint = (style, text) =>
  process.stdout.isTTY || process.env.FORCE_COLOR ? paint(style, text) : text;

/** `tsbpf doc [kind] [name]`: what the language, the instructions and the kernel's tables have by a name. */
export async function doc(words: readonly string[], options: DocOptions): Promise<undefined> {
  const [first = '', ...rest] = words;
  const kind = (KINDS as readonly string[]).includes(first) ? (first as Kind) : undefined;
  const name = (kind === undefined ? words : rest).join(' ').trim();
  if (name === '') {
    if (kind === undefined) await listKinds(options);
    else listNames(await shelfOf(kind), options);
    return;
  }
  const pages = await findPages(name, kind);
  if (pages.length === 0 && (kind === undefined || kind === 'insn')) pages.push(...(await pageOfText(name)));
  if (pages.length === 0) throw await unknownName(name, kind);
  show(pages, options);
}

function width(): number {
  return Math.min(process.stdout.columns ?? 80, MAX_WIDTH);
}

function show(pages: readonly Page[], { json, markdown }: DocOptions): void {
  if (json) {
    printJson({ pages: pages.map(({ kind, name, summary, data }) => ({ kind, name, summary, ...data })) });
  } else if (markdown) print(pages.map((page) => pageMarkdown(page, 1)).join('\n\n'));
  else print(pages.map((page) => pageText(page, NOUNS[page.kind], width(), stdoutPaint)).join('\n\n\n'));
}

async function listKinds({ json }: DocOptions): Promise<void> {
  const kinds = (await allShelves()).map((shelf) => ({
    kind: shelf.kind,
    title: shelf.title,
    count: shelf.list().length,
  }));
  if (json) {
    printJson({ kinds });
    return;
  }
  const rows = kinds.map(
    ({ kind, title, count }) =>
      `  ${stdoutPaint('note', kind.padEnd(11))}${String(count).padStart(4)}  ${title}`,
  );
  print(
    [
      wrap('tsbpf doc KIND lists all of a kind, tsbpf doc [KIND] NAME shows one.', width()),
      '',
      ...rows,
      '',
      'An instruction is found by its mnemonic, its opcode (0x0f) or its text ("r1 += r2"),',
      'a program type by the section of its programs too (tc/ingress).',
    ].join('\n'),
  );
}

function listNames(shelf: Shelf, { json }: DocOptions): void {
  if (json) printJson({ kind: shelf.kind, names: shelf.list() });
  else print(listText(shelf, width(), stdoutPaint));
}

/** What no word of a name has. */
const INSTRUCTION = /[=(*\s]/;

/** The page of an instruction that is written out. @throws {DiagnosticsError} for a text that is none */
async function pageOfText(text: string): Promise<Page[]> {
  return INSTRUCTION.test(text) ? await (await import('../doc/insn-text.ts')).pagesOfText(text) : [];
}
