// `npm run bench` runs all benchmarks; `npm run bench -- codec` one of them.
import { benchAsm } from './asm.ts';
import { benchCodec } from './codec.ts';
import { benchCore } from './core.ts';
import { benchObjects } from './objects.ts';
import { benchReaders } from './readers.ts';
import { benchStartup } from './startup.ts';

const BENCHES: Readonly<Record<string, () => void | Promise<void>>> = {
  asm: benchAsm,
  codec: benchCodec,
  core: benchCore,
  objects: benchObjects,
  readers: benchReaders,
  startup: benchStartup,
};

const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(BENCHES)) {
  const bench = BENCHES[name];
  if (!bench)
    throw new Error(`there is no benchmark '${name}'; there are ${Object.keys(BENCHES).join(', ')}`);
  await bench();
}
