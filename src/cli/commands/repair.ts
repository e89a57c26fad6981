/** `holdfast repair`: what can be done about damage in a store, and with --apply its mending. */

import { isHoldfastError } from '../../core/errors.ts';
import { repair as repairStore } from '../../core/jobs/repair/repair.ts';
import type { RepairCopy, RepairReport, UnaskedCopy } from '../../core/jobs/repair/types.ts';
import { printable } from '../../core/printable.ts';
import { type CliCommand, type CliContext, collected } from '../command.ts';
import { chooseAddin, perStore } from '../configuration.ts';
import type { RepairDocument } from '../documents/repair.ts';
import { plural } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { lostLines, tellNewestLost } from '../lost-lines.ts';
import { mendIdentity } from '../mend-identity.ts';
import { openStore } from '../opened.ts';
import { ownSigner } from '../own-signer.ts';
import { ownersOf } from '../owners-of-account.ts';
import { openProgress } from '../progress.ts';
import { rememberedBy } from '../remembered-snapshots.ts';
import { serverOf } from '../server-option.ts';
import { type StoreSession, withStore } from '../store-session.ts';

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly account?: readonly string[];
  readonly server?: string;
  readonly readData?: true;
  readonly apply?: true;
}

/** What the main store is called where a copy is mended from it. */
const mainName = 'main';

export const repair: CliCommand<Options> = {
  exits: [
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'FORMAT_UNSUPPORTED',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'SNAPSHOT_UNTRUSTED',
    'STORE_UNAVAILABLE',
    'STORE_DENIED',
    'STORE_FULL',
    'STORE_FOREIGN',
    'OBJECT_EXISTS',
  ],

  define(command) {
    defineKeyOptions(command)
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', 'mend this copy, with what the main store has; nothing is marked or rebuilt')
      .option('--account <account>', 'site, domain or UUID; may be repeated (default: all)', collected)
      .option('--server <uuid>', 'snapshots of another server in this store (default: of this one)')
      .option('--read-data', 'read every byte, so that damage inside objects shows too')
      .option('--apply', 'mend and mark; without it nothing is changed')
      .addHelpText(
        'after',
        '\nWhat is damaged or missing is taken from the configured copies, the keys of accounts as well, but for those of erased\n' +
          'ones, and whole snapshots of which no prune event says that they went. Where none has an object, a new revision of\n' +
          'each snapshot says what it lost, so that the rest of it restores; it is taken back once a copy has it after all.\n' +
          'Without an identity objects are taken by their hashes; lost keys and that revision want one.\n' +
          'A holdfast.json that is lost or damaged is written again, where snapshots signed by this server prove which store it is.\n' +
          'While a copy cannot be asked, nothing counts as lost: mend it, or take it out of the configuration.\n' +
          'The lost index of a full is made again from its segments; in place of a damaged revision of a manifest that no copy has\n' +
          'a new one says what the one below it says, where all of that is whole. No snapshot is removed.\n' +
          'With --copy no identity is needed: what is damaged or missing in the copy comes from the main store, checked by\n' +
          'its hash. What the main store lacks as well is named.',
      );
  },

  async run(context, { options: chosen }) {
    return withStore(context, { ...chosen, needs: 'mendable' }, async (session) => {
      const server = serverOf(session, chosen);
      // Told at once: what follows may fail.
      const storeFile = await mendIdentity(context, session, chosen);
      const report = await run(context, session, server, chosen);
      print(context, report, { applied: chosen.apply === true, ofCopy: chosen.copy !== undefined });
      const { exitStatus, snapshotsSeen, untrusted, erased, unread, leftovers, unasked, locked } = report;
      context.output.document<RepairDocument>({
        addin: session.addin.name,
        server,
        applied: chosen.apply === true,
        exitStatus,
        snapshotsSeen,
        untrusted,
        erased,
        unread,
        storeFile,
        objects: report.objects.map((one) => ({ ...one, problem: printable(one.problem, 4096) })),
        snapshots: report.snapshots.map(({ name, components, paths, pages: _, ...one }) => ({
          id: name,
          ...one,
          components: components.map((component) => printable(component, 4096)),
          paths: [...paths],
        })),
        leftovers: [...leftovers],
        unasked: unasked.map((one) => ({ ...one })),
        locked: [...locked],
      });
      return exitStatus;
    });
  },
};

