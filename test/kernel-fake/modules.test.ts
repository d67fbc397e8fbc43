import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { loadCollection } from '../../src/kernel/index.ts';
import { encodeText, viewOf } from '../../src/util/bytes.ts';
import { useFakeNative } from '../support/fake-native.ts';

const fake = useFakeNative();
const object = new Uint8Array(readFileSync(new URL('../btf/fixtures/objects/externs-19.o', import.meta.url)));

/** The functions that the object calls, in a kernel or in a module. */
function typesWith(...names: ('bpf_rcu_read_lock' | 'bpf_rcu_read_unlock')[]): BtfBuilder {
  const b = new BtfBuilder();
  b.int('int', 4, { signed: true });
  for (const name of names) b.func(name, b.funcProto(0, []), 'static');
  return b;
}

test("a module's functions are called through an array of descriptors that is closed after the load", () => {
  const kernel = parseBtf(typesWith('bpf_rcu_read_lock').build('little'));
  const module = parseBtf(typesWith('bpf_rcu_read_unlock').build('little'));
  const native = fake();
  const open = new Set<number>();
  let loaded: { readonly code: Uint8Array; readonly fds: Int32Array } | undefined;
  let next = 100;
  native.answerAll((call, memory) => {
    if (memory.named(call, 'close')) return open.delete(call.args[0]!) ? 0 : -9;
    if (!memory.named(call, 'bpf')) return 0;
    const { command, attr } = memory.bpf(call);
    const view = viewOf(attr);
    switch (command) {
      case 'BTF_GET_NEXT_ID': {
        const id = view.getUint32(0, true);
        view.setUint32(4, id + 1, true);
        return id < 3 ? 0 : -2;
      }
      case 'OBJ_GET_INFO_BY_FD': {
        const info = viewOf(memory.at(view.getBigUint64(8, true)));
        const id = view.getUint32(0, true) - 501;
        memory.at(info.getBigUint64(16, true)).set(encodeText(['?', 'vmlinux', 'module'][id] ?? '?'));
        info.setUint32(28, 1, true);
        return 0;
      }
      case 'PROG_LOAD': {
        const fds = view.getBigUint64(120, true);
        loaded = {
          code: memory.at(view.getBigUint64(8, true)).slice(),
          fds: new Int32Array(memory.at(fds).slice().buffer),
        };
        open.add(++next);
        return next;
      }
      case 'BTF_GET_FD_BY_ID':
        open.add(500 + view.getUint32(0, true));
        return 500 + view.getUint32(0, true);
      case 'MAP_CREATE':
        open.add(++next);
        return next;
      default:
        return command === 'BTF_LOAD' ? -22 : 0;
    }
  });
  const facts = {
    btf: kernel,
    moduleBtf: new Map([['module', module]]),
    kconfig: new Map([
      ['CONFIG_HZ', '1'],
      ['CONFIG_BPF_SYSCALL', 'y'],
      ['CONFIG_DEFAULT_HOSTNAME', '""'],
      ['CONFIG_IPV6', 'y'],
      ['CONFIG_BPF_JIT', 'y'],
      ['CONFIG_NR_CPUS', '1'],
    ]),
    version: 1,
  };
  const collection = loadCollection(object, { programs: ['locks'], facts });
  const { code, fds } = loaded!;
  expect([...fds]).toEqual([0, 503]);
  const call = (slot: number): unknown => {
    const view = viewOf(code.subarray(slot * 8, slot * 8 + 8));
    return { src: view.getUint8(1) >> 4, off: view.getInt16(2, true), imm: view.getInt32(4, true) };
  };
  expect(call(0)).toEqual({ src: 2, off: 0, imm: kernel.findByName('bpf_rcu_read_lock') });
  expect(call(1)).toEqual({ src: 2, off: 1, imm: module.findByName('bpf_rcu_read_unlock') });
  expect(open.has(503)).toBe(false);
  collection.close();
  expect([...open]).toEqual([]);
});
