import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** What the bundled tests are run with. */
export const CONFIG = 'vitest.config.mjs';

/**
 * Makes plain JavaScript of tests, for a guest: emulated, to read and compile some hundred modules for each of them
 * takes longer than the tests.
 *
 * @param root the project's folder
 * @returns a new folder in it, with NAME.test.mjs for each file, and {@link CONFIG}
 */
export async function bundleTests(root: string, files: readonly string[]): Promise<string> {
  // Inside the project: installed packages stay outside, and are looked for from here.
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const directory = mkdtempSync(join(root, '.tmp', 'kernels-'));
  await build({
    entryPoints: [...files, join(root, 'test', 'vm-kernels', 'reporter.ts')],
    outdir: directory,
    entryNames: '[name]',
    chunkNames: 'chunks/[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: false,
    logLevel: 'error',
    plugins: [
      {
        // Each module goes on finding what lies beside it.
        name: 'own-url',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({
            loader: 'ts',
            contents: readFileSync(path, 'utf8')
              .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
              .replaceAll('import.meta.filename', JSON.stringify(path))
              .replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
          })),
      },
    ],
  });
  const config = {
    root: directory,
    cacheDir: join(directory, 'cache'),
    test: {
      include: ['*.test.mjs'],
      pool: 'forks',
      // As on this machine: they count what the whole machine has.
      maxWorkers: 1,
      // Emulated, a test can take twenty times as long.
      testTimeout: 600_000,
      hookTimeout: 600_000,
      reporters: ['default', join(directory, 'reporter.mjs')],
    },
  };
  writeFileSync(
    join(directory, CONFIG),
    // What is shared is plain JavaScript already: nothing is left to transform.
    `const config = ${JSON.stringify(config)};\nconfig.test.server = { deps: { external: [/chunks/] } };\nexport default config;\n`,
  );
  return directory;
}
