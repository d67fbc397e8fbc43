import { describe, expect, test } from 'vitest';
import {
  type Btf,
  BtfBuilder,
  BtfCopier,
  btfCodec,
  btfToC,
  btfToJson,
  btfToText,
  btfToTypeScript,
  dedupBtf,
  minimalBtf,
  parseBtf,
  sanitiseBtf,
} from '../../src/btf/index.ts';
import { TsbpfError } from '../../src/util/index.ts';
import { fc, test as property } from '../support/property.ts';
import { everyKind } from './every-kind.ts';

const uses: Readonly<Record<string, (btf: Btf) => unknown>> = {
  copy: (btf) => new BtfCopier(btf, new BtfBuilder()).all(),
  dedup: dedupBtf,
  sanitise: (btf) => sanitiseBtf(btf, { datasec: false, func: false, enum64: false }),
  'as C': (btf) => btfToC(btf),
  'as TypeScript': (btf) => btfToTypeScript(btf),
  'as text': btfToText,
  'as JSON': (btf) => JSON.parse(btfToJson(btf)),
  codecs: (btf) => {
    for (let id = 1; id < btf.typeCount; id++)
      attempt(() => btfCodec(btf, id).read(new DataView(new ArrayBuffer(64)), 0, true));
  },
  minimal: (btf) => {
    const relocations = Array.from({ length: btf.typeCount }, (_, type) => ({
      type,
      access: '0:0',
      kind: 0,
    }));
    for (const each of relocations) attempt(() => minimalBtf(btf, [{ btf, relocations: [each] }]));
  },
};

/** Passes over the refusals that are meant; anything else is a defect. */
function attempt(use: () => unknown): void {
  try {
    use();
  } catch (error) {
    if (!(error instanceof TsbpfError)) throw error;
  }
}

const good = everyKind().build('little');

/** Words overwritten by small numbers, which are types, kinds and counts, or by anything. */
const mutation = fc.record({
  at: fc.integer({ min: 6, max: Math.floor(good.length / 4) - 1 }),
  value: fc.oneof(
    fc.nat(40),
    fc.nat(0xffff_ffff),
    fc.nat(31).map((kind) => (kind << 24) | 2),
  ),
});

describe.each(Object.entries(uses))('%s', (name, use) => {
  property.prop([fc.array(mutation, { minLength: 1, maxLength: 4 })], { numRuns: 300 })(
    'damaged types are refused in words, or taken',
    (mutations) => {
      const bytes = good.slice();
      const view = new DataView(bytes.buffer);
      for (const { at, value } of mutations) view.setUint32(at * 4, value >>> 0, true);
      attempt(() => use(parseBtf(bytes)));
    },
  );

  test('a variable whose type is a variable', () => {
    const bytes = good.slice();
    const view = new DataView(bytes.buffer);
    view.setUint32(134 * 4, 27, true);
    view.setUint32(6 * 4, 0, true);
    attempt(() => use(parseBtf(bytes)));
  });

  test('a chain as long as the file is no deeper than the stack', () => {
    const builder = new BtfBuilder();
    builder.int('int', 4);
    for (let id = 2; id < 15_000; id++) {
      if (id % 3 === 0) builder.funcProto(id - 1, [{ name: 'p', type: id - 1 }]);
      else if (id % 3 === 1) builder.struct('', 8, [{ name: '', type: id - 1, offsetBits: 0 }]);
      else builder.ptr(id - 1);
    }
    attempt(() => (name === 'minimal' || name === 'codecs' ? 0 : use(parseBtf(builder.build('little')))));
  });

  test('a web in which everything is twice in everything ends', () => {
    const builder = new BtfBuilder();
    builder.int('int', 4);
    for (let id = 2; id < 200; id++) {
      if (id % 2) builder.funcProto(id - 1, [{ name: 'p', type: id - 1 }]);
      else {
        const names = id % 4 ? ['a', 'b'] : ['', ''];
        builder.struct(
          '',
          8,
          names.map((name) => ({ name, type: id === 2 ? 1 : id - 2, offsetBits: 0 })),
        );
      }
    }
    attempt(() => use(parseBtf(builder.build('little'))));
  });
});

test('what is used is taken when it is whole', () => {
  for (const use of Object.values(uses)) expect(() => use(parseBtf(good))).not.toThrow();
});
