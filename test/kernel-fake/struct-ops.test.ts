import { describe, expect, test } from 'vitest';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { MapFlag, MapType, ProgType } from '../../src/isa/kernel-tables.generated.ts';
import { attachStructOps, loadCollection } from '../../src/kernel/index.ts';
import { UNKNOWN_KIND } from '../../src/object/section-names.ts';
import type { KernelFacts, MapSpec, ObjectSpec } from '../../src/object/spec.ts';
import { mapCreateAttr, mapElementAttr, progLoadAttr } from '../../src/syscall/bpf-attr.ts';
import { linkCreateHead } from '../../src/syscall/bpf-link-attr.ts';
import { Errno } from '../../src/syscall/errno.ts';
import { encodeText, viewOf } from '../../src/util/bytes.ts';
import { functionSpec, mapSpec, objectSpec, returns } from '../support/bpf-code.ts';
import { useFakeNative } from '../support/fake-native.ts';
import { errorOf } from '../support/kernel.ts';

const fake = useFakeNative();
const MODULE_BTF = 503;
const VALUE_TYPE_OF_MODULE = 1 << 15;

/** A struct of functions: first and second, with a number between them in the kernel's. */
function types(local: boolean): { bytes: Uint8Array; struct: number } {
  const b = new BtfBuilder();
  const int = b.int('int', 4, { signed: true });
  const fn = b.ptr(b.funcProto(int, []));
  if (local) {
    const struct = b.struct('demo_ops', 16, [
      { name: 'second', type: fn, offsetBits: 0 },
      { name: 'number', type: int, offsetBits: 64 },
    ]);
    return { bytes: b.build('little'), struct };
  }
  const struct = b.struct('demo_ops', 32, [
    { name: 'first', type: fn, offsetBits: 0 },
    { name: 'number', type: int, offsetBits: 64 },
    { name: 'second', type: fn, offsetBits: 128 },
    { name: 'new', type: int, offsetBits: 192 },
  ]);
  b.struct('bpf_struct_ops_demo_ops', 96, [
    { name: 'common', type: int, offsetBits: 0 },
    { name: 'data', type: struct, offsetBits: 512 },
  ]);
  return { bytes: b.build('little'), struct };
}

const local = types(true);
const kernel = parseBtf(types(false).bytes);
const empty = parseBtf(new BtfBuilder().build('little'));
const STRUCT_ID = kernel.findByName('demo_ops')!;
const VALUE_ID = kernel.findByName('bpf_struct_ops_demo_ops')!;

function spec(link: boolean, parts: Partial<MapSpec> = {}): ObjectSpec {
  const value = new Uint8Array(16);
  value[8] = 7;
  return {
    ...objectSpec({
      functions: [
        functionSpec('called', 'struct_ops', returns(1), { ...UNKNOWN_KIND, progType: ProgType.STRUCT_OPS }),
      ],
      maps: [
        mapSpec('demo', MapType.STRUCT_OPS, {
          valueSize: 16,
          maxEntries: 1,
          flags: link ? MapFlag.LINK : 0,
          value: local.struct,
          contents: [{ kind: 'bytes', key: new Uint8Array(4), value }],
          structOps: {
            struct: 'demo_ops',
            link,
            programs: [{ member: 'second', offset: 0, program: 'called' }],
          },
          ...parts,
        }),
      ],
    }),
    btf: parseBtf(local.bytes),
  };
}

/** A kernel whose module 3 has types; keeps what it was asked, and what is open. */
function machine(refuse: (command: string) => number | undefined = () => undefined) {
  const open = new Set<number>();
  const asked: { command: string; attr: Uint8Array; value?: Uint8Array }[] = [];
  let next = 100;
  fake().answerAll((call, memory) => {
    if (memory.named(call, 'close')) return open.delete(call.args[0]!) ? 0 : -9;
    if (memory.named(call, 'fcntl')) {
      open.add(++next);
      return next;
    }
    if (!memory.named(call, 'bpf')) return 0;
    const { command, attr } = memory.bpf(call);
    const update = command === 'MAP_UPDATE_ELEM' && memory.at(mapElementAttr.decode(attr).value).slice();
    asked.push({ command, attr: attr.slice(), ...(update && { value: update }) });
    const view = viewOf(attr);
    const refused = refuse(command);
    if (refused !== undefined) return refused;
    if (command === 'BTF_GET_NEXT_ID') {
      const id = view.getUint32(0, true);
      view.setUint32(4, id + 1, true);
      return id < 3 ? 0 : -Errno.ENOENT;
    }
    if (command === 'OBJ_GET_INFO_BY_FD') {
      const info = viewOf(memory.at(view.getBigUint64(8, true)));
      const index = view.getUint32(0, true) - 501;
      memory.at(info.getBigUint64(16, true)).set(encodeText(['?', 'vmlinux', 'module'][index] ?? '?'));
      info.setUint32(28, 1, true);
      return 0;
    }
    if (command === 'BTF_GET_FD_BY_ID') {
      open.add(500 + view.getUint32(0, true));
      return 500 + view.getUint32(0, true);
    }
    if (!['MAP_CREATE', 'PROG_LOAD', 'BTF_LOAD', 'LINK_CREATE'].includes(command)) return 0;
    open.add(++next);
    return next;
  });
  return { open, last: (command: string) => asked.findLast((each) => each.command === command) };
}

