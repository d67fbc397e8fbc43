import type { Btf, BtfType } from '../../btf/index.ts';

/** Types behind each other in one declaration; the kernel takes 32. */
const MAX_DEPTH = 32;

/**
 * A function as `bpftool prog dump` heads it, `int sub(struct xdp_md * ctx)`: a space behind each word
 * and each star. Empty for what is no function.
 */
export function prototypeText(btf: Btf, type: BtfType): string {
  if (type.kind !== 'func') return '';
  return functionText(btf, type.type, type.name, 0);
}

function functionText(btf: Btf, protoId: number, name: string, depth: number): string {
  const proto = btf.type(protoId);
  if (proto.kind !== 'funcProto') return '';
  const parameters = proto.params.map(({ name: parameter, type }) =>
    type === 0 && parameter === '' ? '...' : `${typeText(btf, type, depth + 1)}${parameter}`,
  );
  return `${typeText(btf, proto.type, depth + 1)}${name}(${parameters.join(', ')})`;
}

function typeText(btf: Btf, id: number, depth: number): string {
  if (id === 0) return 'void ';
  if (depth > MAX_DEPTH) return '… ';
  const type = btf.type(id);
  const inner = (of: number): string => typeText(btf, of, depth + 1);
  switch (type.kind) {
    case 'struct':
    case 'union':
    case 'enum':
      return `${type.kind} ${type.name} `;
    case 'enum64':
      return `enum ${type.name} `;
    case 'array':
      return `${inner(type.type)}[${type.count}]`;
    case 'ptr':
      return `${inner(type.type)}* `;
    case 'fwd':
      return `${type.union ? 'union' : 'struct'} ${type.name} `;
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${inner(type.type)}`;
    case 'typeTag':
      return inner(type.type);
    case 'funcProto':
      return functionText(btf, id, '', depth + 1);
    case 'func':
      return functionText(btf, type.type, type.name, depth + 1);
    default:
      return `${type.name} `;
  }
}
