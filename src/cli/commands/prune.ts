/** `holdfast prune`: what retention lets go, and with --apply its removal. */

import { prune as pruneStore } from '../../core/jobs/prune/prune.ts';
import type { PruneReport } from '../../core/jobs/prune/types.ts';
import { type CliCommand, type CliContext, collected } from '../command.ts';
import type { PruneDocument } from '../documents/prune.ts';
import { countText, plural } from '../format.ts';
import { defineKeyOptions } from '../key-input.ts';
import { addinId } from '../opened.ts';
import { eventSigner } from '../own-signer.ts';
import { ownersOf } from '../owners-of-account.ts';
import { retentionsOf } from '../policies.ts';
import { openProgress } from '../progress.ts';
import { describePrune, ownerless, printPrune } from '../prune-report.ts';
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
          'database (of those that are gone, in the 20 newest snapshots that hold such), what is pinned, with a monthly\n' +
          'cadence the newest full and differential, and what a restore on this machine reads. One on another machine is not\n' +
          'seen: pin its snapshot first.\n' +
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
      printPrune(context, report, chosen.apply === true);
      for (const note of ownerless(report, session.loaded.configuration)) context.output.note(note);
      const document = describePrune(report, {
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
