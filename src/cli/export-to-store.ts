/**
 * Databases without files, as snapshots in the store.
 *
 * They lie beside the account's own, as `<site>.databases` and with a history of their own: were they the account's,
 * the latest would have no files, and retention would let whole snapshots go for them.
 */

import { availableParallelism } from 'node:os';
import type { AccountOutcome } from '../core/jobs/backup/back-up.ts';
import { unknownDatabases } from '../core/jobs/backup/unknown-databases.ts';
import { accountOfDatabases, databaseOwners, databasesOnly } from '../core/state/database-owners.ts';
import type { CliContext } from './command.ts';
import type { ExportParts } from './commands/db-export.ts';
import { chooseAddin } from './configuration.ts';
import type { DatabaseExportPrinter } from './database-export-printer.ts';
import { describeError, nothing } from './database-items.ts';
import type { DatabaseItem } from './documents/database-export.ts';
import { addinId, openPanel, openStateOf, openStore } from './opened.ts';

export async function exportToStore(
  { world, signal, output }: CliContext,
  { loaded, accounts, engines, chosen }: ExportParts,
  printer: DatabaseExportPrinter,
): Promise<readonly DatabaseItem[]> {
  const { configuration } = loaded;
  const addin = chooseAddin(configuration, chosen.addin);
  const opened = await openStore(loaded, addin, world);
  const { CapturePool } = await import('../core/jobs/capture/pool.ts');
  const { backUp } = await import('../core/jobs/backup/back-up.ts');
  const pool = new CapturePool({ threads: availableParallelism(), now: world.now });
  try {
    const state = await openStateOf(configuration, world);
    for (const note of state.notes) output.note(`note: ${note}`);
    const { panelRef } = await openPanel(loaded, world);
    const started = new Map<string, number>();
    const items: DatabaseItem[] = [];
    await backUp({
      addin: { ...opened, id: addinId(state.server.uuid, opened.name) },
      panelRef,
      accounts: accounts.map(databasesOnly),
      trustedSigners: configuration.trustedSigners,
      engines,
      state: databaseOwners(state, accounts),
      stateDir: configuration.stateDir,
      level: 'auto',
      allowPlaintext: chosen.allowPlaintext === true,
      concurrency: configuration.concurrency,
      lockWaitMs: configuration.lockWaitMinutes * 60_000,
      pool,
      world,
      signal,
      onEvent(event) {
        if (event.type === 'started') started.set(event.site, world.now());
        if (event.type === 'bytes') printer.event({ type: 'bytes', bytes: event.bytes });
        if (event.type === 'ended') {
          const milliseconds = Math.round(
            world.now() - (started.get(event.outcome.account.site) ?? world.now()),
          );
          const ended = itemsOf(event.outcome, milliseconds);
          items.push(...ended);
          for (const { error, ...one } of ended) if (error !== null) printer.failed({ ...one, error });
        }
      },
    });
    return items;
  } finally {
    await pool.close();
    await opened.store.close();
  }
}

function itemsOf({ account, snapshot, error }: AccountOutcome, milliseconds: number): DatabaseItem[] {
  const common = {
    account: accountOfDatabases(account.site) ?? account.site,
    domain: account.domain,
    milliseconds,
  };
  if (error !== null) {
    const failed = { instance: '*', engine: '*', database: null, snapshot: null, warnings: [], notes: [] };
    return [{ ...common, ...failed, ...nothing, state: 'failed', error: describeError(error) }];
  }
  return snapshot.body.components.flatMap((component): DatabaseItem[] => {
    if (component.type !== 'database') return [];
    const { instance, engine, databases, plainBytes, consistency, lockHeldMs, instant } = component;
    const warnings = snapshot.body.warnings
      .filter((warning) => warning.component === component.name)
      .map(({ code, message }) => ({ code, message }));
    const why = component.error;
    return databases.map(
      (database): DatabaseItem => ({
        ...common,
        ...nothing,
        instance,
        engine,
        database: database === unknownDatabases ? null : database,
        snapshot: snapshot.name,
        state: component.state,
        error: why === undefined ? null : { code: why.code, message: why.message, hint: why.hint ?? null },
        plainBytes,
        instant,
        consistency,
        lockHeldMs: Math.round(lockHeldMs),
        lockedTables: [...(component.lockedTables ?? [])],
        warnings,
        notes: [],
      }),
    );
  });
}
