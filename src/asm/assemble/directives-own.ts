import { SectionFlag, SectionType } from '../../object/relocatable.ts';
import { decodeText } from '../../util/bytes.ts';
import { Arguments } from './arguments.ts';
import type { Assembler, DirectiveHandler, DirectiveStatement } from './assembler.ts';
import { declareExtern, declareFunction, openProgram } from './functions.ts';
import { declareEntry, declareMap } from './map-declaration.ts';

const CODE = { type: SectionType.PROGBITS, flags: SectionFlag.ALLOC | SectionFlag.EXECINSTR, entrySize: 0 };
const DATA = { type: SectionType.PROGBITS, flags: SectionFlag.ALLOC | SectionFlag.WRITE, entrySize: 0 };

/** `.license "GPL"`: the text that the kernel compares with its list of GPL-compatible licences. */
function license(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const text = args.string('a licence such as "GPL"');
  if (!text || !args.end()) return;
  if (assembler.license) {
    assembler.problems.error(line, 'defined-twice', 'the licence is given twice', {
      labels: [assembler.problems.label(assembler.license, 'first given here')],
    });
    return;
  }
  assembler.license = { start: line.start, end: line.end };
  assembler.licenseText = decodeText(text.bytes);
  const section = assembler.section('license', DATA);
  const before = assembler.current;
  assembler.current = section;
  const symbol = assembler.defineLabel('_license', line);
  section.append(text.bytes);
  section.append(Uint8Array.of(0));
  assembler.current = before;
  if (!symbol) return;
  symbol.binding = 'global';
  symbol.type = 'object';
  assembler.setSize(symbol, text.bytes.length + 1);
}

/** `.program NAME, "section"` */
function program(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const name = args.name('the name of the program');
  const section = name && args.text('a section such as "xdp", which tells the program\'s type');
  if (!name || !section || !args.end()) return;
  const builder = assembler.section(section.text, CODE);
  if ((builder.flags & CODE.flags) !== CODE.flags && builder.size > 0) {
    args.error(section, `section '${section.text}' holds data: a program needs one of its own`);
    return;
  }
  openProgram(assembler, name, builder);
}

function map(assembler: Assembler, line: DirectiveStatement): void {
  const declaration = declareMap(assembler, line);
  assembler.mapIsBroken = declaration === undefined;
  if (!declaration) {
    // Later lines may use its name or fill its slots: that is no second mistake.
    const [first] = line.args;
    if (first?.kind === 'expr' && first.value.kind === 'name') assembler.poison(first.value.name);
    return;
  }
  const symbol = assembler.defineElsewhere(declaration.spec.name, declaration.range);
  if (!symbol) return;
  symbol.binding = 'global';
  symbol.type = 'object';
  assembler.maps.push(declaration);
}

/** `.const NAME = expression` */
function constant(assembler: Assembler, line: DirectiveStatement): void {
  const args = new Arguments(assembler, line);
  const [arg] = line.args;
  if (arg?.kind !== 'option') {
    args.error(
      arg ?? { start: line.end, end: line.end },
      "'.const' needs a name and a value: '.const LIMIT = 8'",
    );
    return;
  }
  args.skip();
  if (args.end()) assembler.defineConstant(arg.name, arg.nameRange, arg.value, false);
}

/** The directives that LLVM does not have, for people who write by hand. */
export const OWN_DIRECTIVES: Readonly<Record<string, DirectiveHandler>> = {
  '.license': license,
  '.program': program,
  '.function': declareFunction,
  '.extern': declareExtern,
  '.map': map,
  '.entry': declareEntry,
  '.const': constant,
};
