/**
 * `holdfast restore latest --all --to DIR`: the newest snapshot of every account, each into `DIR/<site>`.
 *
 * For the morning on which a whole server is gone. Accounts are independent: the status is that of the
 * worst, and `--resume` goes on where an interrupted one stopped.
 */

import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { encodeName } from '../core/archive/keys.ts';
import { exitStatusOf, HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import { type RestoreOutcome, restoreAll } from '../core/jobs/restore/restore-all.ts';
import { printable, quoted } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import type { RestoreAllDocument } from './documents/restore-all.ts';
import type { FailedComponent } from './documents/snapshot.ts';
import { readNewestOfEach } from './find-snapshot.ts';
import { bytesText, durationText, plural } from './format.ts';
import { failedComponents, notePartial, statusWith } from './partial-snapshot.ts';
import { openProgress } from './progress.ts';
import type { StoreSession } from './store-session.ts';
import { withTargetHint } from './target-hint.ts';
import { requireTrustedSnapshot } from './trusted-snapshot.ts';

export interface RestoreAllOptions {
  readonly to: string;
  readonly resume: boolean;
}

export async function runRestoreAll(
  { output, world, signal }: CliContext,
  { search, opened, trust }: StoreSession,
  options: RestoreAllOptions,
): Promise<number> {
  const startedAtMs = world.now();
  const target = resolve(options.to);
  const found = await readNewestOfEach(search);
  const { snapshots, damaged } = await withoutUntrusted(found, { search, trust });
  if (snapshots.length + damaged.length === 0) {
    throw new HoldfastError('SNAPSHOT_NOT_FOUND', 'the store holds no snapshot', {
      hint: 'Check the addin configuration, or name another with --addin.',
    });
  }
  makeRoot(target);
  const progress = await openProgress(output, world.now);
  const done = { entries: 0, bytes: 0, accounts: 0 };
  const lines: string[] = [];
  const outcomes = await restoreAll({
    provider: opened.provider,
    snapshots: snapshots.map((snapshot, i) => ({
      snapshot,
      target: join(target, nameOf(snapshot, i, snapshots)),
    })),
    resume: options.resume,
    threads: availableParallelism(),
    signal,
    onEvent(event) {
      if (event.type === 'planned') return;
      done.entries += event.entries;
      done.bytes += event.bytes;
      const share = snapshots.length === 0 ? null : done.accounts / snapshots.length;
      progress.show({ share, bytes: done.bytes, detail: `${done.accounts}/${snapshots.length} accounts` });
    },
    onOutcome(outcome) {
      done.accounts++;
      lines.push(lineOf(outcome));
    },
  }).finally(() => progress.close());
  for (const line of lines) output.info(line);
  for (const { snapshot } of outcomes) await notePartial(output, search, snapshot, lackingIn(snapshot));
  for (const { key, error } of damaged) output.note(`failed: ${key}: ${error.message}`);
  for (const { snapshot, error } of outcomes) {
    if (error !== null) output.note(`failed: ${snapshot.name}: ${printable(error.message, 4096)}`);
  }
  signal.throwIfAborted();
  const statuses = [...outcomes.map(statusOf), ...damaged.map(({ error }) => exitStatusOf(error))];
  const exitStatus = worst(statuses);
  const took = durationText(world.now() - startedAtMs);
  const what = `${plural(snapshots.length, 'account')}, ${plural(done.entries, 'entry')}, ${bytesText(done.bytes)}`;
  output.info(`restored ${what} to ${printable(target, 4096)} in ${took}`);
  output.document<RestoreAllDocument>({
    target,
    exitStatus,
    accounts: outcomes.map((outcome) => ({
      snapshot: outcome.snapshot.name,
      exitStatus: statusOf(outcome),
      entries: outcome.report?.entries ?? 0,
      bytes: outcome.report?.bytes ?? 0,
      failureCount: outcome.report?.failureCount ?? 0,
      warningCounts: { ...outcome.report?.warningCounts },
      failedComponents: lackingIn(outcome.snapshot),
      error: outcome.error?.message ?? null,
    })),
    damaged: damaged.map(({ key, error }) => ({ path: key, message: error.message })),
  });
  return exitStatus;
}

type Newest = Awaited<ReturnType<typeof readNewestOfEach>>;

/** Those that are not trusted are refused, each by itself, as damaged ones are. */
async function withoutUntrusted(
  { snapshots, damaged }: Newest,
  session: Pick<StoreSession, 'search' | 'trust'>,
): Promise<Newest> {
  const refused: { key: string; error: HoldfastError }[] = [];
  const trusted: Snapshot[] = [];
  for (const snapshot of snapshots) {
    try {
      await requireTrustedSnapshot(session, snapshot);
      trusted.push(snapshot);
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'SNAPSHOT_UNTRUSTED') throw error;
      refused.push({ key: snapshot.key, error });
    }
  }
  return { snapshots: trusted, damaged: [...damaged, ...refused] };
}

/** The site; with the owner's UUID behind it where two accounts had the same site at different times. */
function nameOf(snapshot: Snapshot, i: number, all: readonly Snapshot[]): string {
  const { site } = snapshot.body.account;
  const shared = all.some((other, j) => j !== i && other.body.account.site === site);
  return encodeName(shared ? `${site}-${snapshot.header.owner}` : site);
}

function makeRoot(target: string): void {
  try {
    mkdirSync(target, { mode: 0o700 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const error = new HoldfastError(
      'TARGET_UNWRITABLE',
      `cannot make the target ${quoted(target)}: ${code}`,
      {
        cause,
        hint: 'Name a directory whose parent exists.',
      },
    );
    throw withTargetHint(error, target);
  }
}

const statusOf = (outcome: RestoreOutcome): number =>
  outcome.error === null
    ? statusWith(outcome.report.exitStatus, lackingIn(outcome.snapshot))
    : exitStatusOf(outcome.error);

const lackingIn = (snapshot: Snapshot): FailedComponent[] =>
  failedComponents(snapshot, { paths: [], databases: [], everything: true });

/** Errors outrank warnings. */
function worst(statuses: readonly number[]): number {
  return statuses.find((status) => status > 0 && status < 100) ?? Math.max(0, ...statuses);
}

function lineOf({ snapshot, report }: RestoreOutcome): string {
  const { site, domain } = snapshot.body.account;
  const what = report === null ? 'failed' : `${plural(report.entries, 'entry')}  ${bytesText(report.bytes)}`;
  return `${printable(site)}  ${printable(domain ?? '-')}  ${what}`;
}
