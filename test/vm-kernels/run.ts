// Runs the kernel tests on this machine and on Debian's 6.1, 6.12 and 6.18 in QEMU, and prints one table.
//
//   npm run test:kernels                          all of them, everywhere
//   npm run test:kernels -- --on 6.1,6.12 map     files whose name has `map`, in the guests
//   npm run test:kernels -- --quick               the files that say most of a kernel
//
// --parallel runs all guests at once, --limit gives up a file after so many seconds, --within all that has not ended.
//
// A kernel that cannot be booted here is told with the reason; `--strict` makes that a failure.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatTable } from '../../src/cli/table.ts';
import { bundleTests, CONFIG } from './bundle.ts';
import type { FileResult, Outcome } from './result.ts';
import { type Runner, runWatched } from './watch.ts';

const KERNELS = ['native', '6.1', '6.12', '6.18'] as const;
type KernelName = (typeof KERNELS)[number];

/** What only guests can run, what old kernels need fall-backs for, and what is used most. */
const QUICK = [
  'links-guests',
  'links-guests-net',
  'core',
  'collection',
  'features',
  'links',
  'map',
  'pin',
  'program',
  'tail-calls',
  'xdp',
];

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', '..');
const kernelsDir = process.env.KERNELS ?? join(homedir(), '.cache', 'tsbpf', 'kernels');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const LIMIT_SECONDS = { native: 120, guest: 400 };

/** How long a file may take, in seconds, and when all has to end. */
interface Times {
  readonly limit: number | undefined;
  readonly deadline: number | undefined;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      on: { type: 'string' },
      parallel: { type: 'boolean' },
      quick: { type: 'boolean' },
      strict: { type: 'boolean' },
      limit: { type: 'string' },
      within: { type: 'string' },
    },
  });
  const wanted = values.on?.split(',') ?? KERNELS;
  const unknown = wanted.find((name) => !(KERNELS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    console.error(`there is no kernel '${unknown}'; there are: ${KERNELS.join(', ')}`);
    return 2;
  }
  const names = namesOf(positionals, values.quick === true);
  if (names.length === 0) {
    console.error(`no file of test/kernel has a name like ${positionals.join(' or ')}`);
    return 2;
  }
  const seconds = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text);
  const within = seconds(values.within);
  const times: Times = {
    limit: seconds(values.limit),
    deadline: within === undefined ? undefined : Date.now() + within * 1000,
  };
  const outcomes = new Map<KernelName, Outcome>();
  if (wanted.includes('native')) outcomes.set('native', await runHere(names, times));
  const guests = KERNELS.filter((name) => name !== 'native' && wanted.includes(name));
  const parallel = values.parallel === true;
  if (guests.length > 0) await runInGuests(guests, names, { ...times, parallel }, outcomes);
  return report(outcomes, values.strict === true);
}

/** The files of test/kernel whose name is one of these words, or has it in it where none is called so. */
function namesOf(words: readonly string[], quick: boolean): string[] {
  const all = readdirSync(join(root, 'test', 'kernel'))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.test.ts'.length))
    .sort();
  const chosen = quick ? QUICK.filter((name) => all.includes(name)) : all;
  const meant = (name: string, word: string): boolean =>
    all.includes(word) ? name === word : name.includes(word);
  return words.length === 0 ? chosen : chosen.filter((name) => words.some((word) => meant(name, word)));
}

const pathOf = (name: string): string => join(root, 'test', 'kernel', `${name}.test.ts`);

function runHere(names: readonly string[], { limit, deadline }: Times): Promise<Outcome> {
  const runner: Runner = {
    limitSeconds: limit ?? LIMIT_SECONDS.native,
    deadline,
    startSeconds: 60,
    command: (left) => [
      process.execPath,
      vitest,
      'run',
      '--project',
      'kernel',
      '--reporter=default',
      `--reporter=${join(here, 'reporter.ts')}`,
      ...left.map(pathOf),
    ],
    env: process.env,
    cwd: root,
  };
  return runWatched(names, runner, (line) => console.error(`native: ${line}`));
}

async function runInGuests(
  guests: readonly KernelName[],
  names: readonly string[],
  options: Times & { readonly parallel: boolean },
  outcomes: Map<KernelName, Outcome>,
): Promise<void> {
  const bundle = await bundleTests(root, names.map(pathOf));
  const remove = (): void => rmSync(bundle, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const run = async (name: KernelName): Promise<void> => {
      const problem = prepare(name);
      outcomes.set(
        name,
        problem === undefined
          ? await runWatched(names, guest(name, bundle, options), (line) => console.error(`${name}: ${line}`))
          : { files: new Map(), problem },
      );
    };
    if (options.parallel) await Promise.all(guests.map(run));
    else for (const name of guests) await run(name);
  } finally {
    remove();
  }
}

