/** `holdfast restore`: a snapshot, or paths and databases of it, into a directory or where it came from. */

import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { systemConfigDir } from '../../core/config/load-configuration.ts';
import { errorCodes } from '../../core/errors.ts';
import type { Snapshot } from '../../core/jobs/catalog.ts';
import { restore as restoreSnapshot } from '../../core/jobs/restore/restore.ts';
import type { RestoreEvent, RestoreReport, RestoreRequest } from '../../core/jobs/restore/types.ts';
import { printable } from '../../core/printable.ts';
import { type CliCommand, type CliContext, collected } from '../command.ts';
import { loadReadable } from '../configuration.ts';
import type { RestoreDocument } from '../documents/restore.ts';
import { describeWarning, type FailedComponent } from '../documents/snapshot.ts';
import { noteDoubts } from '../doubtful-snapshot.ts';
import { noteExcluded } from '../excluded-paths.ts';
import { tellFailed, wayOut } from '../failed-paths.ts';
import { requireAccount, resolveSnapshot } from '../find-snapshot.ts';
import { bytesText, countText, durationText, plural } from '../format.ts';
import { noteJoint } from '../joint-dumps.ts';
import { defineKeyOptions } from '../key-input.ts';
import { word } from '../left-databases.ts';
import { refuseOwnTarget } from '../own-target.ts';
import { failedComponents, statusWith } from '../partial-snapshot.ts';
import { openProgress } from '../progress.ts';
import { planOne } from '../restore-plan.ts';
import { checkAll, pathsOf, type RestoreOptions, targetOf } from '../restore-target.ts';
import { checkRestricted, laterSnapshots, restrictions } from '../restricted.ts';
import { serverHelp } from '../server-option.ts';
import { copyHelp, type StoreSession, withStore } from '../store-session.ts';
import { withTargetHint } from '../target-hint.ts';
import { whileRestored } from '../while-restored.ts';

export const restore: CliCommand = {
  exits: [
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'PANEL_UNREADABLE',
    'SNAPSHOT_NOT_FOUND',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'PATH_NOT_FOUND',
    'SNAPSHOT_UNTRUSTED',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
    'TARGET_NOT_EMPTY',
    'TARGET_UNWRITABLE',
    'RESTORE_INCOMPLETE',
    'IMPORT_FAILED',
    'IMPORT_REFUSED',
    'FINISHED_WITH_WARNINGS',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
  ],

  define(command) {
    command
      .argument('<snapshot>', 'id, a unique beginning of it, or latest')
      .option('--account <account>', 'site, domain or UUID; needed with latest')
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .option('--server <uuid>', serverHelp)
      .option(
        '--path <path>',
        'only this and what lies below it, e.g. shadow/var/www; may be repeated',
        collected,
      )
      .option('--path-percent <path>', 'the same, percent-encoded, for names with odd bytes', collected)
      .option('--database <name>', 'only this database, or <instance>/<name>; may be repeated', collected)
      .option('--to <dir>', 'directory to restore into; empty, or absent in one that is there')
      .option('--all', 'with latest and --to: every account, each into DIR/<site>')
      .option(
        '--restricted',
        'with --to: what is not trusted as well, with no rights but those of its account',
      )
      .option('--owner <uid:gid>', 'with --restricted: whose files they become (default: the live account)')
      .option('--resume', 'go on where an interrupted restore of the same snapshot stopped')
      .option('--dry-run', 'show what would be restored; write nothing')
      .option(
        '--in-place',
        'restore trees into the live account: only what differs, each file whole or not at all',
      )
      .option('--delete', 'with --in-place: remove below the restored paths what the snapshot does not have')
      .option('--checksum', 'with --in-place: compare contents also where size and time are equal')
      .addHelpText(
        'after',
        '\nDIR/shadow, DIR/info, … are the trees, DIR/databases/<instance>/<name>.sql the exports.\nWithout --path and --database everything is restored. DIR is made where it is absent, the directory above it is not.\nDIR/.holdfast-restore.json says of which snapshot it all is, for --resume.\n\n--in-place restores files, and names the databases it leaves; with --database it restores these. With --dry-run it\nlists what would happen to each path, with --json as JSON Lines. What backups exclude is never deleted. What chattr had\nset comes back with --to only. A restore in place that was interrupted is finished by the same command.\n\nWith --all --resume each account goes on with the snapshot that DIR/<site> was begun with, whatever was backed up since.',
      );
    defineKeyOptions(command);
  },

  async run(context, { args, options }) {
    const chosen = options as unknown as RestoreOptions;
    const to = targetOf(chosen);
    checkRestricted(chosen);
    const paths = pathsOf(chosen);
    const planned = chosen.inPlace === true && chosen.dryRun === true;
    context.output.jsonLines = planned && chosen.database === undefined;
    if (chosen.all === true) checkAll(args[0]!, chosen);
    else requireAccount(args[0]!, chosen.account);
    const loaded = await loadReadable(context);
    return withStore(context, { loaded, ...chosen, ofServer: chosen.server }, async (session) => {
      if (to !== null) await refuseOwnTarget(to, session.loaded);
      if (chosen.all === true && to !== null) {
        const { runRestoreAll } = await import('../restore-all.ts');
        const restrictionOf = restrictions(context, session, chosen);
        return runRestoreAll(context, session, { to, resume: chosen.resume === true, restrictionOf });
      }
      const snapshot = await resolveSnapshot(session.search, args[0]!, chosen.account);
      return whileRestored(context, session, [snapshot], async () => {
        const asked = { latest: args[0] === 'latest', copy: chosen.copy };
        const later = await laterSnapshots(context, session, snapshot, asked);
        return restoreOne(context, session, snapshot, { chosen, to, paths, later });
      });
    });
  },
};

