// Keeps what V8 makes of dist/quick/quick-asm.cjs while it assembles a few files: `tsbpf asm` starts with it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { devNull } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Script } from 'node:vm';

const file = resolve('dist', 'quick', 'quick-asm.cjs');
const script = new Script(Module.wrap(readFileSync(file, 'utf8')), { filename: file });
const module = { exports: {} };
script
  .runInThisContext()
  .call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
for (const name of readdirSync('bpf').filter((name) => name.endsWith('.s')))
  await module.exports.quickAsm(join('bpf', name), devNull);
writeFileSync(`${file}.v8`, script.createCachedData());
