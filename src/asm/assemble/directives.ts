import { didYouMean } from '../../util/suggest.ts';
import type { Assembler, DirectiveHandler, DirectiveStatement } from './assembler.ts';
import { LLVM_DIRECTIVES } from './directives-llvm.ts';
import { OWN_DIRECTIVES } from './directives-own.ts';
import { TYPE_DIRECTIVES } from './directives-types.ts';

/** Every directive by name, the dot included. */
export const DIRECTIVES: ReadonlyMap<string, DirectiveHandler> = new Map([
  ...Object.entries(LLVM_DIRECTIVES),
  ...Object.entries(OWN_DIRECTIVES),
  ...Object.entries(TYPE_DIRECTIVES),
]);

export function unknownDirective(assembler: Assembler, line: DirectiveStatement): void {
  assembler.problems.error(line.nameRange, 'unknown-directive', `there is no directive '${line.name}'`, {
    help: didYouMean(line.name, DIRECTIVES.keys()),
  });
}
