import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Closes a run with two plain lines: how many tests asked the kernel, and the sum over all suites.
 * A test file that cannot be loaded counts as one failure.
 */
export default class ClosingLines implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const broken = modules.filter(
      (module) => module.state() === 'failed' && module.errors().length > 0,
    ).length;
    const kernel = modules
      .filter((module) => module.project.name === 'kernel')
      .flatMap((module) => [...module.children.allTests()]);
    // After the default reporter's own closing lines.
    process.on('exit', () => {
      console.log(
        `kernel tests: ${count(kernel, 'passed')} ran and passed, ${count(kernel, 'failed')} failed, ${count(kernel, 'skipped')} skipped`,
      );
      console.log(
        `${count(tests, 'passed')} passed, ${count(tests, 'failed') + broken} failed, ${count(tests, 'skipped')} skipped`,
      );
    });
  }
}

function count(tests: readonly TestCase[], state: 'passed' | 'failed' | 'skipped'): number {
  return tests.filter((test) => test.result().state === state).length;
}
