import { SectionFlag, SectionType } from '../../object/relocatable.ts';
import { didYouMean } from '../../util/suggest.ts';
import { Arguments } from './arguments.ts';
import type { Assembler, DirectiveStatement } from './assembler.ts';
import type { SectionKind } from './section-builder.ts';

const FLAG_LETTERS: Readonly<Record<string, number>> = {
  a: SectionFlag.ALLOC,
  w: SectionFlag.WRITE,
  x: SectionFlag.EXECINSTR,
  M: SectionFlag.MERGE,
  S: SectionFlag.STRINGS,
  // SHF_EXCLUDE and SHF_GNU_RETAIN: what a linker leaves out, and keeps.
  e: 0x80000000,
  R: 0x200000,
};

/** What ties a section to another one; an object of ours has nothing of that. */
const TIES: Readonly<Record<string, string>> = { o: 'a linked section', G: 'a group' };

/** Numbers of sections beside others of their names. */
const MAX_UNIQUE = 2 ** 32;

const SECTION_TYPES: Readonly<Record<string, number>> = {
  progbits: SectionType.PROGBITS,
  nobits: SectionType.NOBITS,
  note: SectionType.NOTE,
};

/** `.section NAME[, "flags"[, @type[, entrySize]]]` */
export function section(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const name = args.text("the section's name");
  if (!name) return;
  if (!args.more) {
    assembler.enter(assembler.section(name.text, undefined));
    return;
  }
  const flagsAt = args.peek()!;
  const kind = sectionKind(args);
  if (!kind) return;
  sectionTies(assembler, args, kind.ties);
  const known = assembler.findSection(name.text);
  if (known && (known.kind.flags !== kind.kind.flags || known.kind.type !== kind.kind.type)) {
    args.error(flagsAt, `section '${name.text}' was begun with other flags or another type`, [
      'leave flags and type out to go on in it',
    ]);
    return;
  }
  if (args.end()) assembler.enter(assembler.section(name.text, kind.kind));
}

/** What stands behind the type: names of other sections, of groups, and `unique, NUMBER`. */
function sectionTies(assembler: Assembler, args: Arguments, ties: readonly string[]): void {
  const lost = [...ties];
  const at = args.peek();
  for (const tie of ties) {
    args.skip();
    const next = args.peek();
    if (tie === TIES.G && next?.kind === 'expr' && next.value.kind === 'name' && next.value.name === 'comdat')
      args.skip();
  }
  const unique = args.peek();
  if (unique?.kind === 'expr' && unique.value.kind === 'name' && unique.value.name === 'unique') {
    args.skip();
    args.number("the section's number", 0, MAX_UNIQUE);
    lost.push('a section of its own beside others of its name');
  }
  if (lost.length === 0 || told.has(assembler)) return;
  // Once a file.
  told.add(assembler);
  assembler.problems.warn(at ?? args.line, 'not-carried-over', `not carried over: ${lost.join(', ')}`);
}

const told: WeakSet<Assembler> = new WeakSet();

function sectionKind(
  args: Arguments,
): { readonly kind: SectionKind; readonly ties: readonly string[] } | undefined {
  const text = args.string("the section's flags");
  if (!text) return undefined;
  let flags = 0;
  const ties: string[] = [];
  for (const letter of new TextDecoder().decode(text.bytes)) {
    const tie = TIES[letter];
    if (tie !== undefined) {
      ties.push(tie);
      continue;
    }
    const flag = FLAG_LETTERS[letter];
    if (flag === undefined)
      return args.error(text, `there is no section flag '${letter}'`, [
        'the flags are a (allocated), w (writable), x (code), M (mergeable) and S (strings): "ax" for programs',
      ]);
    flags = (flags | flag) >>> 0;
  }
  let type: number = SectionType.PROGBITS;
  const typeArg = args.peek();
  if (typeArg?.kind === 'type') {
    args.skip();
    const known = Object.hasOwn(SECTION_TYPES, typeArg.name) ? SECTION_TYPES[typeArg.name] : undefined;
    if (known === undefined)
      return args.error(
        typeArg,
        `there is no section type '@${typeArg.name}'`,
        didYouMean(typeArg.name, Object.keys(SECTION_TYPES)),
      );
    type = known;
  }
  const entrySize = flags & SectionFlag.MERGE ? args.number('the size of an entry', 1, 4096) : 0;
  // In the order of their names behind the type.
  ties.sort((a) => (a === TIES.G ? -1 : 1));
  return entrySize === undefined ? undefined : { kind: { type, flags, entrySize }, ties };
}
