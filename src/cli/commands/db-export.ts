/** `holdfast db export`: the databases of all or some accounts into files or the store, at once. */

import { Option } from 'commander';
import type { Account, DatabaseEngine, Panel } from '../../core/index.ts';
import { chooseDatabases, filteredEngine, matchesEngine } from '../../core/jobs/export-databases/choose.ts';
import { compressions } from '../../core/jobs/export-databases/compress.ts';
import type { DatabaseFilter } from '../../core/jobs/export-databases/types.ts';
import { resolveAccounts } from '../../core/jobs/resolve-accounts.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { collected } from '../command.ts';
import { type Loaded, loadConfigured } from '../configuration.ts';
import { DatabaseExportPrinter, exportStatus } from '../database-export-printer.ts';
import { inOrder } from '../database-items.ts';
import type { DatabaseItem, SkippedDatabase } from '../documents/database-export.ts';
import { checkImports } from '../end-imports.ts';
import { checkOptions, type ExportOptions, noEngine } from '../export-options.ts';
import { plural } from '../format.ts';
import { openEngines, openPanel, openStateIfAny } from '../opened.ts';
import { refuseOwnTarget } from '../own-target.ts';
import { openProgress } from '../progress.ts';

export const dbExport: CliCommand<ExportOptions> = {
  exits: [
    'PREREQUISITE_MISSING',
    'ACCOUNT_NOT_FOUND',
    'PANEL_UNREADABLE',
    'DATABASE_UNREACHABLE',
    'DATABASE_NOT_FOUND',
    'EXPORT_FAILED',
    'TARGET_UNWRITABLE',
    'STORE_ENCRYPTED',
    'FINISHED_WITH_WARNINGS',
  ],

  define(command) {
    command
      .option('--all', 'the databases of every account')
      .option('--account <account>', 'site, domain or UUID; may be repeated', collected)
      .option('--database <name>', 'NAME or INSTANCE/NAME, * and ? allowed; may be repeated', collected)
      .option(
        '--engine <engine>',
        'name of a configured server, or kind of engine; may be repeated',
        collected,
      )
      .option(
        '--exclude <name>',
        'leave out NAME or INSTANCE/NAME, * and ? allowed; may be repeated',
        collected,
      )
      .option('--to <dir>', 'write DIR/<account>/<instance>/<database>.sql.zst, grants beside')
      .option('--to-accounts', "write into the accounts' own directories of dumps, as the panel names them")
      .option('--to-store', 'write snapshots that hold databases only')
      .option(
        '--addin <name>',
        'addin configuration, for --to-store; may be left out where there is only one',
      )
      .option(
        '--allow-plaintext',
        'with --to-store and "encryption": "none": make plain snapshots although the store holds encrypted ones',
      )
      .addOption(
        new Option('--compress <how>', 'default: zstd, gzip for --to-accounts').choices(compressions),
      )
      .addOption(
        new Option('--format <format>', 'of PostgreSQL').choices(['pgdump', 'plain']).default('pgdump'),
      )
      .option('--jobs <n>', 'accounts in work at once')
      .option('--force', 'start also where the file system of the directories seems too small')
      .addHelpText(
        'after',
        '\nA file gets its name when it is complete, checked and on the disk; until then the one before it stays.\nOne database that fails does not stop the others.',
      );
  },

  async run(context, { options: chosen }) {
    checkOptions(chosen);
    const loaded = await loadConfigured(context.configDir);
    if (chosen.to !== undefined) await refuseOwnTarget(chosen.to, loaded);
    const { panel } = await openPanel(loaded, context.world);
    const accounts = await selectAccounts(context, loaded, panel, chosen);
    for (const { detail, hint } of await checkImports(loaded))
      context.output.note(`warning: ${detail}; ${hint}`);
    const engines = await openEngines(loaded.configuration, context.world);
    try {
      return await run(context, { loaded, panel, accounts, engines, chosen });
    } finally {
      await Promise.all(engines.map((engine) => engine.close()));
    }
  },
};

export interface ExportParts {
  readonly loaded: Loaded;
  readonly panel: Panel;
  readonly accounts: readonly Account[];
  readonly engines: readonly DatabaseEngine[];
  readonly chosen: ExportOptions;
}

async function run(context: CliContext, parts: ExportParts): Promise<number> {
  const { world, output, signal } = context;
  const { accounts, chosen } = parts;
  const startedAtMs = world.now();
  const filter: DatabaseFilter = {
    databases: chosen.database ?? [],
    exclude: chosen.exclude ?? [],
    engines: chosen.engine ?? [],
  };
  const engines = parts.engines.filter((engine) => matchesEngine(engine, filter));
  if (engines.length === 0) throw noEngine(chosen);
  const unconfiguredEngines = unconfigured(parts, filter);
  for (const family of unconfiguredEngines) output.note(`note: ${notConfigured(accounts, family)}`);
  const printer = new DatabaseExportPrinter(output, await openProgress(output, world.now));
  try {
    let items: readonly DatabaseItem[];
    let skipped: readonly SkippedDatabase[] = [];
    if (chosen.toStore === true) {
      const { exportToStore } = await import('../export-to-store.ts');
      const groups = await chooseDatabases(accounts, engines, filter, signal);
      const filtered = engines.map((engine) => filteredEngine(engine, filter));
      const concerned = accounts.filter((one) => groups.some(({ account }) => account === one));
      items = await exportToStore(context, { ...parts, accounts: concerned, engines: filtered }, printer);
    } else {
      const { exportToFiles } = await import('../export-to-files.ts');
      ({ items, skipped } = await exportToFiles(context, { ...parts, engines }, filter, printer));
    }
    const databases = inOrder(
      items,
      accounts.map(({ site }) => site),
    );
    const exitStatus = exportStatus(databases, skipped, signal.aborted);
    const endedAtMs = world.now();
    printer.report(
      {
        target: chosen.to ?? (chosen.toStore === true ? (chosen.addin ?? 'store') : 'accounts'),
        startedAt: new Date(startedAtMs).toISOString(),
        endedAt: new Date(endedAtMs).toISOString(),
        exitStatus,
        databases,
        skipped: [...skipped],
        unconfiguredEngines,
      },
      endedAtMs - startedAtMs,
    );
    return exitStatus;
  } finally {
    printer.close();
  }
}

/** Kinds of databases that the accounts have and no server exports; not where others are asked for. */
function unconfigured({ accounts, engines }: ExportParts, filter: DatabaseFilter): string[] {
  if (filter.databases.length > 0) return [];
  const families = new Set(accounts.flatMap(({ databases }) => databases.map(({ family }) => family)));
  return [...families].filter(
    (family) =>
      !engines.some((engine) => engine.family === family) &&
      (filter.engines.length === 0 || filter.engines.includes(family)),
  );
}

function notConfigured(accounts: readonly Account[], family: string): string {
  const users = accounts.filter(({ databases }) => databases.some((one) => one.family === family)).length;
  return `${plural(users, 'account')} may have ${family} databases, and no such server is configured: none of these is exported`;
}

async function selectAccounts(
  { world, signal }: CliContext,
  { configuration }: Loaded,
  panel: Panel,
  { account }: ExportOptions,
): Promise<readonly Account[]> {
  const all = await panel.accounts({ signal });
  if (account === undefined) return all.filter(({ databases }) => databases.length > 0);
  const state = await openStateIfAny(configuration, world);
  return resolveAccounts(all, account, state?.sites() ?? new Map());
}
