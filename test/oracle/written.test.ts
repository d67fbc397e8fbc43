import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { linkObjects, parseElf, readObject, stripDebug, writeElf } from '../../src/elf/index.ts';
import { lower } from '../../src/object/index.ts';
import { factsOfLibbpf, factsOfOurs } from './compare.ts';
import { askLibbpf, hasLibbpf } from './libbpf.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folders = ['bpf', 'bpf/generations', 'test/object/fixtures/objects'];
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(join(root, file)));
/** Objects that libbpf reads: of this machine's endianness, without legacy maps. */
const objects = folders
  .flatMap((folder) => readdirSync(join(root, folder)).map((file) => join(folder, file)))
  .filter((file) => file.endsWith('.o') && !file.includes('wrong-') && !file.includes('legacy'))
  .map((file) => [file, read(file)] as const)
  .filter(([, bytes]) => bytes[5] === 1);

const ways: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  written: (bytes) => writeElf(lower(readObject(bytes))),
  linked: (bytes) => writeElf(linkObjects([parseElf(bytes)])),
  stripped: (bytes) => writeElf(stripDebug(parseElf(bytes))),
};

describe.skipIf(!hasLibbpf())('libbpf finds in what we make of an object what it found in the object', () => {
  const answers = (make: (bytes: Uint8Array) => Uint8Array): ReturnType<typeof askLibbpf> =>
    hasLibbpf() ? askLibbpf(objects.map(([, bytes]) => make(bytes))) : [];
  const originals = answers((bytes) => bytes);
  for (const [name, make] of Object.entries(ways)) {
    const made = answers(make);
    test.each(objects.map(([file], index) => [file, index] as const))(`${name}: %s`, (_, index) => {
      expect(made[index]!.error).toBeUndefined();
      expect(factsOfLibbpf(made[index]!)).toEqual(factsOfLibbpf(originals[index]!));
    });
  }
});

test.skipIf(!hasLibbpf()).each(['14-el', '19-el'])(
  'libbpf and we read a linked object alike, clang %s',
  (version) => {
    const inputs = ['first', 'second'].map((name) => parseElf(read(`test/elf/link/${name}-${version}.o`)));
    for (const order of [inputs, [...inputs].reverse()]) {
      const bytes = writeElf(linkObjects(order));
      const [answer] = askLibbpf([bytes]);
      expect(answer!.error).toBeUndefined();
      expect([...answer!.programs.keys()].sort()).toEqual(['first', 'second']);
      expect(factsOfOurs(readObject(bytes), answer!)).toEqual(factsOfLibbpf(answer!));
    }
  },
);
