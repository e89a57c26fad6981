/** `holdfast prune`: what retention lets go, and with --apply its removal. */

import { prune as pruneStore } from '../../core/jobs/prune/prune.ts';
import type { PrunedSnapshot, PruneReport } from '../../core/jobs/prune/types.ts';
import { printable } from '../../core/printable.ts';
import { type CliCommand, type CliContext, collected } from '../command.ts';
import type { PruneDocument } from '../documents/prune.ts';
import { bytesText, countText, plural } from '../format.ts';
import { defineKeyOptions } from '../key-input.ts';
import { addinId } from '../opened.ts';
import { eventSigner } from '../own-signer.ts';
import { ownersOf } from '../owners-of-account.ts';
import { retentionsOf } from '../policies.ts';
import { openProgress } from '../progress.ts';
import { rememberedBy } from '../remembered-snapshots.ts';
import { serverOf } from '../server-option.ts';
import { shareOf } from '../share-option.ts';
import { type StoreSession, withStore } from '../store-session.ts';

interface Options {
  readonly addin?: string;
  readonly copy?: string;
  readonly account?: readonly string[];
  readonly server?: string;
  readonly apply?: true;
  readonly acceptGaps?: true;
  readonly maxRemoveShare?: number;
}

const columns = [{ title: 'ID' }, { title: 'ACTION' }, { title: 'WHY', shrinks: true }] as const;

export const prune: CliCommand = {
  exits: [
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'FORMAT_UNSUPPORTED',
    'IDENTITY_MISSING',
    'STORE_UNAVAILABLE',
    'STORE_DENIED',
    'STORE_FULL',
    'STORE_FOREIGN',
    'PRUNE_REFUSED',
  ],

  define(command) {
    command
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', 'prune this copy by its own retention, not the main store')
      .option('--account <account>', 'site, domain or UUID; may be repeated (default: all)', collected)
      .option('--server <uuid>', 'snapshots of another server in this store (default: of this one)')
      .option('--accept-gaps', 'snapshots that are missing without a reason are lost: go on without them')
      .option(
        '--max-remove-share <share>',
        'in this run so much of the snapshots may go at once, instead of what the retention says (0.5 where it says nothing)',
        shareOf,
      )
      .option('--apply', 'remove; without it nothing is changed')
      .addHelpText(
        'after',
        '\nAlways stay: the newest good snapshot of an account, what is newer, the last good one of each tree and\n' +
          'database (of those that are gone, in the 20 newest snapshots that hold such), what is pinned, and what a restore\n' +
          'on this machine reads. One on another machine is not seen: pin its snapshot first.\n' +
          'Objects that no snapshot names go a day after the store got them.\n' +
          'Prune refuses where the result would surprise; docs/errors.md, PRUNE_REFUSED, says when. Whether the clocks of this\n' +
          'machine and of the store differ shows with --apply only: that takes an object which is written and removed again.',
      );
    defineKeyOptions(command);
  },

  async run(context, { options }) {
    const chosen = options as Options;
    return withStore(context, { ...chosen, needs: 'whole' }, async (session) => {
      const server = serverOf(session, chosen);
      const report = await run(context, session, server, chosen);
      print(context, report, chosen.apply === true);
      for (const note of ownerless(report, session.loaded.configuration)) context.output.note(note);
      const document = describe(report, {
        addin: session.addin.name,
        server,
        applied: chosen.apply === true,
      });
      context.output.document<PruneDocument>(document);
      return report.exitStatus;
    });
  },
};

async function run(
  context: CliContext,
  session: StoreSession,
  server: string,
  { account, apply, copy, acceptGaps, maxRemoveShare }: Options,
): Promise<PruneReport> {
  const { output, world, signal } = context;
  const { loaded, addin, opened, search, trust } = session;
  const { now, newObjectId } = world;
  const signer = apply === true ? await eventSigner(context, session) : null;
  const owners = await ownersOf(search, account ?? []);
  // Of a copy, manifests name the configuration it belongs to.
  const name = addin.name.split('/', 1)[0]!;
  const retentionOf = await retentionsOf(search, loaded.configuration, server);
  const progress = await openProgress(output, world.now);
  const seen = { manifests: 0, removed: 0, bytes: 0 };
  try {
    return await pruneStore({
      store: opened.store,
      provider: opened.provider,
      server,
      addin: { id: addinId(server, name), name },
      owners: account === undefined ? null : owners,
      retention: addin.retention,
      ...(copy === undefined ? { retentionOf, remembered: await rememberedBy(session, null) } : {}),
      acceptGaps: acceptGaps === true,
      ...(maxRemoveShare === undefined ? {} : { maxRemoveShare }),
      apply: apply === true,
      stateDir: loaded.configuration.stateDir,
      world: { now, newObjectId, signer },
      signal,
      trust,
      onEvent: (event) => {
        if (event.type === 'read') seen.manifests += event.manifests;
        else {
          seen.removed += event.count;
          seen.bytes += event.bytes;
        }
        const read = plural(seen.manifests, 'manifest');
        const detail = seen.removed === 0 ? read : `${read}, ${countText(seen.removed)} removed`;
        progress.show({ share: null, bytes: seen.bytes, detail });
      },
    });
  } finally {
    progress.close();
  }
}

