/** `holdfast restore`: a snapshot, or paths and databases of it, into a directory. */

import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { errorCodes, HoldfastError } from '../../core/errors.ts';
import { planRestore, restore as restoreSnapshot } from '../../core/jobs/restore/restore.ts';
import type { RestoreEvent, RestoreReport, RestoreRequest } from '../../core/jobs/restore/types.ts';
import { printable } from '../../core/printable.ts';
import { type CliCommand, type CliContext, collected } from '../command.ts';
import type { RestoreDocument, RestorePlanDocument } from '../documents/restore.ts';
import { describeWarning } from '../documents/snapshot.ts';
import { resolveSnapshot } from '../find-snapshot.ts';
import { bytesText, countText, durationText, plural } from '../format.ts';
import { openProgress } from '../progress.ts';
import { percentPath, snapshotPath } from '../snapshot-path.ts';
import { copyHelp, withStore } from '../store-session.ts';

interface Options {
  readonly account?: string;
  readonly addin?: string;
  readonly copy?: string;
  readonly path?: readonly string[];
  readonly pathPercent?: readonly string[];
  readonly database?: readonly string[];
  readonly to?: string;
  readonly dryRun?: true;
  readonly resume?: true;
  readonly inPlace?: true;
  readonly delete?: true;
}

export const restore: CliCommand = {
  exits: [
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'PATH_NOT_FOUND',
    'STORE_UNAVAILABLE',
    'TARGET_NOT_EMPTY',
    'TARGET_UNWRITABLE',
    'RESTORE_INCOMPLETE',
    'FINISHED_WITH_WARNINGS',
  ],

  define(command) {
    command
      .argument('<snapshot>', 'id, a unique beginning of it, or latest')
      .option('--account <account>', 'site, domain or UUID; needed with latest')
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .option(
        '--path <path>',
        'only this and what lies below it, e.g. shadow/var/www; may be repeated',
        collected,
      )
      .option('--path-percent <path>', 'the same, percent-encoded, for names with odd bytes', collected)
      .option('--database <name>', 'only this database, or <instance>/<name>; may be repeated', collected)
      .option('--to <dir>', 'directory to restore into; empty or absent')
      .option('--resume', 'go on where an interrupted restore of the same snapshot stopped')
      .option('--dry-run', 'show what would be restored; write nothing')
      .option('--in-place', 'comes with a later release')
      .option('--delete', 'comes with a later release')
      .addHelpText(
        'after',
        '\nDIR/shadow, DIR/info, … are the trees, DIR/databases/<instance>/<name>.sql the exports.\nWithout --path and --database everything is restored.',
      );
  },

  async run(context, { args, options }) {
    const chosen = options as unknown as Options;
    const to = targetOf(chosen);
    return withStore(context, chosen, async ({ search, opened }) => {
      const snapshot = await resolveSnapshot(search, args[0]!, chosen.account);
      const paths = [
        ...(chosen.path ?? []).map(snapshotPath),
        ...(chosen.pathPercent ?? []).map(percentPath),
      ];
      const databases = chosen.database ?? [];
      const request: RestoreRequest = {
        provider: opened.provider,
        snapshot,
        target: resolve(to),
        paths,
        databases,
        everything: paths.length === 0 && databases.length === 0,
        resume: chosen.resume === true,
        threads: availableParallelism(),
        signal: context.signal,
        onEvent: () => {},
      };
      return chosen.dryRun === true ? plan(context, request) : run(context, request);
    });
  },
};

/** @throws USAGE no target, or one that this release cannot restore to */
function targetOf({ to, inPlace, delete: remove }: Options): string {
  if (inPlace === true || remove === true) {
    const option = inPlace === true ? '--in-place' : '--delete';
    throw new HoldfastError('USAGE', `${option} comes with a later release`, {
      hint: 'Restore with --to DIR and move what you need.',
    });
  }
  if (to === undefined || to === '') {
    throw new HoldfastError('USAGE', 'it is not said where to restore to', { hint: 'Add --to DIR.' });
  }
  return to;
}

async function plan({ output }: CliContext, request: RestoreRequest): Promise<number> {
  const { entries, bytes, databases } = await planRestore(request);
  const { snapshot, target } = request;
  for (const name of databases) output.line(`database  ${printable(name, 4096)}`);
  const what = `${plural(entries, 'entry')} and ${plural(databases.length, 'database file')}`;
  output.line(
    `would restore ${what}, ${bytesText(bytes)}, from ${snapshot.name} to ${printable(target, 4096)}`,
  );
  output.document<RestorePlanDocument>({
    snapshot: snapshot.name,
    target,
    entries,
    bytes,
    databases: [...databases],
  });
  return 0;
}

async function run({ output, world, signal }: CliContext, request: RestoreRequest): Promise<number> {
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
  } finally {
    progress.close();
  }
  signal.throwIfAborted();
  const { snapshot, target } = request;
  for (const file of report.databaseFiles) output.info(`database  ${printable(file, 4096)}`);
  for (const { path, message } of report.failures) output.note(`failed: ${path}: ${message}`);
  for (const { code, path, message } of report.warnings) {
    output.note(`warning: ${code}: ${path === undefined ? '' : `${printable(path, 4096)}: `}${message}`);
  }
  const kept = report.kept > 0 ? `, ${countText(report.kept)} already there` : '';
  const took = durationText(world.now() - startedAtMs);
  const what = `${plural(report.entries, 'entry')}, ${bytesText(report.bytes)}${kept}`;
  output.info(`restored ${what} from ${snapshot.name} to ${printable(target, 4096)} in ${took}`);
  if (report.exitStatus === errorCodes.RESTORE_INCOMPLETE.exit) {
    output.note(`holdfast: ${plural(report.failureCount, 'entry')} could not be restored`);
  }
  output.document<RestoreDocument>({
    snapshot: snapshot.name,
    target,
    exitStatus: report.exitStatus,
    entries: report.entries,
    bytes: report.bytes,
    kept: report.kept,
    databaseFiles: [...report.databaseFiles],
    warnings: report.warnings.map(describeWarning),
    warningCounts: { ...report.warningCounts },
    failures: report.failures.map(({ path, message }) => ({ path, message })),
    failureCount: report.failureCount,
  });
  return report.exitStatus;
}
