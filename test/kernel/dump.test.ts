import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { parseElf, readObject } from '../../src/elf/index.ts';
import { runningKernel } from '../../src/kernel/facts.ts';
import { loadBtf, progBtf } from '../../src/kernel/load/load-btf.ts';
import { loadMaps } from '../../src/kernel/load/load-maps.ts';
import { planLoad } from '../../src/kernel/load/plan.ts';
import { bind, collect } from '../../src/object/index.ts';
import type { ObjectSpec } from '../../src/object/spec.ts';
import { logText, tryProgLoad } from '../../src/syscall/bpf-prog.ts';
import { toHex } from '../../src/util/index.ts';
import { codeOf, objectOfDump } from '../asm/dump-tools.ts';
import { withFiles } from '../asm/tools.ts';
import { describeKernel } from '../support/kernel.ts';
import { lacks } from '../support/needs.ts';

const root = new URL('../../', import.meta.url);
const BPFTOOL = '/usr/sbin/bpftool';

/** One program as the kernel was given it. */
interface Given {
  readonly name: string;
  /** With the names of maps in place of descriptors: `slot name offset`. */
  readonly maps: readonly string[];
  /** With zeros where maps are. */
  readonly code: string;
  readonly log: string;
  readonly result: number;
}

/** Hex with the two immediates of some slots zeroed and their src cleared: what a relocation leaves open. */
function withoutMaps(hex: string, slots: readonly number[]): string {
  let out = hex;
  for (const slot of slots) {
    const at = slot * 16;
    out = `${out.slice(0, at + 2)}0${out.slice(at + 3, at + 8)}${'0'.repeat(8)}${out.slice(at + 16, at + 24)}${'0'.repeat(8)}${out.slice(at + 32)}`;
  }
  return out;
}

function give(spec: ObjectSpec, level: number, use?: (given: Given) => void): Given[] {
  const owned: { close(): void }[] = [];
  try {
    return load(spec, level, owned, use);
  } finally {
    for (const one of owned.reverse()) one.close();
  }
}

function load(
  spec: ObjectSpec,
  level: number,
  owned: { close(): void }[],
  use: ((given: Given) => void) | undefined,
): Given[] {
  const plan = planLoad(spec, {}, runningKernel());
  const btf = loadBtf(spec);
  if (btf) owned.push(btf);
  const maps = loadMaps(spec, {}, btf, (map) => {
    owned.push(map);
    return map;
  });
  const fdOf = (name: string): number => maps.get(name)!.map.fd.number;
  return [...plan].map(([name, { linked, kind }]) => {
    const code = bind(linked, { map: fdOf, mapValue: fdOf });
    const buffer = new Uint8Array(1 << 22);
    const { result } = tryProgLoad({
      name,
      type: kind.progType,
      code,
      license: spec.license,
      expectedAttachType: kind.expectedAttachType,
      btf: progBtf(linked, btf),
      ...(level > 0 && { log: { level, buffer } }),
    });
    const places = linked.relocations.flatMap((relocation) =>
      relocation.kind === 'map'
        ? [{ slot: relocation.slot, text: `${relocation.slot} ${relocation.map} 0` }]
        : relocation.kind === 'mapValue'
          ? [{ slot: relocation.slot, text: `${relocation.slot} ${relocation.map} ${relocation.offset}` }]
          : [],
    );
    places.sort((a, b) => a.slot - b.slot);
    const given = {
      name,
      maps: places.map(({ text }) => text),
      code: withoutMaps(
        toHex(code),
        places.map(({ slot }) => slot),
      ),
      log: logText(buffer),
      result,
    };
    try {
      use?.(given);
    } finally {
      if (result >= 0) closeSync(result);
    }
    return given;
  });
}

/** What was made of a log, in the same form. */
function read(log: string): Pick<Given, 'maps' | 'code'> {
  const object = objectOfDump(log);
  const hex = codeOf(object)['.text']!;
  const places = object.relocations.map(({ offset, symbol }) => {
    const addend = Number.parseInt(hex.slice(offset * 2 + 8, offset * 2 + 10), 16);
    return { slot: offset / 8, text: `${offset / 8} ${object.symbols[symbol]!.name} ${addend}` };
  });
  return {
    maps: places.map(({ text }) => text),
    code: withoutMaps(
      hex,
      places.map(({ slot }) => slot),
    ),
  };
}

