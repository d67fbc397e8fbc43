import { INSN_TABLE, type InsnDef, type InsnKind } from '../../isa/insn-table.ts';

/** What a line of text tells about its instruction's row; what it leaves out matches anything. */
export interface InsnForm {
  readonly kind: InsnKind;
  readonly op?: string;
  readonly width?: number;
  readonly size?: number;
  readonly x?: boolean;
  readonly fetch?: boolean;
  readonly name?: string;
}

function keyOf(kind: InsnKind, op: string, width: number, size: number, x: boolean, fetch: boolean): string {
  return `${kind} ${op} ${width} ${size} ${x} ${fetch}`;
}

const rowsByForm = new Map<string, InsnDef>();
for (const def of INSN_TABLE) {
  const key = keyOf(def.kind, def.op, def.width, def.size, def.x, def.fetch);
  // Calls and wide loads have one text and several rows; the plain one stands first.
  if (!rowsByForm.has(key)) rowsByForm.set(key, def);
}

/** The row for a form, or undefined where the table has none: `w1 = *(s32 *)…`. */
export function rowOf(form: InsnForm): InsnDef | undefined {
  const { kind, op = '', width = 64, size = 0, x = false, fetch = false } = form;
  return rowsByForm.get(keyOf(kind, op, width, size, x, fetch));
}
