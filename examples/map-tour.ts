// Every type of map with what it is for, and what the kernel answers where it refuses. Nothing of it
// outlives this process.
//   npm run example -- examples/map-tour.ts
import { run } from './run.ts';
import { tourOfEnds } from './tour/ends.ts';
import { tourOfIndexes } from './tour/indexes.ts';
import { tourOfKeys } from './tour/keys.ts';
import { tourOfQueues } from './tour/queues.ts';
import { untold } from './tour/stop.ts';
import { tourOfStorages } from './tour/storages.ts';

await run(async () => {
  tourOfKeys();
  tourOfIndexes();
  await tourOfQueues();
  await tourOfEnds();
  tourOfStorages();
  console.log(`\ntypes that were left out: ${untold().join(', ') || 'none'}`);
});
