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
const library = {};
for (const target of Object.values(publicExports)) {
  if (typeof target === 'string') continue;
  const name = target.default.replace(/^\.\/dist\//, '').replace(/\.js$/, '');
  library[name] = join('src', `${name}.ts`);
}
const common = {
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  mainFields: ['module', 'main'],
  conditions: ['import'],
  // Raw `using` is a SyntaxError on Node 20.
  target: 'node20.19',
  external: ['node:*', ...Object.keys({ ...dependencies, ...optionalDependencies })],
  sourcemap: true,
  legalComments: 'linked',
  define: { __TSBPF_VERSION__: JSON.stringify(version) },
  logLevel: 'warning',
};
await build({ ...common, entryPoints: library, platform: 'neutral', chunkNames: 'chunks/[name]-[hash]' });
// The command shares no files with the library: every file that is loaded costs it a millisecond or
// more at each start, and so does white space (the parser generator is 420 kB with it).
await build({
  ...common,
  entryPoints: { cli: 'src/cli/main.ts' },
  platform: 'node',
  chunkNames: 'cli/[name]-[hash]',
  minifyWhitespace: true,
  minifySyntax: true,
});
chmodSync('dist/cli.js', 0o755);
execFileSync(
  process.execPath,
  [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
  {
    stdio: 'inherit',
  },
);
