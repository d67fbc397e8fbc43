// `npm run bench` runs all benchmarks but the soak, which takes ten minutes; `npm run bench -- soak` one of them.
import { benchAsm } from './asm.ts';
import { benchCodec } from './codec.ts';
import { benchCore } from './core.ts';
import { benchLoad } from './load.ts';
import { benchMaps } from './maps.ts';
import { benchObjects } from './objects.ts';
import { benchReaders } from './readers.ts';
import { benchSoak } from './soak.ts';
import { benchStartup } from './startup.ts';

const BENCHES: Readonly<Record<string, () => void | Promise<void>>> = {
  asm: benchAsm,
  codec: benchCodec,
  core: benchCore,
  load: benchLoad,
  maps: benchMaps,
  objects: benchObjects,
  readers: benchReaders,
  soak: benchSoak,
  startup: benchStartup,
};

const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(BENCHES).filter((name) => name !== 'soak')) {
  const bench = BENCHES[name];
  if (!bench)
    throw new Error(`there is no benchmark '${name}'; there are ${Object.keys(BENCHES).join(', ')}`);
  await bench();
}
