/**
 * A C prototype as data: what it returns, and its parameters as `[type, name]`. A type is C's spelling
 * without the name (`struct bpf_sock_tuple *`, `bool (*)(struct bpf_rb_node *)`); `['...', '']` stands
 * for further arguments.
 */
export interface Prototype {
  readonly returns: string;
  readonly params: readonly (readonly [type: string, name: string])[];
}

/** A type around a name: `void *map`, `bool (*less)(int)`, `char name[16]`. */
function declare(type: string, name: string): string {
  if (name === '') return type;
  const pointer = type.indexOf('(*)');
  if (pointer >= 0) return `${type.slice(0, pointer + 2)}${name}${type.slice(pointer + 2)}`;
  const array = type.indexOf('[');
  if (array >= 0) return `${type.slice(0, array).trimEnd()} ${name}${type.slice(array)}`;
  return type.endsWith('*') ? `${type}${name}` : `${type} ${name}`;
}

/**
 * The prototype of a function as C has it.
 *
 * @example `prototypeText('f', { returns: 'long', params: [['void *', 'map']] })` is `'long f(void *map)'`.
 */
export function prototypeText(name: string, { returns, params }: Prototype): string {
  const list = params.map(([type, param]) => declare(type, param)).join(', ');
  return declare(returns, `${name}(${list || 'void'})`);
}
