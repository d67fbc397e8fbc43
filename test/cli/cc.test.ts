import { expect, test } from 'vitest';
import { clangArguments, findClang } from '../../src/cli/commands/cc.ts';

const machine = (files: readonly string[], architecture = 'x64') => ({
  architecture,
  path: '/usr/local/bin:/usr/bin',
  isExecutable: (file: string) => files.includes(file),
  exists: (file: string) => files.includes(file),
});

function refusal(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    return [message, hint];
  }
}

test('the compiler is what was asked for, or the newest clang there is', () => {
  expect(findClang(undefined, machine(['/usr/bin/clang-14', '/usr/bin/clang-19']))).toBe('clang-19');
  expect(findClang(undefined, machine(['/usr/bin/clang-11', '/usr/local/bin/clang']))).toBe('clang');
  expect(findClang('/opt/clang', machine(['/opt/clang']))).toBe('/opt/clang');
  expect(findClang('clang-16', machine(['/usr/bin/clang-16', '/usr/bin/clang']))).toBe('clang-16');
});

test('without one it says what to install', () => {
  expect(refusal(() => findClang(undefined, machine(['/usr/bin/clang-10'])))).toMatchInlineSnapshot(`
    [
      "there is no clang: neither clang nor clang-20 to clang-11",
      "did you install it? apt install clang, dnf install clang, apk add clang; or name one with --clang (gen: --cc) or BPF_CLANG",
    ]
  `);
  expect(refusal(() => findClang('clang-99', machine(['/usr/bin/clang'])))).toMatchInlineSnapshot(`
    [
      "there is no compiler 'clang-99'",
      "apt install clang, or give its path",
    ]
  `);
  expect(refusal(() => findClang('/opt/none', machine([])))).toMatchInlineSnapshot(`
    [
      "there is no compiler '/opt/none'",
      "is it there, and may it be executed?",
    ]
  `);
});

test('the arguments have what BPF needs, and what was asked for behind it', () => {
  const options = { target: 'bpf', include: ['headers'], define: ['N=1'], mcpu: 'v3' };
  expect(
    clangArguments('a.c', 'a.o', options, ['-Wall'], machine(['/usr/include/x86_64-linux-gnu'])).join(' '),
  ).toMatchInlineSnapshot(
    `"-target bpf -O2 -g -mcpu=v3 -D__x86_64__ -DN=1 -Iheaders -idirafter /usr/include/x86_64-linux-gnu -Wall -c a.c -o a.o"`,
  );
  expect(
    clangArguments('a.c', 'a.o', { target: 'bpfeb' }, [], machine([], 'arm64')).join(' '),
  ).toMatchInlineSnapshot(`"-target bpfeb -O2 -g -D__aarch64__ -c a.c -o a.o"`);
  expect(
    clangArguments('a.c', 'a.o', { target: 'bpf' }, [], machine([], 'sparc')).join(' '),
  ).toMatchInlineSnapshot(`"-target bpf -O2 -g -c a.c -o a.o"`);
});
