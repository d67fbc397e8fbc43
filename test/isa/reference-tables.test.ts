import { describe, expect, test } from 'vitest';
import { HELPERS } from '../../src/isa/helpers.generated.ts';
import { insnDoc } from '../../src/isa/insn-docs.ts';
import { INSN_TABLE } from '../../src/isa/insn-table.ts';
import { AttachType, MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { MAP_DOCS } from '../../src/isa/map-docs.ts';
import { PROG_DOCS } from '../../src/isa/prog-docs.ts';
import { RETURN_CODES, returnCodes } from '../../src/isa/return-codes.ts';

/** Numbers of kernel enums are given out in the order of time, so first versions may not go back. */
function goesBack(rows: readonly { readonly id: number; readonly since: string }[]): unknown[] {
  const weight = (version: string): number => {
    const [major = 0, minor = 0] = version.split('.').map(Number);
    return major * 1000 + minor;
  };
  const sorted = [...rows].sort((a, b) => a.id - b.id);
  return sorted.filter((row, at) => at > 0 && weight(row.since) < weight(sorted[at - 1]!.since));
}

describe('map types', () => {
  const names = Object.keys(MAP_DOCS) as (keyof typeof MapType)[];

  test('every type of the kernel is described once', () => {
    const ids = names.map((name) => MapType[name]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids)).toEqual(new Set(Object.values(MapType).filter((id) => id !== MapType.UNSPEC)));
  });

  test('the helpers that they name exist, and the versions are in order', () => {
    const known = new Set(HELPERS.map(({ name }) => name));
    expect(names.flatMap((name) => MAP_DOCS[name]!.helpers).filter((helper) => !known.has(helper))).toEqual(
      [],
    );
    expect(goesBack(names.map((name) => ({ id: MapType[name], since: MAP_DOCS[name]!.since })))).toEqual([]);
  });

  test('the texts are sentences', () => {
    expect(names.filter((name) => !/^[A-Z].*\.$/.test(MAP_DOCS[name]!.text))).toEqual([]);
  });
});

describe('program types', () => {
  test('every type of the kernel is described, in the order of time', () => {
    const names = Object.keys(PROG_DOCS) as (keyof typeof PROG_DOCS)[];
    expect(names.map((name) => ProgType[name])).toEqual(
      Object.values(ProgType).filter((type) => type !== ProgType.UNSPEC),
    );
    const since = names.map((name) => ({ id: ProgType[name], since: PROG_DOCS[name].since }));
    expect(goesBack(since)).toEqual([]);
    expect(names.filter((name) => !/^[A-Z].*\.$/.test(PROG_DOCS[name].text))).toEqual([]);
  });
});

describe('return codes', () => {
  test('every program type has them, and no attach type has them twice', () => {
    const types = new Set(RETURN_CODES.map(({ progType }) => progType));
    expect(types).toEqual(new Set(Object.values(ProgType).filter((type) => type !== ProgType.UNSPEC)));
    const keys = RETURN_CODES.flatMap(({ progType, attachTypes }) =>
      (attachTypes ?? ['any']).map((attach) => `${progType} ${attach}`),
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('the codes lie in the range, and a range that leaves others out says what they mean', () => {
    for (const { codes, range, otherwise } of RETURN_CODES) {
      expect(new Set(codes.map(({ value }) => value)).size).toBe(codes.length);
      if (range) for (const { value } of codes) expect(value >= range[0] && value <= range[1]).toBe(true);
      const covered = range !== undefined && codes.length === range[1] - range[0] + 1;
      expect(covered || otherwise !== undefined).toBe(true);
    }
  });

  test('an attach type comes before its type', () => {
    const { CGROUP_INET_EGRESS, XDP_DEVMAP, TCX_INGRESS } = AttachType;
    expect(returnCodes(ProgType.CGROUP_SKB, CGROUP_INET_EGRESS)?.range).toEqual([0, 3]);
    expect(returnCodes(ProgType.XDP, XDP_DEVMAP)?.codes[2]).toMatchObject({ name: 'XDP_PASS', value: 2 });
    expect(returnCodes(ProgType.SCHED_CLS, TCX_INGRESS)?.codes[0]?.name).toBe('TCX_NEXT');
    expect(returnCodes(ProgType.SCHED_CLS)?.codes[0]?.name).toBe('TC_ACT_UNSPEC');
    expect(returnCodes(ProgType.CGROUP_SKB)).toBeUndefined();
  });
});

describe('instructions', () => {
  const rows = INSN_TABLE.map((def) => ({ def, doc: insnDoc(def) }));

  test('every row has a sentence, pseudocode and a version', () => {
    const wrong = rows.filter(
      ({ doc }) =>
        !/^[A-Z].*\.$/.test(doc.text) || doc.pseudocode === '' || /undefined|\bmask\b/.test(doc.pseudocode),
    );
    expect(wrong).toEqual([]);
    expect(rows.filter(({ doc }) => doc.since === undefined).map(({ def }) => def.name)).toEqual(['callx']);
    expect(rows.filter(({ doc }) => !/^\d\.\d+$/.test(doc.since ?? '0.0'))).toEqual([]);
  });

  test('RFC 9669 has all but what Linux and LLVM added', () => {
    const outside = rows.filter(({ doc }) => doc.section === undefined).map(({ def }) => def.isa);
    expect(new Set(outside)).toEqual(new Set(['ext']));
    const sections = new Set(rows.map(({ doc }) => doc.section));
    expect([...sections].sort()).toEqual([
      '4.1',
      '4.2',
      '4.3',
      '4.3.1',
      '4.3.2',
      '5.1',
      '5.2',
      '5.3',
      '5.4',
      '5.4.1',
      '5.4.2',
      '5.5',
      undefined,
    ]);
  });

  test('what LLVM emits from v4 on only, the kernel has since 6.6; stores of constants it always had', () => {
    const late = rows.filter(({ def }) => def.isa === 'v4' && def.kind !== 'st');
    expect(new Set(late.map(({ doc }) => doc.since))).toEqual(new Set(['6.6']));
  });

  test.each([
    ['add_k', 'dst = dst + (s64)imm'],
    ['arsh_k', 'dst = dst s>> imm'],
    ['arsh32_x', 'dst = (u32)((u32)dst s>> ((u32)src & 31))'],
    ['mod32_x', 'dst = (u32)((u32)src ? (u32)dst % (u32)src : (u32)dst)'],
    ['mov32_x', 'dst = (u32)src'],
    ['jslt32_k', 'if ((u32)dst s< imm) pc += off'],
    ['cmpxchg', 'old = *(u64 *)(dst + off); if (old == r0) *(u64 *)(dst + off) = src; r0 = old'],
  ])('%s is %s', (name, text) => {
    expect(rows.find(({ def }) => def.name === name)!.doc.pseudocode).toBe(text);
  });
});
