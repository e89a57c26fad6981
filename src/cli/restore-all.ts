/**
 * `holdfast restore latest --all --to DIR`: the newest snapshot of every account, each into `DIR/<site>`.
 *
 * For the morning on which a whole server is gone. Accounts are independent: the status is that of the
 * worst, and `--resume` goes on where an interrupted one stopped.
 */

import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { exitStatusOf, HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import { Erasures } from '../core/jobs/erasures.ts';
import type { ErasureEvent } from '../core/jobs/events.ts';
import { type RestoreAllRequest, type RestoreOutcome, restoreAll } from '../core/jobs/restore/restore-all.ts';
import { printable, quoted } from '../core/printable.ts';
import { systemCode } from '../core/system-code.ts';
import { notesOfAhead } from './ahead-notes.ts';
import type { CliContext } from './command.ts';
import type { RestoreAllDocument } from './documents/restore-all.ts';
import type { FailedComponent } from './documents/snapshot.ts';
import { noteDoubts } from './doubtful-snapshot.ts';
import { bytesText, durationText, plural } from './format.ts';
import { tellOfLeftOut } from './left-out-notes.ts';
import { failedComponents, statusWith } from './partial-snapshot.ts';
import { openProgress } from './progress.ts';
import { readNewestOfEach, type Unreadable } from './read-each.ts';
import type { RestrictionOf } from './restricted.ts';
import { type Begun, begunBelow, directoryOf, notesOf, resumedSnapshots } from './resumed-snapshots.ts';
import { listCandidates } from './search.ts';
import type { StoreSession } from './store-session.ts';
import { withTargetHint } from './target-hint.ts';
import { whileRestored } from './while-restored.ts';

export interface RestoreAllOptions {
  readonly to: string;
  readonly resume: boolean;
  readonly restrictionOf: RestrictionOf;
}

export async function runRestoreAll(
  context: CliContext,
  session: StoreSession,
  options: RestoreAllOptions,
): Promise<number> {
  const { output, world, signal } = context;
  const { search, opened, trust } = session;
  const { restrictionOf } = options;
  const startedAtMs = world.now();
  const target = resolve(options.to);
  const found = await readNewestOfEach(search, await listCandidates(search, null));
  const { erased, ...unerased } = await withoutErased(found, { search, trust });
  const newest = await withoutRefused(unerased, restrictionOf);
  if (newest.snapshots.length + newest.damaged.length + erased.length === 0) {
    throw new HoldfastError('SNAPSHOT_NOT_FOUND', 'the store holds no snapshot', {
      hint: 'Check the addin configuration, or name another with --addin.',
    });
  }
  // No warning: a store that several servers share leaves theirs out on purpose.
  const leftOut = await tellOfLeftOut(search, null, null);
  makeRoot(target);
  const gone = new Set(erased.map(({ owner }) => owner));
  const begun = options.resume ? begunBelow(target).filter(({ mark }) => !gone.has(mark.owner)) : [];
  const resumed = await resumedSnapshots(search, begun, newest.snapshots, restrictionOf);
  const hasBegun = new Set(begun.map(({ mark }) => mark.owner));
  const planned = [
    ...resumed.planned,
    ...newest.snapshots
      .filter(({ header }) => !hasBegun.has(header.owner))
      .map((snapshot) => ({ snapshot, target: targetOf(target, snapshot, newest.snapshots, begun) })),
  ];
  const damaged = [...newest.damaged.filter(({ owner }) => !hasBegun.has(owner)), ...resumed.refused];
  for (const note of notesOf(resumed, newest)) output.note(`note: ${note}`);
  for (const note of newest.snapshots.flatMap(notesOfAhead)) output.note(note);
  for (const { owner, at, reason } of erased) {
    const why = printable(reason, 500);
    output.note(`note: account ${owner} was erased ${printable(at)} (${why}): nothing of it can be restored`);
  }
  const progress = await openProgress(output, world.now);
  const done = { entries: 0, bytes: 0, accounts: 0 };
  const lines: string[] = [];
  const request: RestoreAllRequest = {
    provider: opened.provider,
    snapshots: planned,
    restrictionOf,
    resume: options.resume,
    threads: availableParallelism(),
    signal,
    onEvent(event) {
      if (event.type === 'planned') return;
      done.entries += event.entries;
      done.bytes += event.bytes;
      const share = planned.length === 0 ? null : done.accounts / planned.length;
      progress.show({ share, bytes: done.bytes, detail: `${done.accounts}/${planned.length} accounts` });
    },
    onOutcome(outcome) {
      done.accounts++;
      lines.push(lineOf(outcome));
    },
  };
  const all = planned.map(({ snapshot }) => snapshot);
  const outcomes = await whileRestored(context, session, all, () => restoreAll(request)).finally(() =>
    progress.close(),
  );
  for (const line of lines) output.info(line);
  for (const { snapshot } of outcomes) await noteDoubts(output, search, snapshot, lackingIn(snapshot));
  const hints = new Set<string>();
  const failed = (what: string, { message, hint }: HoldfastError): void => {
    output.note(`failed: ${what}: ${printable(message, 4096)}`);
    // Of many that fail alike the hint is worth one line.
    if (hint !== undefined && !hints.has(hint)) output.note(`  hint: ${hint}`);
    hints.add(hint ?? '');
  };
  for (const { key, error } of damaged) failed(printable(key, 4096), error);
  for (const { snapshot, error } of outcomes) {
    if (error !== null) failed(snapshot.name, error);
  }
  signal.throwIfAborted();
  const statuses = [...outcomes.map(statusOf), ...damaged.map(({ error }) => exitStatusOf(error))];
  const exitStatus = worst(statuses);
  const took = durationText(world.now() - startedAtMs);
  const what = `${plural(planned.length, 'account')}, ${plural(done.entries, 'entry')}, ${bytesText(done.bytes)}`;
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
    erased: erased.map(({ owner, at, reason }) => ({ owner, at, reason })),
    leftOut,
  });
  return exitStatus;
}

