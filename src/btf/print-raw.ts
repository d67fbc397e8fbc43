import type { Btf } from './btf.ts';
import type {
  BtfComposite,
  BtfDatasec,
  BtfEnum,
  BtfFuncProto,
  BtfInt,
  BtfKindName,
  BtfType,
} from './types.ts';

type Value = string | number | bigint;
/** Names and values in the order in which they are printed. */
type Fields = readonly (readonly [key: string, value: Value])[];

/** A type in bpftool's words. */
interface Description {
  readonly fields: Fields;
  /** What the elements are called in JSON, and each one's fields. */
  readonly elements?: { readonly key: string; readonly rows: readonly Fields[] };
}

const kindWords: Record<BtfKindName, string> = {
  void: 'UNKN',
  int: 'INT',
  ptr: 'PTR',
  array: 'ARRAY',
  struct: 'STRUCT',
  union: 'UNION',
  enum: 'ENUM',
  fwd: 'FWD',
  typedef: 'TYPEDEF',
  volatile: 'VOLATILE',
  const: 'CONST',
  restrict: 'RESTRICT',
  func: 'FUNC',
  funcProto: 'FUNC_PROTO',
  var: 'VAR',
  datasec: 'DATASEC',
  float: 'FLOAT',
  declTag: 'DECL_TAG',
  typeTag: 'TYPE_TAG',
  enum64: 'ENUM64',
};

/**
 * The types one after the other, as `bpftool btf dump format raw` prints them. Of a split BTF only
 * its own.
 *
 * @example
 * ```ts
 * btfToText(btf); // [1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
 * ```
 */
export function btfToText(btf: Btf): string {
  const lines: string[] = [];
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const type = btf.type(id);
    const { fields, elements } = describe(type);
    // bpftool puts a comma after a variable's type, and nowhere else.
    const texts = fields.map(
      ([key, value]) => `${key}=${value}${type.kind === 'var' && key === 'type_id' ? ',' : ''}`,
    );
    const count = elements ? [`vlen=${elements.rows.length}`] : [];
    lines.push([`[${id}]`, kindWords[type.kind], quoted(type.name), ...texts, ...count].join(' '));
    for (const row of elements?.rows ?? []) lines.push(`\t${elementText(btf, type, row)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function elementText(btf: Btf, owner: BtfType, row: Fields): string {
  const suffix = owner.kind === 'enum64' ? (owner.signed ? 'LL' : 'ULL') : '';
  const words = row.map(([key, value]) => {
    if (key === 'name') return quoted(String(value));
    return `${key}=${value}${key === 'val' ? suffix : ''}`;
  });
  if (owner.kind === 'datasec') {
    const variable = btf.type(Number(row[0]![1]));
    words.push(`(${kindWords[variable.kind]} ${quoted(variable.name)})`);
  }
  return words.join(' ');
}

/**
 * The types as JSON, in the shape of `bpftool -j btf dump`. Values of enumerations may be larger
 * than a JavaScript number is exact; they stand there in full.
 *
 * @example
 * ```ts
 * const { types } = JSON.parse(btfToJson(btf));
 * types[0]; // { id: 1, kind: 'INT', name: 'int', size: 4, bits_offset: 0, nr_bits: 32, encoding: 'SIGNED' }
 * ```
 */
export function btfToJson(btf: Btf): string {
  const types: string[] = [];
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const type = btf.type(id);
    const { fields, elements } = describe(type);
    const parts = members([
      ['id', id],
      ['kind', kindWords[type.kind]],
      ['name', type.name || ANONYMOUS],
      ...fields,
    ]);
    if (elements) {
      const rows = elements.rows.map((row) => `{${members(row).join()}}`);
      parts.push(`"vlen":${rows.length}`, `${JSON.stringify(elements.key)}:[${rows.join()}]`);
    }
    types.push(`{${parts.join()}}`);
  }
  return `{"types":[${types.join()}]}`;
}

/** JSON.stringify takes no bigint. */
function members(fields: Fields): string[] {
  return fields.map(([key, value]) => {
    const text = key === 'name' && value === '' ? ANONYMOUS : value;
    return `${JSON.stringify(key)}:${typeof text === 'string' ? JSON.stringify(text) : text}`;
  });
}

const ANONYMOUS = '(anon)';
const quoted = (name: string): string => `'${name || ANONYMOUS}'`;

function describe(type: BtfType): Description {
  switch (type.kind) {
    case 'void':
      return { fields: [] };
    case 'int':
      return { fields: intFields(type) };
    case 'float':
      return { fields: [['size', type.size]] };
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'typeTag':
      return { fields: [['type_id', type.type]] };
    case 'array':
      return {
        fields: [
          ['type_id', type.type],
          ['index_type_id', type.indexType],
          ['nr_elems', type.count],
        ],
      };
    case 'fwd':
      return { fields: [['fwd_kind', type.union ? 'union' : 'struct']] };
    case 'func':
    case 'var':
      return {
        fields: [
          ['type_id', type.type],
          ['linkage', type.linkage],
        ],
      };
    case 'declTag':
      return {
        fields: [
          ['type_id', type.type],
          ['component_idx', type.componentIndex],
        ],
      };
    case 'struct':
    case 'union':
    case 'enum':
    case 'enum64':
    case 'funcProto':
    case 'datasec':
      return describeElements(type);
  }
}

function describeElements(type: BtfComposite | BtfEnum | BtfFuncProto | BtfDatasec): Description {
  switch (type.kind) {
    case 'struct':
    case 'union': {
      const rows = type.members.map(({ name, type: member, offsetBits, bitSize }): Fields => {
        const fields: Fields = [
          ['name', name],
          ['type_id', member],
          ['bits_offset', offsetBits],
        ];
        return bitSize ? [...fields, ['bitfield_size', bitSize]] : fields;
      });
      return { fields: [['size', type.size]], elements: { key: 'members', rows } };
    }
    case 'enum':
    case 'enum64':
      return { fields: enumFields(type), elements: { key: 'values', rows: type.values.map(valueFields) } };
    case 'funcProto': {
      const rows = type.params.map(
        ({ name, type: param }): Fields => [
          ['name', name],
          ['type_id', param],
        ],
      );
      return { fields: [['ret_type_id', type.type]], elements: { key: 'params', rows } };
    }
    case 'datasec': {
      const rows = type.vars.map(
        ({ type: variable, offset, size }): Fields => [
          ['type_id', variable],
          ['offset', offset],
          ['size', size],
        ],
      );
      return { fields: [['size', type.size]], elements: { key: 'vars', rows } };
    }
  }
}

function intFields(type: BtfInt): Fields {
  const encoding = type.signed ? 'SIGNED' : type.char ? 'CHAR' : type.bool ? 'BOOL' : '(none)';
  return [
    ['size', type.size],
    ['bits_offset', type.bitOffset],
    ['nr_bits', type.bits],
    ['encoding', encoding],
  ];
}

function enumFields(type: BtfEnum): Fields {
  return [
    ['encoding', type.signed ? 'SIGNED' : 'UNSIGNED'],
    ['size', type.size],
  ];
}

function valueFields({ name, value }: BtfEnum['values'][number]): Fields {
  return [
    ['name', name],
    ['val', value],
  ];
}
