import { readFileSync } from 'node:fs';
import { TsbpfError } from '../../util/errors.ts';
import { tracefsFolder, tracepointId } from '../tracefs.ts';

/** A field of the record that a tracepoint's programs are given. */
export interface TracepointField {
  readonly name: string;
  /** As C writes it, without the name: `const char *`, `__data_loc char[]`, `char[16]`. */
  readonly type: string;
  /** Where it begins in the record, in bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  /** One of the header that every tracepoint has. Programs may not read those. */
  readonly common: boolean;
  /**
   * For an array of variable length, which lies elsewhere in the record. The field itself is a u32:
   * the place in its lower 16 bits (`data_loc`: from the record's beginning, `rel_loc`: from behind the
   * field), the size in bytes in its upper 16 bits.
   */
  readonly dynamic: 'data_loc' | 'rel_loc' | undefined;
}

/** What `events/CATEGORY/NAME/format` of tracefs says. */
export interface TracepointFormat {
  readonly name: string;
  /** As perf_event_open(2) knows it; another one on each kernel. */
  readonly id: number;
  readonly fields: readonly TracepointField[];
  /** How the kernel prints a record: a format with its arguments, as C writes them. */
  readonly print: string;
}

function formatError(what: string): TsbpfError {
  return new TsbpfError('TRACEPOINT_FORMAT', `this is no format of a tracepoint: ${what}`);
}

function lineOf(text: string, label: string): string {
  const line = text.split('\n').find((one) => one.startsWith(`${label}:`));
  if (line === undefined) throw formatError(`the line '${label}:' is missing`);
  return line.slice(label.length + 1).trim();
}

const FIELD = /^\tfield:(.*);\toffset:(\d+);\tsize:(\d+);(?:\tsigned:([01]);)?\s*$/;

/** `char comm[16]` as type and name; the brackets belong to the type. */
function splitDeclaration(declaration: string): { readonly type: string; readonly name: string } {
  const brackets = declaration.endsWith(']') ? declaration.indexOf('[', declaration.lastIndexOf(' ')) : -1;
  const plain = (brackets < 0 ? declaration : declaration.slice(0, brackets)).trimEnd();
  const end = Math.max(plain.lastIndexOf(' '), plain.lastIndexOf('*')) + 1;
  const type = plain.slice(0, end).trim();
  const name = plain.slice(end);
  if (type === '' || !/^[A-Za-z_]\w*$/.test(name)) throw formatError(`'${declaration}' declares no field`);
  return { type: type + (brackets < 0 ? '' : declaration.slice(brackets)), name };
}

function parseField(line: string, common: boolean): TracepointField {
  const [, declaration, offset, size, signed] = FIELD.exec(line) ?? [];
  if (declaration === undefined) throw formatError(`the line '${line.trim()}' is no field`);
  const { type, name } = splitDeclaration(declaration);
  const dynamic = /^__(data_loc|rel_loc) /.exec(type)?.[1] as TracepointField['dynamic'];
  return { name, type, offset: Number(offset), size: Number(size), signed: signed === '1', common, dynamic };
}

/**
 * Reads the text of a tracepoint's `format` file.
 *
 * @example
 * ```ts
 * const { id, fields } = parseTracepointFormat(readFileSync(`${events}/syscalls/sys_enter_execve/format`, 'utf8'));
 * fields.find(({ name }) => name === 'filename')?.offset; // 16
 * ```
 * @throws {TsbpfError} `TRACEPOINT_FORMAT`
 */
export function parseTracepointFormat(text: string): TracepointFormat {
  const name = lineOf(text, 'name');
  const id = lineOf(text, 'ID');
  if (!/^\d+$/.test(id)) throw formatError(`'${id}' is no number of a tracepoint`);
  const fields: TracepointField[] = [];
  // An empty line stands between the header that all have and the tracepoint's own fields.
  let common = true;
  for (const line of text.split('\n')) {
    if (line.startsWith('\tfield:')) fields.push(parseField(line, common));
    else if (line === '' && fields.length > 0) common = false;
  }
  if (fields.length === 0) throw formatError('it has no fields');
  return { name, id: Number(id), fields, print: lineOf(text, 'print fmt') };
}

/**
 * What the running kernel says of a tracepoint.
 *
 * @example `readTracepointFormat('syscalls', 'sys_enter_execve').fields`
 * @throws {TsbpfError} `TRACEFS_UNAVAILABLE`, `TRACEPOINT_NOT_FOUND`, `TRACEPOINT_FORMAT`
 */
export function readTracepointFormat(category: string, name: string): TracepointFormat {
  // Says what is missing, and what is there in its place.
  tracepointId(category, name);
  return parseTracepointFormat(readFileSync(`${tracefsFolder()}/events/${category}/${name}/format`, 'utf8'));
}
