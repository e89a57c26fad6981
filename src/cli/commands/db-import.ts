/** `holdfast db import`: a database from a file or a snapshot, beside the live one or in its place. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import type { Account } from '../../core/index.ts';
import { dumpFile } from '../../core/jobs/import/dump-file.ts';
import { ImportJournal } from '../../core/jobs/import/journal.ts';
import { snapshotDump } from '../../core/jobs/import/snapshot-dump.ts';
import type { ImportPlace } from '../../core/jobs/import/types.ts';
import { resolveAccount } from '../../core/jobs/resolve-accounts.ts';
import { quoted } from '../../core/printable.ts';
import { accountOfDatabases } from '../../core/state/database-owners.ts';
import { type CliCommand, type CliContext, collected } from '../command.ts';
import { type Loaded, loadReadable } from '../configuration.ts';
import { type ImportWork, runImports } from '../database-imports.ts';
import { resolveSnapshot } from '../find-snapshot.ts';
import { type DatabaseName, databaseName } from '../import-target.ts';
import { defineKeyOptions } from '../key-input.ts';
import { openPanel, openStateOf } from '../opened.ts';
import { copyHelp, withStore } from '../store-session.ts';
import { requireTrustedSnapshot } from '../trusted-snapshot.ts';
import { whileRestored } from '../while-restored.ts';

interface Options {
  readonly account?: string;
  readonly database?: string;
  readonly as?: string;
  readonly beside?: true;
  readonly replace?: true;
  readonly table?: readonly string[];
  readonly undo?: true;
  readonly kept?: string;
  readonly dryRun?: true;
  readonly addin?: string;
  readonly copy?: string;
}

export const dbImport: CliCommand<Options> = {
  exits: [
    'PREREQUISITE_MISSING',
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'PANEL_UNREADABLE',
    'DATABASE_UNREACHABLE',
    'SNAPSHOT_NOT_FOUND',
    'SNAPSHOT_UNTRUSTED',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'PATH_NOT_FOUND',
    'STORE_UNAVAILABLE',
    'IMPORT_FAILED',
    'IMPORT_REFUSED',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
    'FINISHED_WITH_WARNINGS',
  ],

  define(command) {
    command
      .argument('[dump]', 'a file (SQL or pg_dump -Fc; plain, gzip or zstd), a snapshot, or latest')
      .option('--account <account>', 'site, domain or UUID')
      .option('--database <name>', 'its name in the account, or <instance>/<name>')
      .option('--as <name>', 'import it under this name, which must be free')
      .option('--beside', 'import it as <name>_restored, beside the live one')
      .option('--replace', 'put it in the place of the live one, which is kept for a while')
      .option('--table <name>', 'only this table; may be repeated', collected)
      .option('--undo', 'bring back what the last import replaced, and keep what is live now')
      .option('--kept <name>', 'with --undo: of several that are kept, the one in this database')
      .option('--dry-run', 'show what would be imported where; change nothing')
      .option(
        '--addin <name>',
        'addin configuration of the snapshot; may be left out where there is only one',
      )
      .option('--copy <name>', copyHelp)
      .addHelpText(
        'after',
        '\nThe dump is loaded into a scratch database by a user with few rights, and checked against what its own\nbytes hold. Only then is it exchanged with the live one. An import that was killed is finished or undone by\nthe next one of the account, or by its next backup.',
      );
    defineKeyOptions(command);
  },

  async run(context, { args, options: chosen }) {
    const place = checkOptions(args[0], chosen);
    const dump = args[0];
    if (dump === undefined || existsSync(dump)) {
      const loaded = await loadReadable(context);
      const { account, owner } = await findAccount(context, loaded, chosen.account!);
      const name = databaseName(chosen.database!, loaded);
      const work =
        dump === undefined
          ? await undoWork(loaded, owner, { name, kept: chosen.kept ?? null })
          : await fileWork(context, resolve(dump), { name, place, tables: chosen.table ?? null });
      return runImports(context, { loaded, account, owner, works: [work], dryRun: chosen.dryRun === true });
    }
    if (/[/]|\.(?:sql|dump|pgdump|gz|zst)$/i.test(dump)) {
      throw new HoldfastError('PATH_NOT_FOUND', `there is no file ${quoted(dump, 4096)}`, {
        hint: 'Correct the path, or name a snapshot or latest.',
      });
    }
    const loaded = await loadReadable(context);
    return withStore(context, { loaded, ...chosen }, async (session) => {
      const { opened, search } = session;
      const snapshot = await resolveSnapshot(search, dump, chosen.account);
      await requireTrustedSnapshot(session, snapshot);
      const { account, owner } = await findAccount(context, loaded, chosen.account!);
      const name = databaseName(chosen.database!, loaded);
      const source = snapshotDump(snapshot, opened.provider, name);
      const instance = name.instance ?? source.instance;
      const tables = chosen.table ?? null;
      const work = {
        name: { ...name, instance },
        dump: source,
        family: source.family,
        place,
        tables,
        kept: null,
      };
      const dryRun = chosen.dryRun === true;
      return whileRestored(context, session, [snapshot], () =>
        runImports(context, { loaded, account, owner, works: [work], dryRun }),
      );
    });
  },
};

/** @throws USAGE something is missing, or options exclude each other */
function checkOptions(dump: string | undefined, options: Options): ImportPlace {
  const usage = (message: string, hint: string): HoldfastError =>
    new HoldfastError('USAGE', message, { hint });
  const { account, database, as, beside, replace, table, undo, kept, dryRun } = options;
  if (account === undefined) throw usage('it is not said whose database it is', 'Add --account A.');
  if (database === undefined) throw usage('it is not said which database', 'Add --database NAME.');
  const places = [as, beside, replace].filter((one) => one !== undefined);
  if (undo === true) {
    if (dump === undefined && places.length === 0 && table === undefined && dryRun === undefined) {
      return { kind: 'replace' };
    }
    throw usage('--undo needs no dump and no other option', 'Say db import --undo --account A --database D.');
  }
  if (kept !== undefined) throw usage('--kept goes with --undo', 'Add --undo, or leave out --kept.');
  if (dump === undefined)
    throw usage('it is not said what to import', 'Name a file or a snapshot, or add --undo.');
  if (places.length > 1)
    throw usage('--as, --beside and --replace exclude each other', 'Choose one of them.');
  if (as !== undefined) return { kind: 'as', name: as };
  if (beside === true) return { kind: 'beside' };
  return { kind: replace === true ? 'replace' : 'new' };
}

