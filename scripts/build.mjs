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
const command = { ...common, platform: 'node', minifyWhitespace: true, minifySyntax: true };
await build({ ...command, entryPoints: { program: 'src/cli/program.ts' }, outdir: 'dist/cli' });
// Where it starts, and `tsbpf asm FILE`, are CommonJS, which Node loads 15 ms faster: one file with all
// that plain text needs, and one for each thing that is loaded later.
const quick = {
  ...command,
  format: 'cjs',
  splitting: false,
  outExtension: { '.js': '.cjs' },
  supported: { 'dynamic-import': false },
  sourcemap: false,
  minifyIdentifiers: true,
};
const later = new Map();
const notYet = {
  name: 'not-yet',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const name = path.replace(/^.*\//, '').replace(/\.ts$/, '');
      later.set(name, join(resolveDir, path));
      return { path: `./${name}.cjs`, external: true };
    });
  },
};
const built = new Set();
later.set('quick-asm', 'src/cli/quick-asm.ts');
while (built.size < later.size) {
  const next = [...later].filter(([name]) => !built.has(name));
  for (const [name] of next) built.add(name);
  await build({ ...quick, entryPoints: Object.fromEntries(next), outdir: 'dist/quick', plugins: [notYet] });
}
await build({
  ...quick,
  entryPoints: { cli: 'src/cli/main.ts' },
  supported: {},
  external: [...common.external, './program.ts'],
  plugins: [
    {
      name: 'start',
      setup({ onResolve }) {
        onResolve({ filter: /program\.ts$/ }, () => ({ path: './cli/program.js', external: true }));
      },
    },
  ],
});
chmodSync('dist/cli.cjs', 0o755);
// In a process of its own, for it runs what was built.
execFileSync(process.execPath, [join('scripts', 'compile-quick.mjs')], { stdio: 'inherit' });
execFileSync(
  process.execPath,
  [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
  {
    stdio: 'inherit',
  },
);
