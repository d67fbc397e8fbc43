import { namedConstants } from '../../asm/assemble/constants.ts';
import { enumName } from '../../isa/enum-name.ts';
import { ProgType } from '../../isa/kernel-tables.generated.ts';
import { RETURN_CODES } from '../../isa/return-codes.ts';
import { helpers } from './helpers.ts';
import { maps } from './maps.ts';
import { facts, type Page, type Shelf } from './page.ts';
import { programs } from './programs.ts';

interface Constant {
  readonly name: string;
  readonly value: bigint;
  /** False where only a program's author uses the name, not the assembler. */
  readonly isKnown: boolean;
}

/** What the assembler knows by name, and the names of return values. */
function all(): Map<string, Constant> {
  const out = new Map<string, Constant>();
  for (const [name, value] of namedConstants()) out.set(name, { name, value, isKnown: true });
  for (const { codes } of RETURN_CODES)
    for (const { name, value } of codes)
      if (name !== undefined && !out.has(name)) out.set(name, { name, value: BigInt(value), isKnown: false });
  return out;
}

/** Constants that stand for something with a page of its own. */
function pagesBehind(name: string): readonly Page[] {
  if (name.startsWith('BPF_FUNC_')) return helpers.find(name.slice('BPF_FUNC_'.length));
  if (name.startsWith('BPF_MAP_TYPE_')) return maps.find(name);
  return name.startsWith('BPF_PROG_TYPE_') ? programs.find(name) : [];
}

function page({ name, value, isKnown }: Constant): Page {
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
      facts(...meanings.map(([type, meaning]): [string, string] => [`returned by ${type}`, meaning]), [
        'in the language',
        isKnown ? undefined : 'the assembler does not know the name; write the number',
      ]),
    ],
    data: { value: Number(value), returnedBy: meanings.map(([type, meaning]) => ({ type, meaning })) },
  };
}

export const constants: Shelf = {
  kind: 'constant',
  title: 'Constants',
  file: undefined,
  introduction: 'Numbers of the kernel that have a name.',
  list: () => [...all().values()].map(({ name, value }) => ({ name, summary: String(value) })),
  find: (name) => {
    const behind = pagesBehind(name);
    if (behind.length > 0) return behind;
    const constant = all().get(name);
    return constant ? [page(constant)] : [];
  },
  spellings: () => all().keys(),
};