/** Names of maps in the kernel have 15 characters. */
function short(maps: readonly string[]): string[] {
  return maps.map((text) => {
    const [slot, name, offset] = text.split(' ');
    return `${slot} ${name!.slice(0, 15)} ${offset}`;
  });
}

const objects = ['bpf/', 'test/object/fixtures/objects/', 'test/object/fixtures/special/'].flatMap((folder) =>
  readdirSync(new URL(folder, root))
    .filter(
      (name) =>
        name.endsWith('.o') &&
        parseElf(new Uint8Array(readFileSync(new URL(folder + name, root)))).endian === 'little',
    )
    .map((name) => folder + name),
);

describeKernel('the verifier prints what it was given', () => {
  // Before, the log shows an address where a map stands, and no calls.
  test.skipIf(lacks('all instructions in the log'))(
    'at log level 2, for every program of the repository that loads',
    () => {
      let programs = 0;
      for (const file of objects) {
        let given: Given[];
        try {
          given = give(readObject(new Uint8Array(readFileSync(new URL(file, root)))), 2);
        } catch {
          continue;
        }
        for (const { name, code, maps, log, result } of given) {
          if (result < 0) continue;
          programs++;
          expect({ file, name, ...read(log) }).toEqual({ file, name, code, maps: short(maps) });
        }
      }
      expect(programs).toBeGreaterThan(15);
    },
  );

  /** Refused at its very end, so that the log has all that was walked. */
  const REFUSED = `
    .license "GPL"
    .map counts, array, key=4, value=8, entries=1
    .program count, "xdp"
    *(u32 *)(r10 - 4) = 0
    r2 = r10
    r2 += -4
    lddw r1, counts
    call bpf_map_lookup_elem
    if r0 == 0 goto none
    r1 = 0x1122334455667788 ll
    r1 = atomic_fetch_add((u64 *)(r0 + 0), r1)
    w1 = w1
    r1 = (s16)r1
    r1 = be32 r1
    r1 s>>= 3
    if w1 s> 100 goto none
    call twice
    r8 = 0
    if r8 == 0 goto none
    r0 = 77
none:
    r0 = r9
    exit
    .function twice
    r0 = 1
    r0 = -r0
    exit
`;

  test.skipIf(lacks('all instructions in the log')).each([1, 2])(
    'at log level %i, of a program that it refuses, as far as it came',
    (level) => {
      const { object, diagnostics } = assemble(REFUSED);
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      const [{ code, maps, log, result }] = give(collect(object!), level) as [Given];
      expect(result).toBeLessThan(0);
      expect(log).toContain('call pc');
      const again = read(log);
      expect(again.maps).toEqual(maps);
      // Nothing leads to `r0 = 77`, and behind `r0 = r9` nobody looked.
      const walked = code
        .replace('b70000004d000000', '0500000000000000')
        .replace('bf900000000000009500000000000000', 'bf900000000000000500000000000000');
      if (level === 1) expect(again.code).toBe(walked);
      else expect(again.code).toBe(code);
    },
  );

  test.skipIf(!existsSync(BPFTOOL))('bpftool’s listing of what was loaded, with opcodes and without', () => {
    const dump = (...options: string[]): string =>
      execFileSync(BPFTOOL, ['prog', 'dump', 'xlated', 'name', 'drop_all', ...options], { encoding: 'utf8' });
    const { object } = assemble(LISTED);
    give(collect(object!), 0, ({ result }) => {
      expect(result).toBeGreaterThan(0);
      const wanted = withFiles((path) => {
        dump('file', path('code'));
        return toHex(new Uint8Array(readFileSync(path('code'))));
      });
      expect(codeOf(objectOfDump(dump('opcodes')))['.text']).toBe(wanted);
      expect(codeOf(objectOfDump(dump()))['.text']).toBe(wanted);
      expect(codeOf(objectOfDump(dump('linum')))['.text']).toBe(wanted);
    });
  });

  const LISTED = `
    .license "GPL"
    .map counts, hash, key=4, value=8, entries=7
    .program drop_all, "xdp"
    r6 = r1
    *(u32 *)(r10 - 4) = 0
    lddw r1, counts
    mov r2, r10
    add r2, -4
    call bpf_map_lookup_elem
    jeq r0, 0, out
    mov r7, 1
    lock fetch add [r0+0], r7
    ldxw r1, [r6+0]
out:
    r0 = XDP_DROP
    exit
`;
});
