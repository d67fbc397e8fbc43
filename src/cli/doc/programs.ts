import { CONTEXT_OF_PROG_TYPE, CONTEXT_STRUCTS } from '../../isa/context-structs.generated.ts';
import { enumName } from '../../isa/enum-name.ts';
import { HELPERS_BY_PROG_TYPE } from '../../isa/helper-protos.generated.ts';
import { HELPERS } from '../../isa/helpers.generated.ts';
import { AttachType, ProgType } from '../../isa/kernel-tables.generated.ts';
import { PROG_DOCS } from '../../isa/prog-docs.ts';
import { RETURN_CODES, type ReturnCodes } from '../../isa/return-codes.ts';
import { kindOfTypeName, programKind, sectionNames } from '../../object/section-names.ts';
import { type Block, facts, type Page, type Shelf } from './page.ts';

type ProgName = keyof typeof PROG_DOCS;
const NAMES = Object.keys(PROG_DOCS) as ProgName[];

/** The sections whose programs are of a type, with the attach type that each means. */
function sectionsOf(type: ProgType): { section: string; attachType: number }[] {
  return sectionNames.flatMap((section) => {
    const kind = programKind(section);
    return kind?.progType === type ? [{ section, attachType: kind.expectedAttachType }] : [];
  });
}

function contextOf(name: ProgName): { struct?: string; text: string } {
  const struct = (CONTEXT_OF_PROG_TYPE as Readonly<Record<number, string>>)[ProgType[name]];
  if (struct !== undefined) return { struct, text: `struct ${struct} *` };
  return { text: PROG_DOCS[name].context ?? 'nothing' };
}

/** Offset, bytes and name of the fields of a context. */
function contextFields(struct: string | undefined): (readonly [string, number, number])[] {
  const known = CONTEXT_STRUCTS as unknown as Readonly<
    Record<string, { readonly fields: Readonly<Record<string, readonly (number | string)[]>> }>
  >;
  const fields = struct === undefined ? {} : (known[struct]?.fields ?? {});
  return Object.entries(fields).map(
    ([field, [offset, size]]) => [field, Number(offset), Number(size)] as const,
  );
}

function returnsBlock(codes: ReturnCodes, isOnly: boolean): Block {
  const attach = codes.attachTypes?.map((type) => enumName(AttachType, type).toLowerCase()).join(', ');
  const range = codes.range;
  const limit =
    range === undefined
      ? ''
      : range[0] === range[1]
        ? `, always ${range[0]}`
        : `, ${range[0]} to ${range[1]}`;
  const rows = codes.codes.map(({ name, value, meaning }) => [String(value), name ?? '', meaning]);
  if (codes.otherwise !== undefined) rows.push([rows.length === 0 ? 'any' : 'other', '', codes.otherwise]);
  return {
    kind: 'table',
    title: `Returns${attach === undefined || isOnly ? '' : ` (${attach})`}${limit}`,
    head: ['value', 'name', 'meaning'],
    rows,
  };
}

function page(name: ProgName): Page {
  const type = ProgType[name];
  const context = contextOf(name);
  const fields = contextFields(context.struct);
  const sections = sectionsOf(type);
  const returns = RETURN_CODES.filter(({ progType }) => progType === type);
  const ids = (HELPERS_BY_PROG_TYPE as Readonly<Record<string, readonly number[]>>)[name];
  const callable = ids && HELPERS.filter(({ id }) => ids.includes(id)).map((helper) => helper.name);
  return {
    kind: 'prog',
    name: name.toLowerCase(),
    summary: PROG_DOCS[name].text,
    blocks: [
      { kind: 'text', text: PROG_DOCS[name].text },
      facts(
        ['number', `${type}, BPF_PROG_TYPE_${name}`],
        ['context (r1)', context.text],
        ['sections', sections.map(({ section }) => section).join(', ') || undefined],
        ['Linux', PROG_DOCS[name].since],
        ['helpers', callable && `${callable.length} of ${HELPERS.length}`],
      ),
      ...returns.map((codes) => returnsBlock(codes, returns.length === 1)),
      ...(fields.length === 0
        ? []
        : [
            {
              kind: 'table',
              title: `Fields of struct ${context.struct}`,
              head: ['offset', 'bytes', 'field'],
              rows: fields.map(([field, offset, size]) => [String(offset), String(size), field]),
            } as const,
          ]),
    ],
    data: {
      id: type,
      context: context.text,
      fields: fields.map(([field, offset, size]) => ({ name: field, offset, size })),
      sections: sections.map(({ section, attachType }) => ({ section, attachType })),
      returns: returns.map(({ attachTypes, codes, range, otherwise }) => ({
        attachTypes: attachTypes?.map((one) => enumName(AttachType, one)) ?? null,
        codes: codes.map((code) => ({ ...code, name: code.name ?? null })),
        range: range ?? null,
        otherwise: otherwise ?? null,
      })),
      helpers: callable ?? null,
      since: PROG_DOCS[name].since,
    },
  };
}

function find(name: string): Page[] {
  const kind = kindOfTypeName(name) ?? (name.includes('/') ? programKind(name) : undefined);
  return NAMES.filter((known) => ProgType[known] === kind?.progType).map(page);
}

export const programs: Shelf = {
  kind: 'prog',
  title: 'Program types',
  file: 'docs/reference/programs.md',
  introduction:
    'The type of a program says where it runs, what r1 points to when it begins, which helpers it may call and what its return value in r0 means. The section that a program is in tells its type.',
  list: () => NAMES.map((name) => ({ name: name.toLowerCase(), summary: PROG_DOCS[name].text })),
  find,
  spellings: () => [...NAMES.map((name) => name.toLowerCase()), ...sectionNames],
};
