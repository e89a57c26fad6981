/**
 * What a restore has done so far, and the report that becomes of it.
 */

import type { Warning } from '../../archive/manifest.ts';
import { errorCodes } from '../../errors.ts';
import { shown, shownWithEncoding } from '../../filesystem/path-text.ts';
import { WarningList } from '../backup/warnings.ts';
import type { RestoreOutlet } from './entry-restorer.ts';
import type { RestoreFailure, RestoreReport, RestoreRequest } from './types.ts';

const listedFailures = 1000;

export interface Progress {
  entries: number;
  bytes: number;
  kept: number;
  failureCount: number;
  readonly failures: RestoreFailure[];
  readonly warnings: WarningList;
}

export const noProgress = (): Progress => ({
  entries: 0,
  bytes: 0,
  kept: 0,
  failureCount: 0,
  failures: [],
  warnings: new WarningList(),
});

export const namesAlike: Warning = {
  code: 'names-alike',
  component: 'target',
  message: 'the file system of the target takes some names for one, as README and readme',
};

export function outletOf(progress: Progress, onEvent: RestoreRequest['onEvent']): RestoreOutlet {
  return {
    warn(code, path, message) {
      const component = path.toString('latin1').split('/', 1)[0]!;
      progress.warnings.add({ code, component, ...shownWithEncoding(path), message });
    },
    failed(path, message) {
      progress.failureCount++;
      if (progress.failures.length < listedFailures) progress.failures.push({ path: shown(path), message });
    },
    progress(entries, bytes) {
      progress.entries += entries;
      progress.bytes += bytes;
      onEvent({ type: 'progress', entries, bytes });
    },
    kept: () => progress.kept++,
  };
}

export function reportOf(progress: Progress, databaseFiles: readonly string[]): RestoreReport {
  const { warnings, ...rest } = progress;
  const exitStatus =
    progress.failureCount > 0
      ? errorCodes.RESTORE_INCOMPLETE.exit
      : warnings.total > 0
        ? errorCodes.FINISHED_WITH_WARNINGS.exit
        : 0;
  return { ...rest, databaseFiles, warnings: warnings.first, warningCounts: warnings.counts, exitStatus };
}
