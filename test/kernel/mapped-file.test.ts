import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mapFile } from '../../src/syscall/index.ts';
import { describeKernel } from '../support/kernel.ts';

describeKernel('a mapped file', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tsbpf-map-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('holds what the file holds, and needs no descriptor', () => {
    const path = join(dir, 'file');
    writeFileSync(path, 'x'.repeat(5000));
    const before = readdirSync('/proc/self/fd').length;
    const bytes = mapFile(path)!;
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
    expect(Buffer.from(bytes).toString()).toBe('x'.repeat(5000));
  });

  test('is none where the file is empty, and an error where there is none', () => {
    writeFileSync(join(dir, 'empty'), '');
    expect(mapFile(join(dir, 'empty'))).toBeUndefined();
    expect(() => mapFile(join(dir, 'missing'))).toThrow('ENOENT');
  });

  test("is the kernel's types, where the kernel lets them be mapped", ({ skip }) => {
    const path = '/sys/kernel/btf/vmlinux';
    if (!existsSync(path)) skip('this kernel has no BTF');
    const mapped = mapFile(path);
    if (!mapped) skip('the BTF of this kernel cannot be mapped (Linux 6.16 can)');
    expect(Buffer.compare(Buffer.from(mapped!), readFileSync(path))).toBe(0);
  });
});
