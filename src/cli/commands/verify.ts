/** `holdfast verify`: whether snapshots can be restored. */

import { availableParallelism } from 'node:os';
import { errorCodes } from '../../core/errors.ts';
import { type AnySnapshot, type ListedSnapshot, listSnapshots } from '../../core/jobs/catalog.ts';
import { companionProblems, readCompanions } from '../../core/jobs/companions.ts';
import { verify as verifySnapshots } from '../../core/jobs/verify.ts';
import { printable } from '../../core/printable.ts';
import type { CliCommand } from '../command.ts';
import type { VerifyDocument } from '../documents/verify.ts';
import { listCandidates, ownerOf, resolveAnySnapshot, type Search } from '../find-snapshot.ts';
import { bytesText, durationText, plural } from '../format.ts';
import { defineKeyOptions } from '../key-input.ts';
import { openProgress } from '../progress.ts';
import { rememberedBy } from '../remembered-snapshots.ts';
import { copyHelp, type StoreSession, withStore } from '../store-session.ts';

export const verify: CliCommand = {
  exits: [
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'SNAPSHOT_UNTRUSTED',
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
      .option('--read-data', 'read every byte, not the structure alone');
    defineKeyOptions(command);
  },

  async run(context, { args, options }) {
    const { output, world, signal } = context;
    const account = options['account'] as string | undefined;
    const readData = options['readData'] === true;
    return withStore(context, { ...options, needs: 'whole' }, async (session) => {
      const { addin, search, opened, trust } = session;
      const { store, provider } = opened;
      const owner = account === undefined ? null : await ownerOf(search, account);
      const candidates = async () => listCandidates(search, owner);
      const only = args[0] === undefined ? null : await resolveAnySnapshot(search, args[0], account);
      const snapshots = only === null ? await candidates() : await revisionsOf(search, only);
      const states = new Map(snapshots.map(({ key, state }) => [key, state]));
      const startedAtMs = world.now();
      const progress = await openProgress(output, world.now);
      const seen = { bytes: 0, snapshots: 0 };
      const report = await verifySnapshots({
        provider,
        store,
        snapshots,
        wholeHistories: only === null,
        owner,
        servers: serversOf(session),
        remembered: options['copy'] === undefined ? await rememberedBy(session, owner) : [],
        trust,
        readData,
        threads: availableParallelism(),
        signal,
        onEvent: (event) => {
          if (event.type === 'bytes') seen.bytes += event.bytes;
          else seen.snapshots += 1;
          const all = snapshots.length;
          const share = all > 1 ? seen.snapshots / all : null;
          progress.show({ share, bytes: seen.bytes, detail: plural(all, 'snapshot') });
        },
      }).finally(() => progress.close());
      signal.throwIfAborted();
      for (const { name, key, locked, erased, lost, problems } of report.snapshots) {
        const gone = lost === undefined ? '' : `, marked by repair: ${plural(lost, 'path')} lost`;
        const how = erased === true ? 'erased' : `ok${locked ? ', locked' : ''}${gone}`;
        if (problems.length === 0) output.info(`${name ?? key}  ${how}`);
        else output.line(`${name ?? key}  ${plural(problems.length, 'problem')}`);
        for (const { object, component, path, message } of problems) {
          const place = [component, path, object]
            .filter((part) => part !== null)
            .map((part) => printable(part, 4096));
          output.line(`  ${[...place, message].join(': ')}`);
        }
      }
      for (const { name, key } of report.snapshots) {
        if (name === null || states.get(key) !== 'partial') continue;
        output.note(`note: ${name} is partial; holdfast snapshots --json names what failed when it was made`);
      }
      for (const { snapshot, owner: whose, message } of report.histories) {
        output.line(`${snapshot ?? whose}: ${message}`);
      }
      if (report.pruned > 0)
        output.note(`note: prune removed ${plural(report.pruned, 'snapshot')} meanwhile; left out`);
      const beside = only === null ? companionProblems(await readCompanions(store, signal)) : [];
      for (const { message } of beside) output.line(message);
      if (beside.length > 0) output.note(`note: run ${companionAdvice}`);
      const closed = report.snapshots.filter(({ locked }) => locked).length;
      if (closed > 0) {
        output.note(
          `note: ${plural(closed, 'snapshot')} locked: only stored bytes were checked; give --identity FILE to check contents`,
        );
      }
      const bad = report.snapshots.filter(({ problems }) => problems.length > 0).length;
      const hint = repairHint(report.exitStatus, {
        readData,
        addin: options['addin'] as string | undefined,
        copy: options['copy'] as string | undefined,
      });
      if (bad > 0 && hint !== null) output.note(`hint: ${hint}`);
      const problems = [
        ...(bad > 0 ? [`${plural(bad, 'snapshot')} with problems`] : []),
        ...(report.histories.length > 0 ? [`${plural(report.histories.length, 'break')} in histories`] : []),
      ];
      if (beside.length > 0) problems.push(`${plural(beside.length, 'file')} for a restore without Holdfast`);
      const exitStatus =
        report.exitStatus === 0 && beside.length > 0 ? errorCodes.OBJECT_DAMAGED.exit : report.exitStatus;
      const verdict = problems.length === 0 ? 'no problem' : problems.join(', ');
      const what = `${plural(report.snapshots.length, 'snapshot')}, ${plural(report.objectsChecked, 'object')}`;
      const took = durationText(world.now() - startedAtMs);
      output.info(`${what}, ${bytesText(report.bytesRead)} read in ${took}: ${verdict}`);
      output.document<VerifyDocument>({
        addin: addin.name,
        readData,
        exitStatus,
        objectsChecked: report.objectsChecked,
        bytesRead: report.bytesRead,
        pruned: report.pruned,
        snapshots: report.snapshots.map(({ name, key, locked, erased, lost, problems }) => ({
          id: name,
          key,
          state: states.get(key) ?? null,
          locked,
          erased: erased === true,
          lost: lost ?? 0,
          problems: problems.map(({ object, component, path, message }) => ({
            object,
            component,
            path,
            message,
          })),
        })),
        histories: report.histories.map(({ missing: _, ...one }) => one),
        companions: beside.map((one) => ({ ...one })),
      });
      return exitStatus;
    });
  },
};