type Newest = Awaited<ReturnType<typeof readNewestOfEach>>;

/** Nobody can bring back an account that was erased, and nobody expects it: that is no failure. */
async function withoutErased(
  { snapshots, damaged }: Newest,
  { search: { store, provider, signal }, trust }: Pick<StoreSession, 'search' | 'trust'>,
): Promise<Newest & { readonly erased: readonly ErasureEvent[] }> {
  const erasures = new Erasures({ store, provider, trust, signal });
  const [rest, erased]: [Unreadable[], ErasureEvent[]] = [[], []];
  for (const one of damaged) {
    const event = one.locked === undefined ? null : await erasures.of(one.locked.header);
    if (event === null) rest.push(one);
    else erased.push(event);
  }
  return { snapshots, damaged: rest, erased };
}

/** Those that are not trusted are refused, each by itself, as damaged ones are; so are those that nobody is to own. */
async function withoutRefused({ snapshots, damaged }: Newest, restrictionOf: RestrictionOf): Promise<Newest> {
  const refused: Unreadable[] = [];
  const admitted: Snapshot[] = [];
  for (const snapshot of snapshots) {
    try {
      await restrictionOf(snapshot);
      admitted.push(snapshot);
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:SNAPSHOT_UNTRUSTED|USAGE)$/.test(error.code)) throw error;
      refused.push({ key: snapshot.key, owner: snapshot.header.owner, error });
    }
  }
  return { snapshots: admitted, damaged: [...damaged, ...refused] };
}

/** By the site; with the owner's UUID behind it where two accounts had the same site at different times. */
function targetOf(
  root: string,
  snapshot: Snapshot,
  all: readonly Snapshot[],
  begun: readonly Begun[],
): string {
  const { site } = snapshot.body.account;
  const { owner } = snapshot.header;
  const plain = join(root, directoryOf(site, owner, false));
  const shared = all.some((other) => other !== snapshot && other.body.account.site === site);
  const taken = begun.some(({ target }) => target === plain);
  return shared || taken ? join(root, directoryOf(site, owner, true)) : plain;
}

function makeRoot(target: string): void {
  try {
    mkdirSync(target, { mode: 0o700 });
  } catch (cause) {
    const code = systemCode(cause);
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