const facts: KernelFacts = { btf: kernel, moduleBtf: new Map() };

describe('a struct of functions', () => {
  test('is made with the types of the kernel, its programs with their members', () => {
    const { open, last } = machine();
    const collection = loadCollection(spec(true), { facts });
    expect(mapCreateAttr.decode(last('MAP_CREATE')!.attr)).toMatchObject({
      map_type: MapType.STRUCT_OPS,
      key_size: 4,
      value_size: 96,
      max_entries: 1,
      map_flags: MapFlag.LINK,
      btf_key_type_id: 0,
      btf_value_type_id: 0,
      btf_vmlinux_value_type_id: VALUE_ID,
      value_type_btf_obj_fd: 0,
    });
    const program = progLoadAttr.decode(last('PROG_LOAD')!.attr);
    expect(program).toMatchObject({
      prog_type: ProgType.STRUCT_OPS,
      expected_attach_type: 2,
      attach_btf_id: STRUCT_ID,
      attach_prog_fd: 0,
    });
    const value = viewOf(last('MAP_UPDATE_ELEM')!.value!);
    const called = BigInt(collection.program('called').fd.number);
    expect([value.getInt32(64 + 8, true), value.getBigUint64(64 + 16, true)]).toEqual([7, called]);
    const attached = attachStructOps(collection, 'demo');
    expect(linkCreateHead.decode(last('LINK_CREATE')!.attr)).toMatchObject({ target: 0, attach_type: 44 });
    attached.close();
    collection.close();
    expect([...open]).toEqual([]);
  });

  test('of a module names its types, whose descriptor is closed after the load', () => {
    const { open, last } = machine();
    const collection = loadCollection(spec(true), {
      facts: { btf: empty, moduleBtf: new Map([['module', kernel]]) },
    });
    expect(mapCreateAttr.decode(last('MAP_CREATE')!.attr)).toMatchObject({
      map_flags: MapFlag.LINK | VALUE_TYPE_OF_MODULE,
      btf_vmlinux_value_type_id: VALUE_ID,
      value_type_btf_obj_fd: MODULE_BTF,
    });
    expect(progLoadAttr.decode(last('PROG_LOAD')!.attr).attach_prog_fd).toBe(MODULE_BTF);
    expect(open.has(MODULE_BTF)).toBe(false);
    collection.close();
    expect([...open]).toEqual([]);
  });

  test('without a link is given to the kernel when it is attached, and taken back', () => {
    const { open, last } = machine();
    const collection = loadCollection(spec(false), { facts });
    expect(last('MAP_UPDATE_ELEM')).toBe(undefined);
    const attached = attachStructOps(collection, 'demo');
    expect(last('MAP_UPDATE_ELEM')?.value?.length).toBe(96);
    expect(errorOf(() => attached.update(collection.structOps.get('demo')!)).message).toMatchInlineSnapshot(
      `"demo_ops 'demo' is attached without a link, so it is not replaced"`,
    );
    expect(errorOf(() => attached.pin('/x')).message).toMatchInlineSnapshot(
      `"demo_ops 'demo' is attached without a link, so there is none to pin"`,
    );
    expect(attached.detach()).toBe(true);
    expect(last('MAP_DELETE_ELEM')).toBeDefined();
    collection.close();
    expect([...open]).toEqual([]);
  });

  test.each(['MAP_CREATE', 'PROG_LOAD', 'MAP_UPDATE_ELEM', 'BTF_LOAD'])(
    'closes everything where %s is refused',
    (name) => {
      const { open } = machine((command) => (command === name ? -Errno.EINVAL : undefined));
      expect(() => loadCollection(spec(true), { facts })).toThrow();
      expect([...open]).toEqual([]);
    },
  );

  test('is refused in words where the link is, or what the kernel lacks', () => {
    machine((command) => (command === 'LINK_CREATE' ? -Errno.EINVAL : undefined));
    const collection = loadCollection(spec(true), { facts });
    expect(errorOf(() => attachStructOps(collection, 'demo')).message).toMatchInlineSnapshot(
      `"cannot attach map 'demo': the map is no struct_ops map with BPF_F_LINK, or has no value yet (EINVAL)"`,
    );
    collection.close();
    machine((command) => (command === 'MAP_CREATE' ? -Errno.EINVAL : undefined));
    const before = errorOf(() => loadCollection(spec(true), { facts }));
    expect(`${before.message} [${before.hint}]`).toMatchInlineSnapshot(
      `"cannot create map 'demo': the kernel takes no struct of functions that a link attaches (EINVAL) [links of them came with Linux 6.4; before, SEC(".struct_ops") in place of SEC(".struct_ops.link")]"`,
    );
    expect(errorOf(() => loadCollection(spec(true), { facts: {} })).message).toMatchInlineSnapshot(
      `"the types of the kernel are not known, so demo_ops is not found"`,
    );
    machine((command) => (command === 'BTF_LOAD' ? -Errno.EINVAL : undefined));
    expect(errorOf(() => loadCollection(spec(true), { facts })).message).toMatchInlineSnapshot(
      `"the kernel does not take the types of the object, which 'demo' needs"`,
    );
    const none = errorOf(() => loadCollection(spec(true), { facts: { btf: empty } }));
    expect(`${none.message} [${none.hint}]`).toMatchInlineSnapshot(
      `"the kernel takes no struct of functions 'demo_ops' [it takes none]"`,
    );
  });
});
