/**
 * Prints `N passed, N failed` alone on the very last line of a run, whatever happened in it.
 *
 * A file that cannot be loaded, an error outside any test and a run that never began each count as one
 * failure, so `0 failed` and exit status 0 mean the same.
 */

import { writeSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class CountReporter implements Reporter {
  #passed = 0;
  #failed = 0;
  #ended = false;

  onInit(): void {
    // Other reporters still write when the run has ended; nothing writes after this.
    process.once('exit', () => {
      if (!this.#ended) this.#failed += 1;
      writeSync(1, `${this.#passed} passed, ${this.#failed} failed\n`);
    });
  }

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result();
    if (state === 'passed') this.#passed += 1;
    if (state === 'failed') this.#failed += 1;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    this.#ended = true;
    this.#failed += unhandledErrors.length;
    for (const module of modules) {
      const suites = [...module.children.allSuites()];
      this.#failed += module.errors().length + suites.flatMap((suite) => suite.errors()).length;
    }
    // No test at all is a mistake in the command or the tree.
    if (this.#passed + this.#failed === 0) this.#failed = 1;
  }
}
