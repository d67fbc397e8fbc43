// Runs the kernel tests on this machine and on Debian's 6.1 and 6.12 in QEMU, and prints one table.
//
//   npm run test:kernels                          all of them, everywhere
//   npm run test:kernels -- --on 6.1,6.12 map     files whose name has `map`, in the guests
//
// A kernel that cannot be booted here is told with the reason; `--strict` makes that a failure.
import { type StdioOptions, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatTable } from '../../src/cli/table.ts';

const KERNELS = ['native', '6.1', '6.12'] as const;
type KernelName = (typeof KERNELS)[number];

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', '..');
const kernelsDir = process.env.KERNELS ?? join(homedir(), '.cache', 'tsbpf', 'kernels');
/** Emulated, a file takes some 20 s, most of them to read and compile its modules. */
const GUEST_TIMEOUT_S = 3600;

/** What the tests print goes to stderr: the table alone is the result. */
const PROGRESS: StdioOptions = ['ignore', 2, 2];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Outcome {
  readonly files: ReadonlyMap<string, Counts>;
  readonly failures: readonly string[];
  /** Why there is nothing more. */
  readonly problem?: string;
}

/** What of vitest's JSON report is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { on: { type: 'string' }, strict: { type: 'boolean' } },
  });
  const wanted = values.on?.split(',') ?? KERNELS;
  const unknown = wanted.find((name) => !(KERNELS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    console.error(`there is no kernel '${unknown}'; there are: ${KERNELS.join(', ')}`);
    return 2;
  }
  const outcomes = new Map<KernelName, Outcome>();
  for (const name of KERNELS.filter((each) => wanted.includes(each))) {
    console.error(`running on ${name} …`);
    outcomes.set(name, name === 'native' ? runTests(positionals) : runInGuest(name, positionals));
  }
  return report(outcomes, values.strict === true);
}

/** The command that runs the tests and writes a report. */
function vitest(reportFile: string, files: readonly string[]): string[] {
  return [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--project',
    'kernel',
    '--reporter=verbose',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    // Compiling the modules is most of what an emulated machine would do; it finds them compiled.
    '--experimental.fsModuleCache',
    // Emulated, a test can take twenty times as long.
    '--testTimeout=600000',
    '--hookTimeout=600000',
    ...files,
  ];
}

function withReportFile(act: (file: string) => string | undefined): Outcome {
  const dir = mkdtempSync('/tmp/tsbpf-kernels-');
  try {
    const file = join(dir, 'report.json');
    const problem = act(file);
    if (!existsSync(file))
      return { files: new Map(), failures: [], problem: problem ?? 'there is no report' };
    return read(JSON.parse(readFileSync(file, 'utf8')) as Report);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function runTests(files: readonly string[]): Outcome {
  return withReportFile((report) => {
    const { status } = spawnSync(process.execPath, vitest(report, files), { cwd: root, stdio: PROGRESS });
    return `vitest ended with ${status}`;
  });
}

function runInGuest(name: KernelName, files: readonly string[]): Outcome {
  const problem = prepare(name);
  if (problem !== undefined) return { files: new Map(), failures: [], problem };
  return withReportFile((report) => {
    const command = [process.execPath, ...vitest(report, files)].map(quote).join(' ');
    const { status, error } = spawnSync(join(here, 'boot.sh'), [name, `${command}; sync`], {
      cwd: root,
      stdio: PROGRESS,
      env: { KERNELS: kernelsDir, MEMORY: '3G', TIMEOUT: String(GUEST_TIMEOUT_S), ...process.env },
    });
    return error?.message ?? `the guest ended with ${status}, and without a report`;
  });
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
      existsSync(join(kernelsDir, each, 'initramfs.gz')),
  );
  if (ready) return undefined;
  const { status, stderr } = spawnSync(join(here, 'prepare.sh'), [kernelsDir], { encoding: 'utf8' });
  return status === 0 ? undefined : `it cannot be fetched: ${stderr.trim().split('\n').at(-1)}`;
}

function read(report: Report): Outcome {
  const files = new Map<string, Counts>();
  const failures: string[] = [];
  for (const file of report.testResults) {
    const name = basename(file.name, '.test.ts');
    const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
    files.set(name, counts);
    for (const test of file.assertionResults) {
      if (test.status === 'passed') counts.passed++;
      else if (test.status !== 'failed') counts.skipped++;
      else {
        counts.failed++;
        failures.push(`${name}: ${test.fullName}\n${indent(test.failureMessages.join('\n'))}`);
      }
    }
    if (file.assertionResults.length === 0 && file.status === 'failed') {
      counts.failed++;
      failures.push(`${name}: the file cannot be run\n${indent(file.message)}`);
    }
  }
  return { files, failures };
}

const FAILURE_LINES = 12;
const indent = (text: string): string =>
  text
    .split('\n')
    .slice(0, FAILURE_LINES)
    .map((line) => `    ${line}`)
    .join('\n');

const cell = (counts: Counts | undefined): string =>
  counts === undefined ? '-' : `${counts.passed}/${counts.failed}/${counts.skipped}`;

function report(outcomes: ReadonlyMap<KernelName, Outcome>, strict: boolean): number {
  for (const [name, { failures }] of outcomes) {
    for (const failure of failures) console.log(`\nfailed on ${name}: ${failure}`);
  }
  const names = [...outcomes.keys()];
  const files = [...new Set([...outcomes.values()].flatMap(({ files }) => [...files.keys()]))].sort();
  const rows = files.map((file) => [file, ...names.map((name) => cell(outcomes.get(name)!.files.get(file)))]);
  const sums = names.map((name) => {
    const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
    for (const counts of outcomes.get(name)!.files.values()) {
      for (const key of ['passed', 'failed', 'skipped'] as const) sum[key] += counts[key];
    }
    return sum;
  });
  console.log('\npassed/failed/skipped');
  console.log(formatTable(['file', ...names], [...rows, ['all', ...sums.map(cell)]]));
  const notRun = [...outcomes].filter(([, { problem }]) => problem !== undefined);
  for (const [name, { problem }] of notRun) console.log(`not run on ${name}: ${problem}`);
  return sums.some(({ failed }) => failed > 0) || (strict && notRun.length > 0) ? 1 : 0;
}

process.exitCode = main();