const actionOf = ({ keep, removed }: PrunedSnapshot): string =>
  keep ? 'keep' : removed ? 'removed' : 'remove';

/** On snapshots of configurations that are gone or have another name now: no retention reaches them. */
const ownerless = (
  { others }: Pick<PruneReport, 'others'>,
  { addins }: { readonly addins: readonly { readonly name: string }[] },
): string[] =>
  [...others]
    .filter(([name]) => !addins.some((one) => one.name === name))
    .map(
      ([name, count]) =>
        `note: ${plural(count, 'snapshot')} of "${printable(name)}", which no addin configuration is called: no retention is for them, and no copy; docs/recovery.md says what to do`,
    );

/** Where prune refuses, or another job is in the way, what was to go stays. Exported for its test. */
export const countGoing = (snapshots: PruneReport['snapshots'], applied: boolean): number =>
  snapshots.filter(({ keep, removed }) => (applied ? removed : !keep)).length;

function print({ output }: CliContext, report: PruneReport, applied: boolean): void {
  output.table(
    columns,
    report.snapshots.map((one) => [one.snapshot.name, actionOf(one), one.reasons.join('; ')]),
  );
  for (const { message, hint } of report.refusals) {
    output.note(`prune refuses: ${message}`);
    output.note(`hint: ${hint}`);
  }
  for (const key of report.unknown.first) output.note(`note: not ours, left alone: ${printable(key, 1024)}`);
  const more = report.unknown.count - report.unknown.first.length;
  if (more > 0) output.note(`note: and ${plural(more, 'key')} more`);
  for (const site of report.locked)
    output.note(`note: another job is working on ${printable(site)}; left for the next run`);
  for (const site of report.unfinished)
    output.note(`note: an hour was not enough for ${printable(site)}; the rest is left for the next run`);
  if (report.untrusted > 0) {
    const what = `${plural(report.untrusted, 'snapshot')}: not trusted, so neither removed nor counted`;
    output.note(
      `note: ${what}; holdfast verify names them, "trustedSigners" in config.json trusts their signer`,
    );
  }
  if (report.untrustedEvents > 0) {
    output.note(
      `note: ${plural(report.untrustedEvents, 'event')}: not trusted, so not counted; holdfast verify names them`,
    );
  }
  if (report.kept.ends !== null) {
    const [first, last] = report.kept.ends.map((end) => instantOf(end)?.slice(0, 16));
    const what = `${plural(report.kept.count, 'object')}, ${bytesText(report.kept.bytes)}`;
    output.note(
      `note: locked by the store, kept: ${what}; the first goes after ${first}Z, the last after ${last}Z`,
    );
  }
  if (report.denied > 0) output.note(`holdfast: not allowed to remove ${plural(report.denied, 'object')}`);
  const going = countGoing(report.snapshots, applied);
  const objects = `${plural(report.objects.count, 'object')} of ${bytesText(report.objects.bytes)}`;
  const all = report.snapshots.length;
  const left = all - going;
  const kept = `${countText(left)} of ${plural(all, 'snapshot')} ${left === 1 ? 'stays' : 'stay'}`;
  const { count } = report.waiting;
  const young =
    count === 0 ? '' : `; ${plural(count, 'object')} younger than a day ${count === 1 ? 'waits' : 'wait'}`;
  if (applied) {
    const gone = `${countText(report.removed.count)} manifests and objects, ${bytesText(report.removed.bytes)}`;
    output.info(`removed ${gone}; ${kept}${young}`);
  } else {
    output.info(`${plural(going, 'snapshot')} and ${objects} would go; ${kept}${young}; nothing was changed`);
    if (going + report.objects.count > 0)
      output.info('the clocks of this machine and of the store were not compared: --apply does that first');
  }
}

const instantOf = (atMs: number | undefined): string | null =>
  atMs === undefined ? null : new Date(atMs).toISOString();

function describe(
  report: PruneReport,
  about: Pick<PruneDocument, 'addin' | 'server' | 'applied'>,
): PruneDocument {
  const { refusals, objects, removed, waiting, kept, denied, locked, unfinished, unknown, exitStatus } =
    report;
  return {
    ...about,
    exitStatus,
    snapshots: report.snapshots.map(({ owner, site, snapshot, keep, reasons, removed: gone }) => ({
      id: snapshot.name,
      account: site,
      owner,
      sequence: snapshot.sequence,
      level: snapshot.level,
      state: snapshot.state,
      startedAt: new Date(snapshot.atMs).toISOString(),
      action: keep ? 'keep' : 'remove',
      removed: gone,
      reasons: [...reasons],
    })),
    refusals: refusals.map((one) => ({ ...one })),
    objects: { ...objects },
    removed: { ...removed },
    waiting: { ...waiting },
    untrusted: report.untrusted,
    untrustedEvents: report.untrustedEvents,
    kept: {
      count: kept.count,
      bytes: kept.bytes,
      firstEndsAt: instantOf(kept.ends?.[0]),
      lastEndsAt: instantOf(kept.ends?.[1]),
    },
    denied,
    locked: [...locked],
    unfinished: [...unfinished],
    unknownKeys: { count: unknown.count, first: unknown.first.map((key) => printable(key, 1024)) },
  };
}
