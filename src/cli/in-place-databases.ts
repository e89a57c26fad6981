/** `holdfast restore --in-place --database`: databases of a snapshot in the place of the live ones. */

import type { Snapshot } from '../core/jobs/catalog.ts';
import { snapshotDump } from '../core/jobs/import/snapshot-dump.ts';
import { printable } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import { type ImportWork, runImports } from './database-imports.ts';
import { databaseName } from './import-target.ts';
import { liveAccount } from './live-account.ts';
import { openPanel } from './opened.ts';
import type { StoreSession } from './store-session.ts';
import { requireTrustedSnapshot } from './trusted-snapshot.ts';

/** @throws PATH_NOT_FOUND one is not in the snapshot; then none is touched */
export async function importInPlace(
  context: CliContext,
  session: StoreSession,
  snapshot: Snapshot,
  names: readonly string[],
  dryRun: boolean,
): Promise<number> {
  const { loaded, opened } = session;
  await requireTrustedSnapshot(session, snapshot);
  const { panel } = await openPanel(loaded, context.world);
  const { account, owner } = await liveAccount(context, panel, snapshot, loaded);
  // The same one named twice, with its server and without, is imported once: what it replaced is to be kept.
  const works = new Map<string, ImportWork>();
  for (const typed of names) {
    const name = databaseName(typed, loaded);
    const dump = snapshotDump(snapshot, opened.provider, name);
    const instance = name.instance ?? dump.instance;
    works.set(`${instance}/${name.database}`, {
      name: { ...name, instance },
      dump,
      family: dump.family,
      place: { kind: 'replace' },
      tables: null,
      kept: null,
    });
  }
  const exitStatus = await runImports(context, {
    loaded,
    account,
    owner,
    works: [...works.values()],
    dryRun,
  });
  const example = printable([...works.values()][0]?.name.database ?? '');
  context.output.info(
    `users, passwords and grants stay as they are on the server; restore ${snapshot.name} --database ${example} --to DIR writes those of then beside the export`,
  );
  return exitStatus;
}
