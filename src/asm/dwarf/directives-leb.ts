import { Arguments } from '../assemble/arguments.ts';
import type { Assembler, DirectiveHandler } from '../assemble/assembler.ts';
import type { Expr } from '../syntax/ast.ts';
import { debugTablesOf } from './debug-tables.ts';
import { type LebKind, leb128 } from './leb.ts';

const WHAT = 'a number of variable length';

/**
 * Numbers of variable length. What depends on later lines gets a fixed number of bytes, so that
 * nothing behind it has to move.
 */
function leb(kind: LebKind): DirectiveHandler {
  return (assembler, line) => {
    const args = new Arguments(assembler, line);
    do {
      const expr = args.expr('a number');
      if (!expr || !assembler.hasRoom(line, 10)) return;
      if (!isKnown(assembler, expr)) {
        debugTablesOf(assembler).later.add(assembler, kind, expr);
        continue;
      }
      const value = assembler.evaluator.number(expr, assembler.here, WHAT);
      if (value !== undefined) assembler.current.append(Uint8Array.from(leb128(kind, BigInt(value))));
    } while (args.more);
  };
}

/** Whether every name has been defined above. */
function isKnown(assembler: Assembler, expr: Expr): boolean {
  switch (expr.kind) {
    case 'name':
      return assembler.symbols.find(expr.name)?.defined !== undefined;
    case 'unary':
      return isKnown(assembler, expr.operand);
    case 'binary':
      return isKnown(assembler, expr.left) && isKnown(assembler, expr.right);
    default:
      return true;
  }
}

export const LEB_DIRECTIVES: Readonly<Record<string, DirectiveHandler>> = {
  '.uleb128': leb('unsigned'),
  '.sleb128': leb('signed'),
};