/** Null where nothing is damaged or missing. */
function repairHint(
  exitStatus: number,
  {
    addin,
    copy,
    readData,
  }: { readonly addin: string | undefined; readonly copy: string | undefined; readonly readData: boolean },
): string | null {
  if (exitStatus !== errorCodes.OBJECT_MISSING.exit && exitStatus !== errorCodes.OBJECT_DAMAGED.exit) {
    return null;
  }
  const command = [
    'holdfast repair',
    ...(addin === undefined ? [] : [`--addin ${addin}`]),
    ...(copy === undefined ? [] : [`--copy ${copy}`]),
    ...(readData ? ['--read-data'] : []),
  ].join(' ');
  const what = copy === undefined ? 'can be done about it' : 'the main store can give back';
  return `Run \`${command}\`, which shows what ${what}; --apply does it.`;
}

const companionAdvice =
  'holdfast backup with credentials that may write, which puts it right; until then take rescue.py from the package';

/** The one snapshot with all its revisions, so that one above it is told of. */
async function revisionsOf({ store, signal }: Search, { header }: AnySnapshot): Promise<ListedSnapshot[]> {
  const { server, owner, id, sequence } = header;
  const all = await listSnapshots(store, { server, owner }, signal);
  return all.filter((one) => one.id === id && one.sequence === sequence);
}

/** This one under all its UUIDs. */
const serversOf = ({ state }: StoreSession): readonly string[] =>
  state === null ? [] : [...state.server.previous, state.server].map(({ uuid }) => uuid);
