/** As the kernel's `license_is_gpl_compatible` (`include/linux/license.h`) has it, to the letter. */
const GPL_COMPATIBLE: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

/**
 * Whether the kernel lets a program of this licence call helpers that are for the GPL only.
 *
 * @example `isGplCompatible('Dual BSD/GPL')` is true, `isGplCompatible('gpl')` is not.
 */
export function isGplCompatible(license: string): boolean {
  return GPL_COMPATIBLE.has(license);
}
