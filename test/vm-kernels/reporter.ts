import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type { FileResult } from './result.ts';

/** The file that names what runs right now. */
export const RUNNING = 'running';

/**
 * Writes what each file of tests came to when it has ended, and what runs right now, into the
 * directory `$TSBPF_RESULTS`: so a run that hangs, or a kernel that does, loses nothing of the rest.
 *
 * @public vitest loads it by its path.
 */
export default class FileByFile implements Reporter {
  readonly #directory: string = process.env.TSBPF_RESULTS ?? '.';
  #since = Date.now();

  onTestModuleQueued(module: TestModule): void {
    this.#since = Date.now();
    this.#running(module);
  }

  onTestCaseReady(test: TestCase): void {
    this.#running(test.module, test.fullName);
  }

  onTestModuleEnd(module: TestModule): void {
    const result: FileResult = {
      name: nameOf(module),
      seconds: (Date.now() - this.#since) / 1000,
      passed: 0,
      skipped: 0,
      failures: module.errors().map(({ message }) => `the file cannot be run\n${message}`),
    };
    for (const test of module.children.allTests()) {
      const { state, errors } = test.result();
      if (state === 'passed') result.passed++;
      else if (state === 'skipped') result.skipped++;
      else {
        const texts = (errors ?? []).map(({ message, diff, stack }) =>
          [message, diff, ...(stack?.match(/^.*\.test\.\w+:\d+.*$/m) ?? [])].filter(Boolean).join('\n'),
        );
        result.failures.push([test.fullName, ...texts].join('\n'));
      }
    }
    for (const suite of module.children.allSuites()) {
      for (const { message } of suite.errors()) result.failures.push(`${suite.fullName}\n${message}`);
    }
    if (module.state() === 'failed' && result.failures.length === 0)
      result.failures.push('outside of its tests');
    writeFileSync(join(this.#directory, `${result.name}.json`), JSON.stringify(result));
  }

  onTestRunEnd(_modules: readonly TestModule[], errors: readonly { readonly message: string }[]): void {
    if (errors.length === 0) return;
    const failures = errors.map(({ message }) => `an error that no test caught\n${message}`);
    const result: FileResult = { name: 'the run', seconds: 0, passed: 0, skipped: 0, failures };
    writeFileSync(join(this.#directory, 'the run.json'), JSON.stringify(result));
  }

  #running(module: TestModule, test?: string): void {
    const now = { name: nameOf(module), since: this.#since, ...(test !== undefined && { test }) };
    writeFileSync(join(this.#directory, RUNNING), JSON.stringify(now));
  }
}

const nameOf = (module: TestModule): string => basename(module.moduleId).replace(/\.test\.\w+$/, '');