function guest(name: KernelName, bundle: string, { limit, deadline }: Times): Runner {
  return {
    limitSeconds: limit ?? LIMIT_SECONDS.guest,
    deadline,
    startSeconds: 300,
    command: (left, results) => {
      const paths = left.map((each) => join(bundle, `${each}.test.mjs`));
      const words = [process.execPath, vitest, 'run', '--config', join(bundle, CONFIG), ...paths];
      const settings = `export CI=1 NO_COLOR=1 TSBPF_RESULTS=${quote(results)}`;
      return [join(here, 'boot.sh'), name, `${settings}; ${words.map(quote).join(' ')}`];
    },
    // The files are watched one by one.
    env: { KERNELS: kernelsDir, MEMORY: '3G', TIMEOUT: '36000', ...process.env },
    cwd: root,
  };
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Fetches and unpacks the kernels where they are not there yet; says what is missing. */
function prepare(name: KernelName): string | undefined {
  if (spawnSync('qemu-system-x86_64', ['--version']).error) {
    return 'QEMU is not installed (apt-get install qemu-system-x86 busybox-static cpio xz-utils)';
  }
  const there = existsSync(kernelsDir) ? readdirSync(kernelsDir) : [];
  const ready = there.some(
    (each) =>
      new RegExp(`^linux-image-${name.replace('.', '\\.')}[.+]`).test(each) &&
      madeOf(join(kernelsDir, each, 'initramfs.gz'), join(here, 'init.sh')),
  );
  if (ready) return undefined;
  const { status, stderr } = spawnSync(join(here, 'prepare.sh'), [kernelsDir, name], { encoding: 'utf8' });
  return status === 0 ? undefined : `it cannot be fetched: ${stderr.trim().split('\n').at(-1)}`;
}

const madeOf = (file: string, source: string): boolean =>
  existsSync(file) && statSync(file).mtimeMs > statSync(source).mtimeMs;

const FAILURE_LINES = 24;
const indent = (text: string): string =>
  text
    .split('\n')
    .slice(0, FAILURE_LINES)
    .map((line) => `    ${line}`)
    .join('\n')
    .trimStart();

const cell = (file: FileResult | undefined): string =>
  file === undefined
    ? '-'
    : `${file.passed}/${file.failures.length}/${file.skipped} ${file.seconds.toFixed(1)} s`;

function sumOf({ files }: Outcome): FileResult {
  const all = [...files.values()];
  const sum = (of: (file: FileResult) => number): number =>
    all.reduce((before, file) => before + of(file), 0);
  return {
    name: 'all',
    seconds: sum(({ seconds }) => seconds),
    passed: sum(({ passed }) => passed),
    skipped: sum(({ skipped }) => skipped),
    failures: all.flatMap(({ failures }) => failures),
  };
}

function report(outcomes: ReadonlyMap<KernelName, Outcome>, strict: boolean): number {
  const names = KERNELS.filter((name) => outcomes.has(name));
  const of = (name: KernelName): Outcome => outcomes.get(name)!;
  for (const name of names) {
    for (const file of of(name).files.values()) {
      for (const failure of file.failures)
        console.log(`\nfailed on ${name}: ${file.name}: ${indent(failure)}`);
    }
  }
  const files = [...new Set(names.flatMap((name) => [...of(name).files.keys()]))].sort();
  const rows = files.map((file) => [file, ...names.map((name) => cell(of(name).files.get(file)))]);
  const sums = names.map((name) => sumOf(of(name)));
  console.log('\npassed/failed/skipped');
  console.log(formatTable(['file', ...names], [...rows, ['all', ...sums.map(cell)]]));
  for (const [index, name] of names.entries()) {
    const { passed, skipped, failures } = sums[index]!;
    const { problem } = of(name);
    const counts = `${passed} passed, ${failures.length} failed, ${skipped} skipped`;
    console.log(`kernel ${name}: ${problem === undefined ? counts : `${counts} (${problem})`}`);
  }
  const failed = sums.some(({ failures }) => failures.length > 0);
  const notRun = names.some((name) => of(name).problem !== undefined);
  return failed || (strict && notRun) ? 1 : 0;
}

// Guests end with this process, and what was made for them is removed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();
