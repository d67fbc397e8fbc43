import { describe, expect, test } from 'vitest';
import { MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { linkInfoLayout, mapInfoLayout, progInfoLayout } from '../../src/syscall/bpf-info-layout.ts';
import {
  allIds,
  bpfError,
  fdById,
  linkInfo,
  MapElementCall,
  mapFreeze,
  mapInfo,
  nextId,
  objGet,
  objPin,
  progInfo,
  tryBtfLoad,
  tryMapCreate,
  tryProgLoad,
  tryProgTestRun,
} from '../../src/syscall/index.ts';
import { decodeCString, toHex, viewOf } from '../../src/util/bytes.ts';
import { returns } from '../support/bpf-code.ts';
import { type FakeNative, useFakeNative } from '../support/fake-native.ts';
import { LAYOUTS } from './layouts.ts';
import offsets from './vectors/attr-offsets.json' with { type: 'json' };

const fake = useFakeNative();

/** Each recorded bpf(2) call: its command, and its attr in rows of 16 bytes. */
function recorded(native: FakeNative): string[] {
  return native.calls.map((call) => {
    const { command, attr } = native.bpf(call);
    const rows = toHex(attr, ' ').match(/.{1,48}/g) ?? [];
    return `${command}\n${rows.map((row) => `  ${row.trimEnd()}`).join('\n')}\n`;
  });
}

describe('the layouts', () => {
  test.each(LAYOUTS.map(({ layout }) => [layout.name, layout] as const))(
    '%s has its members where the kernel has them',
    (name, layout) => {
      const expected = (offsets as Record<string, Record<string, number>>)[name];
      expect({ ...layout.offsets, gpl_compatible: undefined }).toMatchObject(expected ?? {});
      expect(Object.keys(expected ?? {}).length).toBeGreaterThanOrEqual(
        Object.keys(layout.fields).length - 1,
      );
    },
  );
});

describe('the attr of', () => {
  test('MAP_CREATE', () => {
    fake().answer(5);
    const result = tryMapCreate({
      name: 'counts',
      type: MapType.HASH,
      keySize: 4,
      valueSize: 8,
      maxEntries: 16,
      flags: 1,
      numaNode: 2,
      innerMapFd: 9,
      extra: 0x0102n,
      btfFd: 7,
      btfKeyTypeId: 11,
      btfValueTypeId: 12,
    });
    expect(result).toBe(5);
    expect(recorded(fake())[0]).toMatchInlineSnapshot(`
      "MAP_CREATE
        01 00 00 00 04 00 00 00 08 00 00 00 10 00 00 00
        01 00 00 00 09 00 00 00 02 00 00 00 63 6f 75 6e
        74 73 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        07 00 00 00 0b 00 00 00 0c 00 00 00 00 00 00 00
        02 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      "
    `);
  });

  test('the element commands', () => {
    const elements = new MapElementCall(4, 8);
    elements.lookup(3, 4);
    const seen = [recorded(fake()).at(-1)];
    elements.update(3, 1);
    seen.push(recorded(fake()).at(-1));
    elements.delete(3);
    seen.push(recorded(fake()).at(-1));
    elements.nextKey(3, true);
    seen.push(recorded(fake()).at(-1));
    elements.nextKey(3, false);
    seen.push(recorded(fake()).at(-1));
    expect(seen.join('')).toMatchInlineSnapshot(`
      "MAP_LOOKUP_ELEM
        03 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00
        00 30 00 00 00 00 00 00 04 00 00 00 00 00 00 00
      MAP_UPDATE_ELEM
        03 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00
        00 30 00 00 00 00 00 00 01 00 00 00 00 00 00 00
      MAP_DELETE_ELEM
        03 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00
        00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      MAP_GET_NEXT_KEY
        03 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        00 30 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      MAP_GET_NEXT_KEY
        03 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00
        00 30 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      "
    `);
    expect([fake().at(0x2000), fake().at(0x3000)]).toEqual([elements.key, elements.value]);
  });

  test('MAP_FREEZE', () => {
    mapFreeze(3, 'a map');
    expect(recorded(fake())[0]).toMatchInlineSnapshot(`
      "MAP_FREEZE
        03 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      "
    `);
  });

  test('PROG_LOAD', () => {
    const code = returns(2);
    const buffer = new Uint8Array(64);
    const info = new Uint8Array(16);
    fake().answer((call, memory) => {
      viewOf(memory.bpf(call).attr).setUint32(140, 1234, true);
      return 8;
    });
    const result = tryProgLoad({
      name: 'pass',
      type: ProgType.XDP,
      code,
      license: 'GPL',
      flags: 32,
      expectedAttachType: 37,
      log: { level: 1, buffer },
      btf: { fd: 6, funcInfo: info, funcInfoRecordSize: 8, lineInfo: info, lineInfoRecordSize: 16 },
    });
    expect(result).toEqual({ result: 8, logTrueSize: 1234 });
    expect(recorded(fake())[0]).toMatchInlineSnapshot(`
      "PROG_LOAD
        06 00 00 00 02 00 00 00 00 10 00 00 00 00 00 00
        00 20 00 00 00 00 00 00 01 00 00 00 40 00 00 00
        00 30 00 00 00 00 00 00 00 00 00 00 20 00 00 00
        70 61 73 73 00 00 00 00 00 00 00 00 00 00 00 00
        00 00 00 00 25 00 00 00 06 00 00 00 08 00 00 00
        00 40 00 00 00 00 00 00 02 00 00 00 10 00 00 00
        00 40 00 00 00 00 00 00 01 00 00 00 00 00 00 00
        00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        00 00 00 00 00 00 00 00 00 00 00 00 d2 04 00 00
        00 00 00 00 00 00 00 00
      "
    `);
    expect(decodeCString(fake().at(0x2000))).toBe('GPL');
    expect(fake().at(0x1000)).toBe(code);
  });

  test('PROG_LOAD again, where a signal came in between', () => {
    fake().answer(-11, -11, 4);
    expect(tryProgLoad({ name: '', type: 1, code: returns(0), license: '' }).result).toBe(4);
    expect(fake().calls.length).toBe(3);
    fake().answerAll(() => -11);
    expect(tryProgLoad({ name: '', type: 1, code: returns(0), license: '' }).result).toBe(-11);
    expect(fake().calls.length).toBe(8);
  });

  test('PROG_TEST_RUN', () => {
    const data = new Uint8Array(14);
    fake().answer((call, memory) => {
      const view = viewOf(memory.bpf(call).attr);
      view.setUint32(4, 2, true);
      view.setUint32(12, 60, true);
      view.setUint32(36, 777, true);
      return 0;
    });
    const run = tryProgTestRun({
      fd: 4,
      data,
      dataOut: new Uint8Array(100),
      ctx: new Uint8Array(8),
      ctxOut: new Uint8Array(8),
      repeat: 3,
      flags: 1,
      cpu: 2,
      batchSize: 5,
    });
    expect(run).toEqual({ result: 0, retval: 2, dataSizeOut: 60, ctxSizeOut: 8, durationNs: 777 });
    expect(recorded(fake())[0]).toMatchInlineSnapshot(`
      "PROG_TEST_RUN
        04 00 00 00 02 00 00 00 0e 00 00 00 3c 00 00 00
        00 10 00 00 00 00 00 00 00 20 00 00 00 00 00 00
        03 00 00 00 09 03 00 00 08 00 00 00 08 00 00 00
        00 30 00 00 00 00 00 00 00 40 00 00 00 00 00 00
        01 00 00 00 02 00 00 00 05 00 00 00 00 00 00 00
      "
    `);
  });

  test('OBJ_PIN and OBJ_GET', () => {
    objPin(4, '/sys/fs/bpf/x', 'a map');
    fake().answer(9);
    expect(objGet('/sys/fs/bpf/y')).toBe(9);
    expect(recorded(fake()).join('')).toMatchInlineSnapshot(`
      "OBJ_PIN
        00 10 00 00 00 00 00 00 04 00 00 00 00 00 00 00
        00 00 00 00 00 00 00 00
      OBJ_GET
        00 30 00 00 00 00 00 00 00 00 00 00 00 00 00 00
        00 00 00 00 00 00 00 00
      "
    `);
    expect(decodeCString(fake().at(0x1000))).toBe('/sys/fs/bpf/x');
    expect(() => objGet('a\0b')).toThrow('not a path that Linux can hold');
    expect(() => objGet('x'.repeat(4096))).toThrow('not a path that Linux can hold');
  });

  test('the id commands', () => {
    const ids = [3, 8];
    fake().answerAll((call, memory) => {
      const view = viewOf(memory.bpf(call).attr);
      const next = ids.find((id) => id > view.getUint32(0, true));
      if (next === undefined) return -2;
      view.setUint32(4, next, true);
      return 0;
    });
    expect(allIds('PROG')).toEqual([3, 8]);
    expect(nextId('LINK', 8)).toBe(undefined);
    fake().answer(21);
    expect(fdById('MAP', 8)).toBe(21);
    expect(recorded(fake()).join('')).toMatchInlineSnapshot(`
      "PROG_GET_NEXT_ID
        00 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00
      PROG_GET_NEXT_ID
        03 00 00 00 08 00 00 00 00 00 00 00 00 00 00 00
      PROG_GET_NEXT_ID
        08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      LINK_GET_NEXT_ID
        08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      MAP_GET_FD_BY_ID
        08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      "
    `);
  });

  test('OBJ_GET_INFO_BY_FD', () => {
    fake().answer((call, memory) => {
      const view = viewOf(memory.bpf(call).attr);
      const info = progInfoLayout.encode({ type: 6, id: 7, name: 'pass', nr_map_ids: 1, gpl_compatible: 1 });
      const out = memory.at(view.getBigUint64(8, true));
      const mapIds = memory.at(viewOf(out).getBigUint64(progInfoLayout.offsets.map_ids, true));
      out.set(info);
      viewOf(mapIds).setUint32(0, 99, true);
      return 0;
    });
    expect(progInfo(4)).toMatchObject({ type: 6, id: 7, name: 'pass', mapIds: [99], gplCompatible: true });
    fake().answer((call, memory) => {
      const view = viewOf(memory.bpf(call).attr);
      memory
        .at(view.getBigUint64(8, true))
        .set(mapInfoLayout.encode({ type: 1, id: 5, key_size: 4, value_size: 8, max_entries: 2, name: 'm' }));
      return 0;
    });
    fake().answer((call, memory) => {
      const view = viewOf(memory.bpf(call).attr);
      memory.at(view.getBigUint64(8, true)).set(linkInfoLayout.encode({ type: 6, id: 2, prog_id: 7 }));
      return 0;
    });
    expect(mapInfo(4)).toMatchObject({ type: 1, id: 5, keySize: 4, valueSize: 8, maxEntries: 2, name: 'm' });
    expect(linkInfo(4)).toEqual({ type: 6, id: 2, progId: 7 });
    expect(recorded(fake()).join('')).toMatchInlineSnapshot(`
      "OBJ_GET_INFO_BY_FD
        04 00 00 00 e8 00 00 00 00 20 00 00 00 00 00 00
      OBJ_GET_INFO_BY_FD
        04 00 00 00 58 00 00 00 00 40 00 00 00 00 00 00
      OBJ_GET_INFO_BY_FD
        04 00 00 00 10 00 00 00 00 60 00 00 00 00 00 00
      "
    `);
  });

  test('BTF_LOAD', () => {
    fake().answer(3);
    expect(tryBtfLoad(new Uint8Array(24), new Uint8Array(100))).toBe(3);
    expect(recorded(fake())[0]).toMatchInlineSnapshot(`
      "BTF_LOAD
        00 10 00 00 00 00 00 00 00 20 00 00 00 00 00 00
        18 00 00 00 64 00 00 00 01 00 00 00 00 00 00 00
        00 00 00 00 00 00 00 00
      "
    `);
  });
});

describe('numbers that do not fit', () => {
  test('are refused before the call, never cut off', () => {
    expect(() => tryMapCreate({ name: '', type: 1, keySize: 2 ** 32, valueSize: 1, maxEntries: 1 })).toThrow(
      'bpf_attr.map_create.key_size',
    );
    expect(() => fdById('MAP', 2 ** 32)).toThrow('id is 4294967296');
    expect(() => new MapElementCall(-1, 4)).toThrow('key size is -1');
    expect(fake().calls).toEqual([]);
  });
});

describe('a refusal', () => {
  test('carries what was asked and what the errno means', () => {
    const error = bpfError('MAP_UPDATE_ELEM', 7, "write to map 'm'", { maxEntries: 2, index: 5 });
    expect(error.toJSON()).toMatchInlineSnapshot(`
      {
        "code": "E2BIG",
        "command": "MAP_UPDATE_ELEM",
        "errno": 7,
        "explanation": "index 5 is out of range: the map has 2 entries, 0 to 1",
        "message": "cannot write to map 'm': index 5 is out of range: the map has 2 entries, 0 to 1 (E2BIG)",
        "name": "SyscallError",
        "syscall": "bpf",
      }
    `);
  });
});
