/** The key of a value in a table of constants, or the number itself where the table does not know it. */
export function enumName(table: Readonly<Record<string, number>>, value: number): string {
  for (const key in table) if (table[key] === value) return key;
  return String(value);
}
