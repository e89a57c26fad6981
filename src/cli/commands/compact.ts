/** `holdfast compact`: segments of which little is still needed, and with --apply their rewriting. */

import { HoldfastError } from '../../core/errors.ts';
import { compact as compactStore } from '../../core/jobs/compact/compact.ts';
import { type CompactReport, outrun } from '../../core/jobs/compact/types.ts';
import { printable, quoted } from '../../core/printable.ts';
import { type CliCommand, type CliContext, collected } from '../command.ts';
import type { CompactDocument } from '../documents/compact.ts';
import { bytesText, plural } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { ownSigner } from '../own-signer.ts';
import { ownersOf } from '../owners-of-account.ts';
import { openProgress } from '../progress.ts';
import { serverOf } from '../server-option.ts';
import { shareOf } from '../share-option.ts';
import { type StoreSession, withStore } from '../store-session.ts';

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly account?: readonly string[];
  readonly server?: string;
  readonly threshold: number;
  readonly maxBytes?: number;
  readonly apply?: true;
}

/** Share of a segment that is still needed below which it is worth rewriting. */
export const defaultThreshold = 0.5;

const columns = [
  { title: 'ACCOUNT' },
  { title: 'OBJECT', shrinks: true },
  { title: 'STORED' },
  { title: 'ALIVE' },
] as const;

export const compact: CliCommand = {
  exits: [
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'FORMAT_UNSUPPORTED',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
    'OBJECT_DAMAGED',
    'STORE_UNAVAILABLE',
    'STORE_DENIED',
    'STORE_FULL',
    'STORE_FOREIGN',
  ],

  define(command) {
    defineKeyOptions(command)
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--account <account>', 'site, domain or UUID; may be repeated (default: all)', collected)
      .option('--server <uuid>', 'snapshots of another server in this store (default: of this one)')
      .option('--threshold <share>', 'rewrite what is alive to a smaller share', shareOf, defaultThreshold)
      .option(
        '--max-bytes <size>',
        'rewrite at most so much in this run, e.g. 20G, or one object where each needs more',
        bytesOfText,
      )
      .option('--apply', 'rewrite; without it nothing is changed')
      .addHelpText(
        'after',
        '\nReads no files of accounts, only the store. The segments of a kept full stay, so that tar alone restores\n' +
          'it. The space comes back when prune removes what nothing names any more, a day later: run both, prune\n' +
          'first. Where backups are encrypted the identity is needed. With --max-bytes each day begins with another account,\n' +
          'so that each has its turn.',
      );
  },

  async run(context, { options }) {
    const chosen = options as unknown as Options;
    return withStore(context, { ...chosen, needs: 'whole' }, async (session) => {
      const server = serverOf(session, chosen);
      const report = await run(context, session, server, chosen);
      print(context, report, chosen.apply === true);
      const { exitStatus, accountsSeen, budgetSpent, locked } = report;
      context.output.document<CompactDocument>({
        addin: session.addin.name,
        server,
        applied: chosen.apply === true,
        exitStatus,
        threshold: chosen.threshold,
        accountsSeen,
        budgetSpent,
        accounts: report.accounts.map(
          ({ site, objects, stuck, savedBytes, snapshots, published, written, ...one }) => ({
            account: site,
            owner: one.owner,
            objects: objects.map((object) => ({ ...object })),
            stuck: stuck.map(({ key }) => key),
            savedBytes,
            snapshots: [...snapshots],
            published: [...published],
            written: { ...written },
            problem: one.problem === null ? null : printable(one.problem, 4096),
          }),
        ),
        locked: [...locked],
      });
      return exitStatus;
    });
  },
};

function bytesOfText(text: string): number {
  const [, digits, unit] = /^(\d{1,12})([KMGT]?)$/.exec(text) ?? [];
  if (digits !== undefined && unit !== undefined)
    return Number(digits) * 1024 ** ' KMGT'.indexOf(unit || ' ');
  throw new HoldfastError('USAGE', `${quoted(text)} is no size`, {
    hint: 'Give bytes, or a number with K, M, G or T.',
  });
}

async function run(
  { output, world, signal }: CliContext,
  session: StoreSession,
  server: string,
  { account, threshold, maxBytes, apply }: Options,
): Promise<CompactReport> {
  const { loaded, opened, search, trust } = session;
  const owners = await ownersOf(search, account ?? []);
  const { stateDir } = loaded.configuration;
  const progress = await openProgress(output, world.now);
  const seen: { accounts: number; bytes: number; share: number | null } = {
    accounts: 0,
    bytes: 0,
    share: null,
  };
  try {
    return await compactStore({
      store: opened.store,
      provider: opened.provider,
      server,
      owners: account === undefined ? null : owners,
      threshold,
      maxBytes: maxBytes ?? null,
      apply: apply === true,
      stateDir,
      signer: await ownSigner(session, apply === true),
      trust,
      world,
      signal,
      onEvent: (event) => {
        if (event.type === 'account') {
          seen.accounts += 1;
          seen.share = event.share;
        } else seen.bytes += event.bytes;
        const { share, bytes, accounts } = seen;
        progress.show({ share, bytes, detail: plural(accounts, 'account') });
      },
    });
  } finally {
    progress.close();
  }
}

function print({ output }: CliContext, report: CompactReport, applied: boolean): void {
  const { accounts, accountsSeen, budgetSpent, locked } = report;
  const rows = accounts.flatMap(({ site, objects }) =>
    objects.map(({ key, storedBytes, liveShare }) => [
      printable(site),
      key,
      bytesText(storedBytes),
      `${Math.round(100 * liveShare)} %`,
    ]),
  );
  if (rows.length > 0) output.table(columns, rows);
  for (const { site, problem } of accounts)
    if (problem !== null) output.note(`holdfast: ${printable(site)}: ${printable(problem, 4096)}`);
  for (const name of accounts.flatMap(outrun))
    output.note(`note: another machine changed ${name} meanwhile; left for the next run`);
  for (const site of locked)
    output.note(`note: another job is working on ${printable(site)}; left for the next run`);
  const objects = accounts.flatMap((one) => one.objects);
  const saved = accounts.reduce((sum, one) => sum + one.savedBytes, 0);
  const rest = budgetSpent ? '; more is left for the next run' : '';
  const about = `${plural(objects.length, 'object')} of ${plural(accountsSeen, 'account')}`;
  if (!applied) {
    output.info(`${about} would be rewritten, about ${bytesText(saved)} saved${rest}; nothing was changed`);
    return;
  }
  const published = accounts.reduce((sum, one) => sum + one.published.length, 0);
  const written = accounts.reduce((sum, one) => sum + one.written.bytes, 0);
  output.info(
    `${about} rewritten into ${bytesText(written)}, ${plural(published, 'snapshot')} in a new revision${rest}; prune gives the space back after a day`,
  );
}
