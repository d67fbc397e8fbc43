import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** A loader that refuses what a browser does not have. */
const GUARD = `
import { register } from 'node:module';
const hooks = \`export async function resolve(specifier, context, next) {
  if (/^node:|^koffi|^@koromix/.test(specifier)) throw new Error('FORBIDDEN ' + specifier);
  return next(specifier, context);
}\`;
register('data:text/javascript,' + encodeURIComponent(hooks));
`;

function importAlone(entry: string): { status: number | null; stderr: string } {
  if (!existsSync(join(root, 'dist', 'index.js'))) throw new Error('dist is missing: npm run build');
  const guard = `data:text/javascript,${encodeURIComponent(GUARD)}`;
  const use = `const entry = await import('${entry}'); if (Object.keys(entry).length === 0) throw new Error('exports nothing');`;
  return spawnSync(process.execPath, ['--import', guard, '--input-type=module', '-e', use], {
    cwd: root,
    encoding: 'utf8',
  });
}

test.each(['tsbpf', 'tsbpf/asm', 'tsbpf/btf', 'tsbpf/elf', 'tsbpf/isa', 'tsbpf/object', 'tsbpf/util'])(
  '%s loads neither koffi nor a module of Node',
  (entry) => {
    const { status, stderr } = importAlone(entry);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  },
);

test('the guard of this test does refuse them', () => {
  const { status, stderr } = importAlone('tsbpf/kernel');
  expect(status).not.toBe(0);
  expect(stderr).toContain('FORBIDDEN node:');
});

test('tsbpf/kernel and tsbpf/syscall load koffi only when something is called', () => {
  const guard = `data:text/javascript,${encodeURIComponent(GUARD.replace('^node:|', ''))}`;
  const use = "await import('tsbpf/kernel'); await import('tsbpf/syscall');";
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', guard, '--input-type=module', '-e', use],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
