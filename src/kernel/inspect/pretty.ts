import type { BtfValue } from './btf-value.ts';

/**
 * A value as `bpftool map dump` lays it out on a terminal: members of objects on lines of their own, four
 * spaces a level; elements of arrays behind each other, the bracket that ends them on a line of its own.
 * Addresses and bits stand in bare hexadecimal, which JSON does not have.
 */
export function prettyValue(value: BtfValue, depth = 0): string {
  const line = (level: number): string => `\n${'    '.repeat(level)}`;
  switch (value.kind) {
    case 'object': {
      if (value.members.length === 0) return '{}';
      const members = value.members.map(
        ([name, member]) => `${line(depth + 1)}${quoted(name)}: ${prettyValue(member, depth + 1)}`,
      );
      return `{${members.join(',')}${line(depth)}}`;
    }
    case 'array': {
      if (value.elements.length === 0) return '[]';
      return `[${value.elements.map((element) => prettyValue(element, depth + 1)).join(',')}${line(depth)}]`;
    }
    case 'bits':
    case 'address':
      return `0x${value.value.toString(16)}`;
    case 'text':
      return quoted(value.value);
    case 'null':
      return 'null';
    default:
      return String(value.value);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\f': '\\f',
  '\b': '\\b',
  '\\': '\\\\',
  '"': '\\"',
};

const SPECIAL = /[\t\n\r\f\b\\"]/g;

function quoted(text: string): string {
  return `"${text.replace(SPECIAL, (character) => ESCAPES[character]!)}"`;
}
