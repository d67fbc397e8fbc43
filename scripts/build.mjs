// Builds dist/: JavaScript with esbuild (one module per public entry, shared chunks, the parser
// generator bundled in), declarations with tsc.
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const {
  version,
  exports: publicExports,
  dependencies,
  optionalDependencies,
} = JSON.parse(readFileSync('package.json', 'utf8'));

rmSync('dist', { recursive: true, force: true });
const entryPoints = { cli: 'src/cli/main.ts' };
for (const target of Object.values(publicExports)) {
  if (typeof target === 'string') continue;
  const name = target.default.replace(/^\.\/dist\//, '').replace(/\.js$/, '');
  entryPoints[name] = join('src', `${name}.ts`);
}
await build({
  entryPoints,
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['import'],
  // Raw `using` is a SyntaxError on Node 20.
  target: 'node20.19',
  external: ['node:*', ...Object.keys({ ...dependencies, ...optionalDependencies })],
  chunkNames: 'chunks/[name]-[hash]',
  sourcemap: true,
  // Only what is parsed at every start has to be small; names stay for stack traces.
  minifySyntax: true,
  legalComments: 'linked',
  define: { __TSBPF_VERSION__: JSON.stringify(version) },
  logLevel: 'warning',
});
chmodSync('dist/cli.js', 0o755);
execFileSync(
  process.execPath,
  [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
  {
    stdio: 'inherit',
  },
);
