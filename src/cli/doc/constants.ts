import { namedConstants } from '../../asm/assemble/constants.ts';
import { enumName } from '../../isa/enum-name.ts';
import { ProgType } from '../../isa/kernel-tables.generated.ts';
import { RETURN_CODES } from '../../isa/return-codes.ts';
import { helpers } from './helpers.ts';
import { maps } from './maps.ts';
import { facts, type Page, type Shelf } from './page.ts';
import { programs } from './programs.ts';

/** Constants that stand for something with a page of its own. */
function pagesBehind(name: string): readonly Page[] {
  if (name.startsWith('BPF_FUNC_')) return helpers.find(name.slice('BPF_FUNC_'.length));
  if (name.startsWith('BPF_MAP_TYPE_')) return maps.find(name);
  return name.startsWith('BPF_PROG_TYPE_') ? programs.find(name) : [];
}

function page(name: string, value: bigint): Page {
  const returns = RETURN_CODES.flatMap(({ progType, codes }) =>
    codes
      .filter((code) => code.name === name)
      .map(({ meaning }): [string, string] => [enumName(ProgType, progType).toLowerCase(), meaning]),
  );
  const meanings = [...new Map(returns.map((row) => [row.join(': '), row])).values()];
  const hex = value < 0n ? String(value) : `${value} (0x${value.toString(16)})`;
  return {
    kind: 'constant',
    name,
    summary: meanings[0]?.[1] ?? hex,
    blocks: [
      { kind: 'code', language: 'c', text: `${name} = ${hex}` },
      facts(...meanings.map(([type, meaning]): [string, string] => [`returned by ${type}`, meaning])),
    ],
    data: { value: Number(value), returnedBy: meanings.map(([type, meaning]) => ({ type, meaning })) },
  };
}

export const constants: Shelf = {
  kind: 'constant',
  title: 'Constants',
  file: undefined,
  introduction: 'Numbers of the kernel that have a name.',
  list: () => [...namedConstants()].map(([name, value]) => ({ name, summary: String(value) })),
  find: (name) => {
    const behind = pagesBehind(name);
    if (behind.length > 0) return behind;
    const value = namedConstants().get(name);
    return value === undefined ? [] : [page(name, value)];
  },
  spellings: () => namedConstants().keys(),
};
