/**
 * A database engine whose dumps the panel makes: its exporter is run once, then each account's new files are
 * taken instead of dumps of our own. Which databases there are is still asked of the server; users and grants
 * are not part of what the panel writes.
 */

import type {
  DatabaseEngine,
  DatabaseExport,
  EngineCheck,
  ExportRequest,
  ExportSet,
} from '../../contracts/database.ts';
import type { DatabaseSelector, PanelDumps } from '../../contracts/panel.ts';
import { refusedExport } from '../../databases/live-dumps.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { closeFd, errnoName, O } from '../../filesystem/native.ts';
import { openBelow } from '../../filesystem/open-below.ts';
import { openNewDump, sqlOf } from './panel-dump.ts';

export interface PanelExportParts {
  readonly engine: DatabaseEngine;
  /** Runs the exporter; called once, and again only after it has failed for all. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** Where the trees of the account with this selector lie. */
  readonly rootOf: (selector: DatabaseSelector, dumps: PanelDumps) => string | null;
  readonly now: () => number;
}

export function panelEngine({ engine, run, rootOf, now }: PanelExportParts): DatabaseEngine {
  let exported: Promise<{ readonly sinceMs: number }> | undefined;
  const once = (signal: AbortSignal): Promise<{ readonly sinceMs: number }> => {
    // Files have times of the kernel's clock, which lags behind by a tick.
    const sinceMs = now() - 1000;
    exported ??= run(signal).then(() => ({ sinceMs }));
    return exported;
  };
  return {
    instance: engine.instance,
    engine: engine.engine,
    family: engine.family,
    check: async (options): Promise<readonly EngineCheck[]> => engine.check(options),
    discover: (request) => engine.discover(request),
    close: () => engine.close(),
    async exports({ databases, selector, signal }: ExportRequest): Promise<ExportSet> {
      const { sinceMs } = await once(signal);
      const { dumps } = selector;
      const root = dumps === undefined ? null : rootOf(selector, dumps);
      if (dumps === undefined || root === null) throw noDirectory('the panel names none');
      const directory = openBelow(root, Buffer.from(dumps.path), O.RDONLY | O.DIRECTORY);
      if (directory < 0) throw noDirectory(errnoName(directory));
      try {
        const exports = databases.map((database) => exportOf(directory, database, sinceMs));
        return { consistency: 'panel', lockHeldMs: 0, exports, warnings: [] };
      } finally {
        closeFd(directory);
      }
    },
  };
}

function exportOf(directory: number, database: string, sinceMs: number): DatabaseExport {
  try {
    const dump = openNewDump(directory, database, sinceMs);
    const outcome = Promise.withResolvers<{ readonly warnings: []; readonly besides: [] }>();
    outcome.promise.catch(() => {});
    const body = (async function* () {
      try {
        yield* sqlOf(dump);
        outcome.resolve({ warnings: [], besides: [] });
      } catch (error) {
        outcome.reject(error);
        throw error;
      }
    })();
    const instantMs = dump.modifiedAtMs;
    return { databases: [database], format: 'sql', instantMs, body, result: () => outcome.promise };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return refusedExport(database, 'sql', error.message.replace(/^export of .*? failed: /, ''), sinceMs);
  }
}

function noDirectory(why: string): HoldfastError {
  return new HoldfastError('EXPORT_FAILED', `the panel's dumps of the account cannot be found: ${why}`, {
    hint: 'Set "export" to "direct" in config.json, or let the panel write the dumps.',
  });
}