interface RestoreOne {
  readonly chosen: RestoreOptions;
  /** Null: in place. */
  readonly to: string | null;
  readonly paths: readonly Buffer[];
  /** Of the account, and missing in it. */
  readonly later: readonly FailedComponent[];
}

async function restoreOne(
  context: CliContext,
  session: StoreSession,
  snapshot: Snapshot,
  { chosen, to, paths, later }: RestoreOne,
): Promise<number> {
  const { search, opened } = session;
  if (to === null && chosen.database !== undefined) {
    const { importInPlace } = await import('../in-place-databases.ts');
    return importInPlace(context, session, snapshot, chosen.database, chosen.dryRun === true);
  }
  if (to === null) {
    const { runInPlace } = await import('../in-place.ts');
    return runInPlace(context, session, {
      snapshot,
      paths,
      delete: chosen.delete === true,
      checksum: chosen.checksum === true,
      dryRun: chosen.dryRun === true,
      again: againOf(context, chosen),
    });
  }
  const restriction = await restrictions(context, session, chosen)(snapshot);
  const databases = chosen.database ?? [];
  const everything = paths.length === 0 && databases.length === 0;
  const failed = failedComponents(snapshot, { paths, databases, everything });
  await noteDoubts(context.output, search, snapshot, failed);
  await noteExcluded(context.output, search, snapshot, paths);
  failed.push(...later);
  const request: RestoreRequest = {
    provider: opened.provider,
    snapshot,
    target: resolve(to),
    paths,
    databases,
    everything,
    resume: chosen.resume === true,
    ...(restriction === null ? {} : { restriction }),
    threads: availableParallelism(),
    signal: context.signal,
    onEvent: () => {},
  };
  if (chosen.dryRun === true) return planOne(context, request, failed);
  return run(context, request, { failed, hint: wayOut(session.addin, '--resume ') });
}

/** Options without which the same store would not be found, or not be opened. */
function againOf({ configDir }: CliContext, { identity, passphraseFile }: RestoreOptions): string {
  const given = {
    '--config': configDir === systemConfigDir ? undefined : configDir,
    '--identity': identity,
    '--passphrase-file': passphraseFile,
  };
  return Object.entries(given)
    .map(([name, value]) => (value === undefined ? '' : ` ${name} ${word(value)}`))
    .join('');
}

async function run(
  { output, world, signal }: CliContext,
  request: RestoreRequest,
  { failed, hint }: { readonly failed: readonly FailedComponent[]; readonly hint: string },
): Promise<number> {
  const startedAtMs = world.now();
  const progress = await openProgress(output, world.now);
  const planned = { entries: 0, bytes: 0 };
  const done = { entries: 0, bytes: 0 };
  const onEvent = (event: RestoreEvent): void => {
    const counts = event.type === 'planned' ? planned : done;
    counts.entries += event.entries;
    counts.bytes += event.bytes;
    // Empty files and directories cost time as well: an entry weighs like 4 kB.
    const weight = ({ entries, bytes }: typeof done): number => bytes + 4096 * entries;
    const share = weight(planned) === 0 ? null : Math.min(1, weight(done) / weight(planned));
    const detail = `${countText(done.entries)}/${countText(planned.entries)} entries`;
    progress.show({ share, bytes: done.bytes, detail });
  };
  let report: RestoreReport;
  try {
    report = await restoreSnapshot({ ...request, onEvent });
  } catch (error) {
    throw withTargetHint(error, request.target);
  } finally {
    progress.close();
  }
  signal.throwIfAborted();
  const { snapshot, target } = request;
  for (const file of report.databaseFiles) output.info(`database  ${printable(file, 4096)}`);
  noteJoint(output, snapshot, report.databaseFiles);
  tellFailed(output, report.failures);
  for (const { code, path, message } of report.warnings) {
    output.note(`warning: ${code}: ${path === undefined ? '' : `${printable(path, 4096)}: `}${message}`);
  }
  const kept = report.kept > 0 ? `, ${countText(report.kept)} already there` : '';
  const took = durationText(world.now() - startedAtMs);
  const what = `${plural(report.entries, 'entry')}, ${bytesText(report.bytes)}${kept}`;
  output.info(`restored ${what} from ${snapshot.name} to ${printable(target, 4096)} in ${took}`);
  if (report.exitStatus === errorCodes.RESTORE_INCOMPLETE.exit)
    output.note(`holdfast: ${plural(report.failureCount, 'entry')} could not be restored\nhint: ${hint}`);
  const exitStatus = statusWith(report.exitStatus, failed);
  output.document<RestoreDocument>({
    snapshot: snapshot.name,
    target,
    exitStatus,
    entries: report.entries,
    bytes: report.bytes,
    kept: report.kept,
    failedComponents: [...failed],
    databaseFiles: [...report.databaseFiles],
    warnings: report.warnings.map(describeWarning),
    warningCounts: { ...report.warningCounts },
    failures: report.failures.map(({ path, message }) => ({ path, message })),
    failureCount: report.failureCount,
  });
  return exitStatus;
}
