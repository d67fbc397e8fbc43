import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Errno, errnoName } from '../../src/syscall/errno.ts';
import { Fd, openDescriptors, SyscallError, trackDescriptors } from '../../src/syscall/index.ts';
import { addressOf, invoke } from '../../src/syscall/native.ts';
import { syscallNumbers } from '../../src/syscall/numbers.ts';
import { useFakeNative } from '../support/fake-native.ts';

const fake = useFakeNative();

describe('system call numbers', () => {
  // linux-libc-dev
  const headers: [arch: string, file: string][] = [
    ['x64', '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'],
    ['arm64', '/usr/include/asm-generic/unistd.h'],
  ];
  for (const [arch, file] of headers) {
    const there = existsSync(file);
    if (!there) console.warn(`skipped: the numbers of ${arch}: ${file} is not installed`);
    test.skipIf(!there)(`of ${arch} are those of the kernel's headers`, () => {
      const text = readFileSync(file, 'utf8');
      for (const [name, number] of Object.entries(syscallNumbers(arch))) {
        // The generic table calls some by what 64-bit ones map to: __NR3264_fcntl.
        expect(text).toMatch(new RegExp(`#define __NR(?:3264)?_${name}\\s+${number}\\b`));
      }
    });
  }

  test('of other architectures are not guessed', () => {
    expect(() => syscallNumbers('ia32')).toThrow('the system call numbers of ia32 are not known here');
  });
});

describe('errno numbers', () => {
  const files = ['/usr/include/asm-generic/errno-base.h', '/usr/include/asm-generic/errno.h'];
  const there = files.every(existsSync);
  if (!there) console.warn('skipped: errno numbers: linux-libc-dev is not installed');
  test.skipIf(!there)("are those of the kernel's headers", () => {
    const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
    for (let errno = 1; errno < 134; errno++) {
      const name = errnoName(errno);
      if (name.startsWith('E')) expect(text).toMatch(new RegExp(`#define\\s+${name}\\s+${errno}\\b`));
    }
    for (const [name, errno] of Object.entries(Errno)) expect(errnoName(errno)).toBe(name);
  });
});

describe('a system call', () => {
  test.each([2 ** 53, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'is not made with the argument %s',
    (bad) => {
      expect(() => invoke('close', [], bad)).toThrow('argument of close');
      expect(fake().calls).toEqual([]);
    },
  );

  test('answers with the result or minus the errno', () => {
    fake().answer(7, -9);
    expect([invoke('close', [], 3), invoke('close', [], 3)]).toEqual([7, -9]);
  });

  test('is given 0 for the address of nothing', () => {
    expect([addressOf(undefined), addressOf(new Uint8Array(0))]).toEqual([0, 0]);
    expect(addressOf(new Uint8Array(1))).toBeGreaterThan(0);
  });
});

describe('an owned descriptor', () => {
  test('is closed once', () => {
    const fd = new Fd(5, 'a thing');
    expect(fd.number).toBe(5);
    fd.close();
    fd.close();
    fd[Symbol.dispose]();
    expect(fake().calls.map(({ args }) => args[0])).toEqual([5]);
    expect(() => fd.number).toThrow('a thing is closed');
  });

  test('is a number that close(2) can be given', () => {
    expect(() => new Fd(2 ** 40, 'a thing')).toThrow('file descriptor is 1099511627776');
    expect(() => new Fd(-1, 'a thing')).toThrow('file descriptor is -1');
  });

  test('tells of a second owner', () => {
    fake().answer(-9);
    const fd = new Fd(5, 'a thing');
    expect(() => fd.close()).toThrow(
      'closing a thing (descriptor 5) failed: not an open file descriptor (EBADF)',
    );
    expect(fd.closed).toBe(true);
  });

  test('is duplicated above the standard ones', () => {
    fake().answer(9);
    expect(new Fd(5, 'a thing').duplicate().number).toBe(9);
    expect(fake().calls[0]?.args.slice(0, 3)).toEqual([5, 1030, 3]);
    fake().answer(-24);
    expect(() => new Fd(5, 'a thing').duplicate()).toThrow(SyscallError);
  });

  test('is reported with the stack that opened it', () => {
    trackDescriptors(true);
    const open = new Fd(5, 'a thing');
    new Fd(6, 'another').close();
    const report = openDescriptors();
    open.close();
    const after = openDescriptors();
    trackDescriptors(false);
    expect(report.map(({ fd, what }) => ({ fd, what }))).toEqual([{ fd: 5, what: 'a thing' }]);
    expect(report[0]?.stack).toContain('native.test.ts');
    expect(after).toEqual([]);
  });
});

describe('without a foreign-function interface', () => {
  test.skipIf(process.platform !== 'linux')('the refusal says so and what to do', () => {
    const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
    const args = ['--no-addons', path('../../scripts/run-ts.mjs'), path('./fixtures/can-use.ts')];
    const told = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
    expect(told).toMatchObject({
      ok: false,
      code: 'KOFFI_BROKEN',
      hint: 'install it anew for this Node and this architecture, and run Node without --no-addons',
    });
    expect(told.reason).toMatch(/^koffi, which carries the system calls, cannot be loaded: /);
  });
});