async function run(
  { output, world, signal }: CliContext,
  session: StoreSession,
  server: string,
  { addin: addinName, copy: mended, account, readData, apply }: Options,
): Promise<RepairReport> {
  const { loaded, addin, opened, search, trust } = session;
  const owners = await ownersOf(search, account ?? []);
  const copies: RepairCopy[] = [];
  const unopened: UnaskedCopy[] = [];
  const progress = await openProgress(output, world.now);
  let bytes = 0;
  let share: number | null = null;
  try {
    const main = mended === undefined ? null : chooseAddin(loaded.configuration, addinName);
    for (const source of main === null ? perStore(addin).slice(1) : [main]) {
      const name = main === null ? source.name.slice(addin.name.length + 1) : mainName;
      try {
        const { store, provider } = await openStore(loaded, source, world);
        copies.push({ name, store, provider, remembered: session.state?.storeId(source.name) ?? null });
      } catch (error) {
        if (!isHoldfastError(error)) throw error;
        unopened.push({ copy: name, message: printable(error.message, 4096) });
      }
    }
    return await repairStore({
      store: opened.store,
      provider: opened.provider,
      server,
      owners: account === undefined ? null : owners,
      copies,
      unopened,
      isCopy: main !== null,
      storeId: session.state?.storeId(addin.name) ?? null,
      readData: readData === true,
      apply: apply === true,
      stateDir: loaded.configuration.stateDir,
      signer: main === null ? await ownSigner(session, apply === true) : null,
      remembered: main === null ? await rememberedBy(session, null) : [],
      trust,
      world,
      signal,
      onEvent: (event) => {
        if (event.type === 'bytes') bytes += event.bytes;
        else share = event.share;
        progress.show({ share, bytes, detail: 'read' });
      },
    });
  } finally {
    progress.close();
    for (const { store } of copies) await store.close();
  }
}

function print(
  { output }: CliContext,
  report: RepairReport,
  { applied, ofCopy }: { readonly applied: boolean; readonly ofCopy: boolean },
): void {
  const { objects, snapshots, leftovers, unasked, locked, snapshotsSeen, untrusted, erased, unread } = report;
  const named = (copy: string): string => (ofCopy ? 'the main store' : `copy ${copy}`);
  const none = ofCopy ? 'the main store has it not' : 'no copy can mend it';
  const silent = ofCopy ? 'the main store could not be asked' : 'no copy that could be asked has it';
  for (const { key, problem, copy, mended } of objects) {
    const lacking = unasked.length === 0 ? none : silent;
    const remedy =
      copy === null ? lacking : mended ? `taken from ${named(copy)}` : `${named(copy)} has it whole`;
    output.line(`${key}: ${printable(problem, 4096)}; ${remedy}`);
  }
  for (const lost of snapshots) {
    const { name, rebuilt, broughtBack, replaced, components, lostPaths, published } = lost;
    if (broughtBack) output.line(`${name}: what it had lost is there again`);
    else if (replaced)
      output.line(`${name}: the revision below the damaged one is whole, and a new one says the same`);
    else {
      const of = components.map((one) => printable(one)).join(', ');
      const loss = `${plural(lostPaths, 'path')} lost, of ${of}`;
      const remade = `its index is made again from its segments${lostPaths === 0 ? '' : `; ${loss}`}`;
      output.line(`${name}: ${rebuilt ? remade : loss}`);
    }
    if (applied && !published) output.note(`note: another machine changed ${name} meanwhile; run it again`);
    for (const line of lostLines(lost)) output.line(`  ${line}`);
  }
  if (untrusted > 0) {
    output.note(`note: ${plural(untrusted, 'snapshot')} left alone, which nobody signed who is trusted here`);
  }
  if (erased > 0) {
    output.note(
      `note: ${plural(erased, 'snapshot')} left alone, of accounts that were erased; prune removes them`,
    );
  }
  if (unread > 0) {
    output.note(
      `note: ${plural(unread, 'snapshot')} locked: only stored bytes were looked at, and nothing of them is marked or made again; give --identity FILE`,
    );
  }
  for (const folder of leftovers) output.line(`${folder}: left by a trial that was killed`);
  for (const { copy, message } of unasked) output.note(`note: ${named(copy)} could not be asked: ${message}`);
  if (unasked.length > 0 && !ofCopy) {
    output.note('note: nothing counts as lost until all copies can be asked, or are no longer configured');
  }
  tellNewestLost(output, report);
  for (const site of locked)
    output.note(`note: another job is working on ${printable(site)}; left for the next run`);
  const found = `${plural(snapshotsSeen, 'snapshot')}, ${plural(objects.length, 'damaged object')}`;
  const published = snapshots.filter((one) => one.published).length;
  if (applied)
    output.info(
      `${found}; ${plural(objects.filter(({ mended }) => mended).length, 'object')} mended, ${plural(published, 'snapshot')} in a new revision`,
    );
  else output.info(`${found}; nothing was changed`);
}