async function findAccount(
  { world, signal }: CliContext,
  loaded: Loaded,
  wanted: string,
): Promise<{ readonly account: Account; readonly owner: string }> {
  const { panel } = await openPanel(loaded, world);
  const state = await openStateOf(loaded.configuration, world);
  // A snapshot of databases only may be named as `latest --account <account>.databases`.
  const name = accountOfDatabases(wanted) ?? wanted;
  const account = resolveAccount(await panel.accounts({ signal }), name, state.sites());
  return { account, owner: await state.accountId(account) };
}

async function fileWork(
  { signal }: CliContext,
  path: string,
  rest: Pick<ImportWork, 'name' | 'place' | 'tables'>,
): Promise<ImportWork> {
  const dump = await dumpFile(path, signal);
  return { ...rest, dump, family: dump.family, kept: null };
}

/** What is kept tells which server it was. @throws IMPORT_REFUSED nothing is kept */
async function undoWork(
  { configuration }: Loaded,
  owner: string,
  { name, kept }: { readonly name: DatabaseName; readonly kept: string | null },
): Promise<ImportWork> {
  const records = await new ImportJournal(configuration.stateDir).list();
  const ofIt = records.filter(
    (one) =>
      one.owner === owner &&
      one.database === name.database &&
      (name.instance === null || one.instance === name.instance),
  );
  const last = ofIt.find((one) => kept !== null && one.kept === kept) ?? ofIt.at(-1);
  if (last === undefined) {
    throw new HoldfastError('IMPORT_REFUSED', 'nothing is kept of this database', {
      hint: 'Import it from a snapshot instead.',
    });
  }
  const from = { instance: last.instance, database: name.database };
  return { name: from, dump: null, family: last.family, place: { kind: 'replace' }, tables: null, kept };
}
