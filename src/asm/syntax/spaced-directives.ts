/**
 * Directives whose arguments stand beside each other without commas: `.loc 0 8 2 prologue_end`,
 * `.file 1 "/usr/include" "stdio.h" md5 0x8ab7…`. Both readers ask here.
 */
export const SPACED_DIRECTIVES: ReadonlySet<string> = new Set(['.file', '.loc']);
