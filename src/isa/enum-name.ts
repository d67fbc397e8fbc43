/** The first key of a value in a table of constants, or undefined where the table does not know it. */
export function findEnumName(
  table: Readonly<Record<string, number>>,
  value: number | undefined,
): string | undefined {
  for (const key in table) if (table[key] === value) return key;
  return undefined;
}

/** As {@link findEnumName}, or the number itself. */
export function enumName(table: Readonly<Record<string, number>>, value: number | undefined): string {
  return findEnumName(table, value) ?? String(value);
}
