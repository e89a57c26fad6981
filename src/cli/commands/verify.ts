/** `holdfast verify`: whether snapshots can be restored. */

import { availableParallelism } from 'node:os';
import { errorCodes } from '../../core/errors.ts';
import { type AnySnapshot, type ListedSnapshot, listSnapshots } from '../../core/jobs/catalog.ts';
import { companionProblems, readCompanions } from '../../core/jobs/companions.ts';
import { verify as verifySnapshots } from '../../core/jobs/verify.ts';
import type { VerifyReport } from '../../core/jobs/verify-types.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { loadReadable } from '../configuration.ts';
import type { VerifyDocument } from '../documents/verify.ts';
import { ownerOf } from '../find-account.ts';
import { resolveAnySnapshot } from '../find-snapshot.ts';
import { durationText, plural } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { tellOfLeftOut } from '../left-out-notes.ts';
import { openProgress } from '../progress.ts';
import { rememberedBy } from '../remembered-snapshots.ts';
import { listCandidates, namesAnother, type Search, searchedServers } from '../search.ts';
import { serverHelp } from '../server-option.ts';
import { copyHelp, type StoreSession, withStore } from '../store-session.ts';
import { describeReport, summaryOf, tellCompanions, tellNext, tellReport } from '../verify-printer.ts';

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly server?: string;
  readonly account?: string;
  readonly readData?: true;
}

export const verify: CliCommand<Options> = {
  exits: [
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'SNAPSHOT_UNTRUSTED',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
  ],

  define(command) {
    command
      .argument('[snapshot]', 'id, a unique beginning of it, or latest (default: all)')
      .option('--account <account>', 'site, domain or UUID')
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .option('--server <uuid>', serverHelp)
      .option('--read-data', 'read every byte, not the structure alone');
    defineKeyOptions(command);
  },

  async run(context, { args, options }) {
    const { output, world, signal } = context;
    const { account, addin, copy } = options;
    const readData = options.readData === true;
    const loaded = await loadReadable(context);
    const choice = { loaded, ...options, ofServer: options.server, needs: 'whole' } as const;
    return withStore(context, choice, async (session) => {
      const { search, opened } = session;
      const owner = account === undefined ? null : await ownerOf(search, account);
      const leftOut =
        args[0] === undefined
          ? await tellOfLeftOut(search, account ?? null, owner)
          : { servers: [], accounts: [] };
      const only = args[0] === undefined ? null : await resolveAnySnapshot(search, args[0], account);
      const snapshots = only === null ? await listCandidates(search, owner) : await revisionsOf(search, only);
      const states = new Map(snapshots.map(({ key, state }) => [key, state]));
      const startedAtMs = world.now();
      const wholeHistories = only === null;
      const asked = { snapshots, owner, wholeHistories, isCopy: copy !== undefined, readData };
      const report = await verifyShown(context, session, asked);
      signal.throwIfAborted();
      tellReport(output, report, states);
      const beside = wholeHistories ? companionProblems(await readCompanions(opened.store, signal)) : [];
      tellCompanions(output, beside);
      tellNext(output, report, { addin, copy, readData });
      const took = durationText(world.now() - startedAtMs);
      output.info(summaryOf(report, beside, took));
      const exitStatus =
        report.exitStatus === 0 && beside.length > 0 ? errorCodes.OBJECT_DAMAGED.exit : report.exitStatus;
      output.document<VerifyDocument>({
        addin: session.addin.name,
        readData,
        exitStatus,
        ...describeReport(report, states),
        companions: beside.map((one) => ({ ...one })),
        leftOut,
      });
      return exitStatus;
    });
  },
};

interface Asked {
  readonly snapshots: readonly ListedSnapshot[];
  /** They are all there are: of this account, or where it is null of every one. */
  readonly wholeHistories: boolean;
  readonly owner: string | null;
  /** Which may lag behind. */
  readonly isCopy: boolean;
  readonly readData: boolean;
}

/** With a bar while it goes on. */
async function verifyShown(
  { output, world, signal }: CliContext,
  session: StoreSession,
  { isCopy, ...asked }: Asked,
): Promise<VerifyReport> {
  const { opened, search, trust } = session;
  const all = asked.snapshots.length;
  const remembered = isCopy || namesAnother(search) ? [] : await rememberedBy(session, asked.owner);
  const progress = await openProgress(output, world.now);
  const seen = { bytes: 0, snapshots: 0 };
  return verifySnapshots({
    ...asked,
    provider: opened.provider,
    store: opened.store,
    servers: searchedServers(search),
    remembered,
    trust,
    threads: availableParallelism(),
    signal,
    onEvent: (event) => {
      if (event.type === 'bytes') seen.bytes += event.bytes;
      else seen.snapshots += 1;
      const share = all > 1 ? seen.snapshots / all : null;
      progress.show({ share, bytes: seen.bytes, detail: plural(all, 'snapshot') });
    },
  }).finally(() => progress.close());
}

/** The one snapshot with all its revisions, so that one above it is told of. */
async function revisionsOf({ store, signal }: Search, { header }: AnySnapshot): Promise<ListedSnapshot[]> {
  const { server, owner, id, sequence } = header;
  const all = await listSnapshots(store, { server, owner }, signal);
  return all.filter((one) => one.id === id && one.sequence === sequence);
}
