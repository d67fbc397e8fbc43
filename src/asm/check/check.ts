import { checkAvailability } from './availability.ts';
import { checkContext } from './context.ts';
import { checkLoops } from './endless.ts';
import type { CheckInput, Finding } from './finding.ts';
import { checkOperands } from './operands.ts';
import { checkPrintk } from './printk.ts';
import { checkShape } from './shape.ts';
import { checkStack } from './stack-bounds.ts';
import { checkUnset } from './unset.ts';
import { WayFinder } from './way.ts';

/**
 * Looks for what the kernel's verifier will refuse, and for what does not do what it looks like, as
 * far as it shows without knowing maps and types. It takes any bytes. What it finds is meant to be
 * wrong on every kernel: where it cannot tell, it says nothing.
 *
 * @returns the findings in the order of their slots
 */
export function checkCode(input: CheckInput): Finding[] {
  const context = checkContext(input);
  const ways = new WayFinder(context);
  const findings = [
    ...checkShape(context),
    ...checkUnset(context, ways),
    // The kernel looks at these only where control can come, which it knows better than constants alone tell.
    ...[
      ...checkLoops(context),
      ...checkOperands(context),
      ...checkAvailability(context),
      ...checkStack(context),
      ...checkPrintk(context),
    ].filter(({ slot }) => ways.leadsTo(slot)),
  ];
  return findings.sort((a, b) => a.slot - b.slot);
}
