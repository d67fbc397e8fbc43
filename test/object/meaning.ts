import type { ObjectSpec } from '../../src/object/index.ts';
import { toHex } from '../../src/util/index.ts';

/**
 * A spec as plain data, without what has no meaning: where functions lie in their section, where
 * strings lie in the BTF, and the places that a compiler leaves open in a DATASEC.
 */
export function meaningOf(spec: ObjectSpec): unknown {
  const { btf } = spec;
  const functions = [...spec.functions.values()].map(({ sectionOffset: _, code, lines, ...rest }) => ({
    ...rest,
    code: toHex(code),
    lines: lines.map(({ fileOffset: _file, textOffset: _text, ...line }) => line),
  }));
  const types = btf ? Array.from({ length: btf.typeCount }, (_, id) => typeOf(btf.type(id))) : [];
  return {
    endian: spec.endian,
    license: spec.license,
    functions,
    maps: [...spec.maps.values()],
    variables: [...spec.variables.values()],
    externs: [...spec.externs.values()],
    types,
  };
}

function typeOf(type: ReturnType<NonNullable<ObjectSpec['btf']>['type']>): unknown {
  if (type.kind !== 'datasec') return type;
  return { ...type, size: 0, vars: type.vars.map((entry) => entry.type).sort((a, b) => a - b) };
}
