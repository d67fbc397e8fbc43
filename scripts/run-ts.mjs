// Runs a TypeScript file on Node 20, which cannot strip types itself: bundles it with esbuild, keeps
// installed packages and `tsbpf/…` (the built one) external, and imports the result.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [file, ...args] = process.argv.slice(2);
if (!file) {
  console.error('usage: run-ts.mjs FILE.ts [ARG...]');
  process.exit(2);
}
// Inside the project and outside node_modules, so that both kinds resolve as they do for the source file.
mkdirSync(join(root, '.tmp'), { recursive: true });
const out = mkdtempSync(join(root, '.tmp', 'run-ts-'));
process.on('exit', () => rmSync(out, { recursive: true, force: true }));
const entry = resolve(file);
await build({
  entryPoints: [entry],
  outfile: join(out, 'main.mjs'),
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  sourcemap: 'inline',
  logLevel: 'error',
  define: { 'import.meta.url': JSON.stringify(pathToFileURL(entry).href) },
});
process.argv = [process.argv[0], entry, ...args];
// Stacks name the TypeScript file, and so do programs that the builder makes in it.
process.setSourceMapsEnabled(true);
await import(pathToFileURL(join(out, 'main.mjs')).href);
