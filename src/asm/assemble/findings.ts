import type { FlowReference } from '../../flow/graph.ts';
import { SLOT_SIZE } from '../../isa/slot.ts';
import { isGplCompatible } from '../../object/license.ts';
import { RelocationType, SectionFlag } from '../../object/relocatable.ts';
import { programKind } from '../../object/section-names.ts';
import { checkCode } from '../check/check.ts';
import type { CheckedFunction, Finding } from '../check/finding.ts';
import type { Range } from '../syntax/ast.ts';
import { commentStart } from '../syntax/raw-directives.ts';
import type { Assembler } from './assembler.ts';
import type { PendingRelocation } from './emit.ts';
import type { SectionBuilder } from './section-builder.ts';
import { isSymbol } from './symbols.ts';

/** Longer code than this nobody wrote by hand, and analysing it would take longer than assembling it. */
const MAX_CHECKED_SLOTS = 16_384;

/** Warns of code that assembles and cannot work, or does not do what it looks like. */
export function reportFindings(assembler: Assembler, relocations: readonly PendingRelocation[]): void {
  for (const section of assembler.sections) {
    if (!section.hasCode || section.size > MAX_CHECKED_SLOTS * SLOT_SIZE || section.size % SLOT_SIZE !== 0)
      continue;
    const functions = functionsOf(assembler, section);
    if (functions.length === 0) continue;
    const own = relocations.filter((one) => one.section === section);
    const findings = checkCode({
      code: section.bytes(),
      endian: assembler.options.endian,
      functions,
      references: referencesOf(assembler, section, own),
      gplCompatible: assembler.licenseText === undefined ? undefined : isGplCompatible(assembler.licenseText),
      readData: (slot) => constantAt(assembler, section, own, slot),
    });
    for (const finding of findings) report(assembler, section, finding);
  }
}

/** The functions of a section that `.program` and `.function` lines opened. */
function functionsOf({ debug }: Assembler, section: SectionBuilder): CheckedFunction[] {
  const kind = programKind(section.name);
  const functions = debug.functions
    .filter((one) => one.section === section && one.symbol.type === 'func')
    .map(({ symbol }) => symbol)
    .sort((a, b) => a.value - b.value);
  return functions.map((symbol, index) => {
    const end = functions[index + 1]?.value ?? section.size;
    return checked(symbol.name, symbol.value, end, section.name !== '.text', kind?.progType);
  });
}

function checked(
  name: string,
  start: number,
  end: number,
  isProgram: boolean,
  progType: CheckedFunction['progType'],
): CheckedFunction {
  return { name, slot: start / SLOT_SIZE, slots: (end - start) / SLOT_SIZE, isProgram, progType };
}

/** What relocations stand for that the bytes do not say. */
function referencesOf(
  { language }: Assembler,
  section: SectionBuilder,
  relocations: readonly PendingRelocation[],
): ReadonlyMap<number, FlowReference> {
  const references = new Map<number, FlowReference>();
  for (const { offset, type, target } of relocations) {
    if (type !== RelocationType.R_BPF_64_32) references.set(offset / SLOT_SIZE, { kind: 'address' });
    else if (isSymbol(target) && target.section === section)
      references.set(offset / SLOT_SIZE, { kind: 'function', target: target.value / SLOT_SIZE });
    else references.set(offset / SLOT_SIZE, { kind: 'extern' });
  }
  for (const { at } of language.cores)
    if (at.section === section) references.set(at.offset / SLOT_SIZE, { kind: 'patched' });
  return references;
}

/** The constant bytes whose address the `lddw` at a slot loads. */
function constantAt(
  { options }: Assembler,
  section: SectionBuilder,
  relocations: readonly PendingRelocation[],
  slot: number,
): Uint8Array | undefined {
  const relocation = relocations.find(({ offset }) => offset === slot * SLOT_SIZE);
  if (!relocation) return undefined;
  const { target } = relocation;
  const data = isSymbol(target) ? target.section : target;
  if (!data?.stored || (data.flags & SectionFlag.WRITE) !== 0) return undefined;
  const view = new DataView(section.bytes().buffer, section.bytes().byteOffset);
  const addend = view.getInt32(slot * SLOT_SIZE + 4, options.endian === 'little');
  return data.bytes().subarray((isSymbol(target) ? target.value : 0) + addend);
}

function report(assembler: Assembler, section: SectionBuilder, finding: Finding): void {
  const { problems } = assembler;
  const range = rangeOf(assembler, section, finding.slot);
  if (!range) return;
  const labels = (finding.notes ?? []).flatMap(({ slot, message }) => {
    const at = rangeOf(assembler, section, slot);
    return at ? [problems.label(at, message)] : [];
  });
  const { label, help = [] } = finding;
  problems.warn(range, finding.code, finding.message, {
    labels,
    help,
    ...(label !== undefined && { label }),
  });
}

/** The statement that an instruction comes from. */
function rangeOf({ problems }: Assembler, section: SectionBuilder, slot: number): Range | undefined {
  const start = section.placeOf(slot * SLOT_SIZE);
  if (start === undefined) return undefined;
  const { readable, base } = problems.sources.bufferAt(start);
  const at = start - base;
  const newline = readable.indexOf('\n', at);
  const line = readable.slice(at, newline < 0 ? readable.length : newline);
  const code = line.slice(0, commentStart(line, 0, line.length)).split(';')[0]!;
  return { start, end: start + Math.max(1, code.trimEnd().length) };
}
