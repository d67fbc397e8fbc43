import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assembleOrThrow } from '../../src/asm/index.ts';
import { MapFlag, MapType } from '../../src/isa/kernel-tables.generated.ts';
import { BpfMap, loadCollection } from '../../src/kernel/index.ts';
import { collect, type ObjectSpec } from '../../src/object/index.ts';
import { mountBpffs, unmount } from '../../src/syscall/namespace.ts';
import { describeKernel, errorOf } from '../support/kernel.ts';

const written = collect(
  assembleOrThrow(`
    .license "GPL"
    .map shape, array, key=4, value=8, entries=1
    .map tables, array_of_maps, key=4, entries=16, inner=shape
    .map counts, hash, key=4, value=8, entries=16
    .program look_up, "xdp"
    *(u32 *)(r10 - 4) = 3
    r1 = tables ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto none
    *(u32 *)(r10 - 4) = 65535
    r1 = r0
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto none
    r0 = *(u32 *)(r0 + 0)
    exit
none:
    r0 = 0
    exit
`).object,
);
/** As a `bpf_map_def` tells it: without the inner map. */
const spec: ObjectSpec = {
  ...written,
  maps: new Map(
    [...written.maps].map(([name, map]) => [
      name,
      { ...map, valueSize: name === 'tables' ? 0 : map.valueSize, inner: undefined },
    ]),
  ),
};
const inner = { type: MapType.ARRAY, keySize: 4, valueSize: 8, maxEntries: 0x10000 };
const data = new Uint8Array(64);

describeKernel('a map of an object', () => {
  test('is made with another inner map, size and flags', () => {
    using collection = loadCollection(spec, {
      mapOptions: { tables: { inner }, counts: { maxEntries: 99, flags: MapFlag.NO_PREALLOC } },
    });
    expect(collection.map('counts').info()).toMatchObject({ maxEntries: 99, flags: MapFlag.NO_PREALLOC });
    using table = BpfMap.create(inner);
    table.set(0xffff, 0x1234n);
    collection.map('tables').set(3, table);
    expect(collection.program('look_up').testRun({ data }).retval).toBe(0x1234);
    using small = BpfMap.create({ ...inner, maxEntries: 4 });
    expect(errorOf(() => collection.map('tables').set(3, small)).message).toMatch(/4.*65536|65536.*4/);
  });

  test('of maps says that it needs an inner one', () => {
    const error = errorOf(() => loadCollection(spec));
    expect(`${error.message} [${error.hint}]`).toMatchInlineSnapshot(
      `"cannot create map 'tables': an array_of_maps needs innerMap: a map of the shape that the inner ones will have (EINVAL) [undefined]"`,
    );
  });

  test('is pinned where it is asked to be, and taken from there', () => {
    const path = mkdtempSync('/tmp/tsbpf-map-options-');
    mountBpffs(path);
    const pin = join(path, 'shared');
    const options = { mapOptions: { tables: { inner }, counts: { pin } } };
    try {
      using first = loadCollection(spec, options);
      first.map('counts').set(1, 5n);
      using second = loadCollection(spec, options);
      expect(second.map('counts').get(1)).toBe(5n);
      using third = loadCollection(spec, { mapOptions: { tables: { inner }, counts: { pin: false } } });
      expect(third.map('counts').get(1)).toBeUndefined();
      expect(readdirSync(path).filter((name) => !name.endsWith('.debug'))).toEqual(['shared']);
    } finally {
      rmSync(pin, { force: true });
      unmount(path);
      rmdirSync(path);
    }
  });
});
