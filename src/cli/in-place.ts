/** `holdfast restore --in-place`: the live account that a snapshot belongs to, and the restore into it. */

import { requireExclusions } from '../core/config/without-faults.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import { restoreInPlace } from '../core/jobs/restore-in-place/restore-in-place.ts';
import type { InPlaceEvent, InPlaceReport } from '../core/jobs/restore-in-place/types.ts';
import { printable } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import type { RestoreActionDocument, RestoreInPlaceDocument } from './documents/restore-in-place.ts';
import { describeWarning, type FailedComponent } from './documents/snapshot.ts';
import { noteDoubts } from './doubtful-snapshot.ts';
import { encodedPath, shown } from './entry-view.ts';
import { noteExcluded } from './excluded-paths.ts';
import { tellFailed, wayOut } from './failed-paths.ts';
import { bytesText, countText, durationText, plural } from './format.ts';
import { leftDatabases, noteLeftDatabases } from './left-databases.ts';
import { liveAccount } from './live-account.ts';
import { openPanel } from './opened.ts';
import { failedComponents, statusWith } from './partial-snapshot.ts';
import { openProgress } from './progress.ts';
import type { StoreSession } from './store-session.ts';
import { requireTrustedSnapshot } from './trusted-snapshot.ts';

export interface InPlaceChoice {
  readonly snapshot: Snapshot;
  readonly paths: readonly Buffer[];
  readonly delete: boolean;
  readonly checksum: boolean;
  readonly dryRun: boolean;
  /** As `noteLeftDatabases` takes it. */
  readonly again: string;
}

/** @throws CONFIG_INVALID nobody knows what backups leave out, which must stay as it is */
export async function runInPlace(
  context: CliContext,
  session: StoreSession,
  choice: InPlaceChoice,
): Promise<number> {
  const { output, world, signal } = context;
  const { loaded, opened, search } = session;
  requireExclusions(loaded.configuration);
  await requireTrustedSnapshot(session, choice.snapshot);
  const { panel } = await openPanel(loaded, world);
  const { account, owner } = await liveAccount(context, panel, choice.snapshot, loaded);
  if (owner !== choice.snapshot.header.owner) {
    throw new HoldfastError('PATH_NOT_FOUND', `${choice.snapshot.name} holds databases only`, {
      hint: 'Name them with --database, or a snapshot of the account.',
    });
  }
  const { paths } = choice;
  const wanted = { paths, databases: [], everything: paths.length === 0, treesOnly: true };
  const failed = failedComponents(choice.snapshot, wanted);
  await noteDoubts(output, search, choice.snapshot, failed);
  await noteExcluded(output, search, choice.snapshot, paths);
  const startedAtMs = world.now();
  const progress = choice.dryRun ? null : await openProgress(output, world.now);
  const planned = { actions: 0, bytes: 0 };
  const done = { actions: 0, bytes: 0 };
  const onEvent = (event: InPlaceEvent): void => {
    if (event.type === 'planned') Object.assign(planned, { actions: event.actions, bytes: event.bytes });
    else if (progress === null) listAction(context, event);
    else {
      done.actions++;
      done.bytes += event.bytes;
      const weight = ({ actions, bytes }: typeof done): number => bytes + 4096 * actions;
      const share = weight(planned) === 0 ? null : Math.min(1, weight(done) / weight(planned));
      progress.show({
        share,
        bytes: done.bytes,
        detail: `${countText(done.actions)}/${countText(planned.actions)} paths`,
      });
    }
  };
  let report: InPlaceReport;
  try {
    report = await restoreInPlace({
      provider: opened.provider,
      snapshot: choice.snapshot,
      account,
      panel,
      stateDir: loaded.configuration.stateDir,
      paths,
      everything: wanted.everything,
      delete: choice.delete,
      compareContents: choice.checksum ? 'always' : 'when-times-differ',
      dryRun: choice.dryRun,
      newId: world.newObjectId,
      signal,
      onEvent,
    });
  } finally {
    progress?.close();
  }
  const exitStatus = statusWith(report.exitStatus, failed);
  const took = durationText(world.now() - startedAtMs);
  const databases = wanted.everything ? leftDatabases(choice.snapshot) : [];
  const hint = report.lostInStore ? wayOut(session.addin, '') : inTheWay;
  tell(context, choice, report, { site: account.site, took, failed, databases, exitStatus, hint });
  noteLeftDatabases(output, choice.snapshot, databases, session.addin.name, choice.again);
  return exitStatus;
}

function listAction(
  { output }: CliContext,
  { action, path, bytes }: Extract<InPlaceEvent, { type: 'action' }>,
): void {
  output.line(`${action.padEnd(8)}  ${shown(path)}`);
  output.record<RestoreActionDocument>({ action, ...encodedPath(path), bytes, message: null });
}

const inTheWay =
  'Mend what is said of each path, and give the same command again: only what is left is done.';

interface Told {
  readonly site: string;
  readonly took: string;
  readonly failed: readonly FailedComponent[];
  /** Those that were left alone. */
  readonly databases: readonly string[];
  readonly exitStatus: number;
  readonly hint: string;
}

function tell(
  { output }: CliContext,
  { snapshot, dryRun }: InPlaceChoice,
  report: InPlaceReport,
  { site, took, failed, databases, exitStatus, hint }: Told,
): void {
  for (const { path, message } of dryRun ? report.failures : [])
    output.record<RestoreActionDocument>({
      action: 'fail',
      path,
      pathEncoding: 'percent',
      bytes: 0,
      message,
    });
  tellFailed(output, report.failures);
  for (const { code, path, message } of report.warnings) {
    output.note(`warning: ${code}: ${path === undefined ? '' : `${printable(path, 4096)}: `}${message}`);
  }
  const counted = Object.entries(report.actions)
    .filter(([, count]) => count > 0)
    .map(([action, count]) => `${action} ${countText(count)}`);
  const what = counted.length === 0 ? 'nothing differs' : `${counted.join(', ')}, ${bytesText(report.bytes)}`;
  const files = databases.length === 0 ? '' : 'the files of ';
  const where = `${files}${printable(site)} from ${snapshot.name}`;
  output.info(dryRun ? `would restore ${where}: ${what}` : `restored ${where} in ${took}: ${what}`);
  if (report.failureCount > 0) {
    output.note(`holdfast: ${plural(report.failureCount, 'path')} could not be restored`);
    output.note(`hint: ${hint}`);
  }
  if (dryRun) return;
  output.document<RestoreInPlaceDocument>({
    snapshot: snapshot.name,
    site: printable(site),
    trees: [...report.trees],
    leftDatabases: databases.map((name) => printable(name, 4096)),
    exitStatus,
    failedComponents: [...failed],
    actions: { ...report.actions },
    untouched: report.untouched,
    bytes: report.bytes,
    warnings: report.warnings.map(describeWarning),
    warningCounts: { ...report.warningCounts },
    failures: report.failures.map(({ path, message }) => ({ path, message })),
    failureCount: report.failureCount,
  });
}
