/** Databases as files: in a directory, or where the panel keeps each account's own dumps. */

import { setFlagsFromString } from 'node:v8';
import type { Panel } from '../core/index.ts';
import { chooseDatabases } from '../core/jobs/export-databases/choose.ts';
import type { Lacking, SpaceRequest } from '../core/jobs/export-databases/space.ts';
import type { DatabaseFilter, DatabaseOutcome, ExportTarget } from '../core/jobs/export-databases/types.ts';
import type { CliContext } from './command.ts';
import type { ExportParts } from './commands/db-export.ts';
import type { DatabaseExportPrinter } from './database-export-printer.ts';
import { describeOutcome } from './database-items.ts';
import type { DatabaseItem, SkippedDatabase } from './documents/database-export.ts';
import { type ExportOptions, jobsOf, usage } from './export-options.ts';

export interface ExportedFiles {
  readonly items: readonly DatabaseItem[];
  /** There, asked for, and without a place in the target. */
  readonly skipped: readonly SkippedDatabase[];
}

export async function exportToFiles(
  { world, signal }: CliContext,
  { loaded, panel, accounts, engines, chosen }: ExportParts,
  filter: DatabaseFilter,
  printer: DatabaseExportPrinter,
): Promise<ExportedFiles> {
  // Buffers come and go by the hundred megabytes; without this the small heap is looked through each time.
  setFlagsFromString('--heap-growing-percent=400');
  const { exportDatabases } = await import('../core/jobs/export-databases/export-databases.ts');
  const concurrency = jobsOf(chosen, loaded.configuration.concurrency);
  const groups = await chooseDatabases(accounts, engines, filter, signal);
  const target = await openTarget(panel, chosen, world.now);
  // Nobody knows what a server has that does not answer, so that one fails.
  const taken = groups.filter(
    ({ account, engine, error }) => error !== null || target.takes(account, engine.family),
  );
  const skipped = groups
    .filter((group) => !taken.includes(group))
    .flatMap(({ databases }) => databases)
    .map(({ account, engine, name }) => ({
      account: account.site,
      instance: engine.instance,
      database: name,
      reason: 'no-place' as const,
    }));
  const plain = chosen.format === 'plain';
  const lacking = await roomFor(chosen, { target, groups: taken, plain, concurrency, signal });
  const outcomes: DatabaseOutcome[] = [];
  try {
    await exportDatabases({
      groups: taken.map((group) => ({ ...group, error: lacking.get(group) ?? group.error })),
      target,
      plain,
      concurrency,
      now: world.now,
      newObjectId: world.newObjectId,
      signal,
      onEvent(event) {
        if (event.type === 'ended') outcomes.push(event.outcome);
        printer.event(event);
      },
    });
  } catch (error) {
    // What was finished before the interruption is there and is told.
    if (!signal.aborted) throw error;
  }
  return { items: outcomes.map(describeOutcome), skipped };
}

/**
 * One directory that is too small is the administrator's to mend; of the accounts' own only those fail that do not fit.
 *
 * @throws TARGET_UNWRITABLE the directory is too small
 */
async function roomFor({ force, to }: ExportOptions, request: SpaceRequest): Promise<Lacking> {
  if (force === true) return new Map();
  const { findLacking, requireSpace } = await import('../core/jobs/export-databases/space.ts');
  if (to === undefined) return findLacking(request);
  await requireSpace(request);
  return new Map();
}

async function openTarget(
  panel: Panel,
  { to, compress }: ExportOptions,
  now: () => number,
): Promise<ExportTarget> {
  if (to !== undefined) {
    const { directoryTarget } = await import('../core/jobs/export-databases/directory-target.ts');
    return directoryTarget(to, { compression: compress ?? 'zstd', now });
  }
  const { panelTarget } = await import('../core/jobs/export-databases/panel-target.ts');
  if (compress === 'zstd') throw usage('the panel cannot restore zstd', 'Use --compress gzip or none.');
  return panelTarget(panel, { compression: compress ?? 'gzip', now });
}
