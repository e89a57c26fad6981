/**
 * Reads what an account has into its snapshot: its databases first, then its trees, and around them the steps of others.
 */

import type { ManifestBody } from '../../archive/manifest.ts';
import { type AccountProgress, progressOf } from './account-progress.ts';
import type { BackUpAccount } from './back-up-account.ts';
import { type CapturedTrees, captureTrees } from './capture-trees.ts';
import { type ExportedDatabases, exportDatabases } from './export-databases.ts';
import type { PreparedAccount } from './prepare-account.ts';
import { refusedComponent } from './raw-data.ts';
import { exportedTwice } from './warnings.ts';

export interface CapturedAccount {
  /** When its first database or file may have been read. */
  readonly startedAtMs: number;
  /** Refused trees as well. */
  readonly components: ManifestBody['components'];
  readonly trees: CapturedTrees;
  readonly unconfigured: ExportedDatabases['unconfigured'];
  readonly notes: ExportedDatabases['notes'];
}

/**
 * All is read once it resolves, and puts may be under way. The parent is removed, however it ends.
 *
 * @param keepIndex gets the index as it is before encryption, piece by piece
 */
export async function captureAccount(
  request: BackUpAccount,
  prepared: PreparedAccount,
  keepIndex: (payload: Buffer) => void,
): Promise<CapturedAccount> {
  const { account, owner, pool, steps, world } = request;
  const { parent, writer, warnings } = prepared;
  const progress = progressOf(request.onBytes, prepared.reading, parent?.snapshot ?? null);
  try {
    await request.begin?.();
    // It may have waited for hours, and nothing of it has been read so far.
    const startedAtMs = world.now();
    for (const warning of (await request.endImports?.(owner)) ?? []) warnings.add(warning);
    await steps?.before('export', account);
    const databases = await readDatabases(request, prepared, progress);
    await steps?.after('export', account);
    await steps?.before('upload', account);
    const { now } = world;
    const given = { trees: prepared.trees, parent, pool, writer, warnings, now, progress, keepIndex };
    const trees = await captureTrees(given, steps?.budget ?? null);
    const refused = prepared.refused.map((one) => refusedComponent(one, startedAtMs));
    const components = [...trees.components, ...refused, ...databases.components];
    const { unconfigured, notes } = databases;
    return { startedAtMs, components, trees, unconfigured, notes };
  } finally {
    parent?.remove();
  }
}

async function readDatabases(
  { account, engines, steps, exportsTwice }: BackUpAccount,
  { parent, writer, warnings }: PreparedAccount,
  progress: AccountProgress,
): Promise<ExportedDatabases> {
  const databases = await exportDatabases({
    account,
    engines,
    writer,
    warnings,
    parent: parent?.snapshot ?? null,
    onBytes: (bytes) => progress.exported(bytes),
    onSaid: (component, said) => steps?.said?.(account, component, said),
  });
  if (exportsTwice === true && databases.components.length > 0) warnings.add(exportedTwice);
  for (const family of databases.unconfigured) {
    const message = `the account may have ${family} databases, but no ${family} server is configured`;
    warnings.add({ code: 'engine-not-configured', component: 'account', message });
  }
  return databases;
}
