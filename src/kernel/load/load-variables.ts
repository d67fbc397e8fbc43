import type { ObjectSpec, VariableSpec } from '../../object/spec.ts';
import type { BpfMap } from '../maps/map.ts';
import { encodeField, type MapValue } from '../maps/map-codec.ts';
import { fieldOf } from '../maps/typed.ts';
import { Variable } from '../maps/variable.ts';

/** What a variable may be given: a number or bytes, and what else its BTF type has. */
export type VariableValue = MapValue | boolean | string | object;

/**
 * A variable's value as a map takes it. Numbers and bytes are what they are; anything else is written by
 * the variable's type.
 *
 * @throws {TsbpfError} `BTF_BAD_VALUE` and others of {@link btfCodec}
 */
export function variableContent(spec: ObjectSpec, variable: VariableSpec, value: VariableValue): MapValue {
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint8Array) return value;
  const { type, size, name } = variable;
  const field = fieldOf(spec, type, size);
  return encodeField<unknown>(field, value, `variable '${name}'`);
}

/**
 * The variables of a collection by their names: a map, whose entries are members besides, as in
 * `collection.variables.limit.get()`. Those that are named as what maps have (`size`, `get` …) are only in the map.
 */
export type Variables = ReadonlyMap<string, Variable> & { readonly [name: string]: Variable };

/** The variables of an object that lie in maps that were loaded. */
export function variablesOf(spec: ObjectSpec, maps: ReadonlyMap<string, BpfMap>): Variables {
  const variables = new Map<string, Variable>();
  for (const variable of spec.variables.values()) {
    const map = maps.get(variable.map);
    if (!map) continue;
    const made = new Variable(variable, map);
    variables.set(variable.name, made);
    if (!(variable.name in Map.prototype)) Object.defineProperty(variables, variable.name, { value: made });
  }
  return variables as unknown as Variables;
}
