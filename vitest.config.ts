/**
 * One retry, which the report names: on two cores three files and their real servers compete, and a test that then
 * fails once is looked into, not passed over. `--mode built` (`npm test`) starts the built command line; files named
 * `*.long.test.ts` run in `--mode long` only (`npm run test:long`), built as well.
 */

import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.ts';

export default defineConfig(({ mode }) => ({
  test: {
    include: ['test/**/*.test.ts'],
    // Packages of addins test themselves, where they are installed.
    exclude: ['test/fixtures/**', ...(mode === 'long' ? [] : ['**/*.long.test.ts'])],
    globalSetup: [
      'test/support/prerequisites.ts',
      // One file alone is run from the source.
      ...(mode === 'test' ? [] : ['test/support/built.ts']),
    ],
    reporters: ['default', './test/support/count-reporter.ts'],
    pool: 'forks',
    // A process and its modules serve many files, which saves a fifth of a second each. Long runs have files that import others.
    isolate: mode === 'long',
    setupFiles: ['test/support/as-begun.ts'],
    // Node runs the source itself, as it does outside of tests.
    experimental: { viteModuleRunner: false },
    env: {
      HOLDFAST_TEST_MODE: mode,
      // The tests start thousands of threads and processes of ours; compiling costs each a tenth of a second.
      NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/holdfast-compiled'),
      // Debian's own programs, not wrappers of a version manager, which cost several times what they start.
      PATH: `/usr/bin:/bin:${process.env['PATH'] ?? ''}`,
    },
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    retry: 1,
    // For what hangs, not for what is slow on a busy machine.
    testTimeout: mode === 'long' ? 1_800_000 : 120_000,
    hookTimeout: 300_000,
    teardownTimeout: 20_000,
  },
}));
