/** Imports databases for `db import` and `restore --in-place`, and tells of it. */

import { requireSound } from '../core/config/without-faults.ts';
import { type ErrorCode, errorCodes, type HoldfastError, isHoldfastError } from '../core/errors.ts';
import type { Account } from '../core/index.ts';
import type { DumpSource, ImportEvent, ImportPlace, ImportReport } from '../core/jobs/import/types.ts';
import { printable } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import type { Loaded } from './configuration.ts';
import type { DatabaseImportDocument, DatabaseImportItem } from './documents/database-import.ts';
import { notDropped } from './drop-replaced.ts';
import { countText, durationText, instantText, plural } from './format.ts';
import { chooseServer, type DatabaseName, openImport } from './import-target.ts';
import { openProgress } from './progress.ts';

export interface ImportWork {
  readonly name: DatabaseName;
  /** Null: bring the replaced one back. */
  readonly dump: DumpSource | null;
  /** Where nothing names the server: from the dump, or for `--undo` from what is kept. */
  readonly family: 'mysql' | 'postgresql';
  readonly place: ImportPlace;
  readonly tables: readonly string[] | null;
  /** For `--undo`: the database that holds what is wanted back; null for what the last import replaced. */
  readonly kept: string | null;
}

export interface ImportBatch {
  readonly loaded: Loaded;
  readonly account: Account;
  readonly owner: string;
  readonly works: readonly ImportWork[];
  readonly dryRun: boolean;
}

/**
 * One after the other. One that fails stops none of the others, and the status is that of the failure; an interruption
 * ends all, and names those that nobody tried.
 *
 * @throws CONFIG_INVALID it is not said for how long what they replace is kept; none was tried
 */
export async function runImports(context: CliContext, batch: ImportBatch): Promise<number> {
  requireSound(batch.loaded.configuration, 'keepReplacedDays');
  const recovered: DatabaseImportDocument['recovered'][number][] = [];
  const items: DatabaseImportItem[] = [];
  const failed: DatabaseImportDocument['failed'][number][] = [];
  for (const [at, work] of batch.works.entries()) {
    try {
      items.push(await importOne(context, batch, work, recovered));
    } catch (error) {
      if (batch.works.length === 1) throw error;
      if (!isHoldfastError(error) || error.code === 'INTERRUPTED') {
        tellUntried(context, batch.works.slice(at + 1));
        throw error;
      }
      failed.push(tellFailure(context, batch, work, error));
    }
  }
  const exitStatus = statusOf(items, failed);
  context.output.document<DatabaseImportDocument>({
    exitStatus,
    dryRun: batch.dryRun,
    undone: batch.works.some(({ dump }) => dump === null),
    recovered,
    databases: items,
    failed,
  });
  return exitStatus;
}

/** One code for all failures where they agree. */
function statusOf(items: readonly DatabaseImportItem[], failed: DatabaseImportDocument['failed']): number {
  const codes = new Set(failed.map(({ code }) => code));
  const [only] = codes;
  if (only !== undefined) {
    const known = codes.size === 1 && only in errorCodes;
    return errorCodes[known ? (only as ErrorCode) : 'IMPORT_FAILED'].exit;
  }
  return items.some(({ warnings }) => warnings.length > 0) ? errorCodes.FINISHED_WITH_WARNINGS.exit : 0;
}

const shownName = ({ name: { instance, database } }: ImportWork): string =>
  printable(instance === null ? database : `${instance}/${database}`);

function tellUntried({ output }: CliContext, works: readonly ImportWork[]): void {
  if (works.length > 0) output.note(`not tried: ${works.map(shownName).join(', ')}`);
}

function tellFailure(
  { output }: CliContext,
  { account }: ImportBatch,
  work: ImportWork,
  { code, message, hint }: HoldfastError,
): DatabaseImportDocument['failed'][number] {
  output.note(`failed: ${shownName(work)}: ${code}: ${message}`);
  if (hint !== undefined) output.note(`  hint: ${hint}`);
  const { instance, database } = work.name;
  const named = { account: printable(account.site), instance, database: printable(database) };
  return { ...named, code, message, hint: hint ?? null };
}

async function importOne(
  context: CliContext,
  { loaded, account, owner, dryRun }: ImportBatch,
  work: ImportWork,
  recovered: DatabaseImportDocument['recovered'][number][],
): Promise<DatabaseImportItem> {
  const { output, world } = context;
  const startedAtMs = world.now();
  const server = chooseServer(loaded, { instance: work.name.instance, family: work.family });
  const { importDatabase, undoImport } = await import('../core/jobs/import/import-database.ts');
  const progress = await openProgress(output, world.now);
  const show = progressOf(progress, work.dump?.totalBytes ?? null);
  const onEvent = (event: ImportEvent): void => {
    if (event.type === 'recovered') {
      recovered.push({ database: printable(event.database), how: event.how });
      output.note(`an import of ${printable(event.database)} had been stopped: ${event.how}`);
    } else if (event.type === 'unfinished') {
      output.note(
        `warning: an import of ${printable(event.database)} had been stopped and cannot be ended yet: ${event.message}`,
      );
    } else if (event.type === 'incomplete') {
      output.note(`warning: ${event.warning.code}: ${event.warning.message}`);
    } else if (event.type === 'expired') {
      output.info(`dropped the replaced ${printable(event.database)}, kept in ${event.kept}`);
    } else if (event.type === 'not-dropped') output.note(notDropped(event));
    else show(event);
  };
  try {
    const { context: imports, mine } = await openImport(context, loaded, { account, owner, server, onEvent });
    const { name, dump, place, tables, kept } = work;
    const { database } = name;
    const report =
      dump === null
        ? await undoImport(imports, database, kept)
        : await importDatabase({ ...imports, dump, database, place, tables, dryRun }, await mine());
    progress.close();
    tell(context, { report, account, dump, dryRun, took: durationText(world.now() - startedAtMs) });
    return itemOf(report, { account, instance: server.name, source: dump?.label ?? null });
  } finally {
    progress.close();
  }
}

function progressOf(
  progress: Awaited<ReturnType<typeof openProgress>>,
  total: number | null,
): (event: ImportEvent) => void {
  let bytes = 0;
  let detail = '';
  return (event) => {
    if (event.type === 'bytes') bytes += event.bytes;
    else if (event.type === 'phase') detail = event.phase === 'loading' ? 'loading' : 'exchanging';
    const share = total === null || total === 0 ? null : Math.min(1, bytes / total);
    progress.show({ share, bytes, detail });
  };
}

function tell(
  { output }: CliContext,
  told: {
    readonly report: ImportReport;
    readonly account: Account;
    readonly dump: DumpSource | null;
    readonly dryRun: boolean;
    readonly took: string;
  },
): void {
  const { report, account, dump, dryRun, took } = told;
  const name = printable(report.database);
  for (const { code, message } of report.warnings) output.note(`warning: ${code}: ${message}`);
  if (dryRun) {
    const how = report.replaced ? 'in place of the live one' : 'as a new database';
    output.line(`would import ${dump?.label ?? ''} into ${name}, ${how}`);
    return;
  }
  if (dump === null) output.info(`brought ${name} back in ${took}`);
  else {
    const rows = report.tables.reduce((sum, table) => sum + table.rows, 0);
    const what = `${plural(report.tables.length, 'table')}, ${countText(rows)} rows`;
    output.info(`imported ${name} from ${dump.label} in ${took}: ${what}`);
  }
  for (const { name: holder, replacedAtMs } of report.alsoKept) {
    const since = instantText(new Date(replacedAtMs).toISOString());
    output.info(`what was replaced at ${since} UTC is kept as well: add --kept ${holder} to --undo`);
  }
  if (report.kept === null || report.keptUntilMs === null) return;
  const until = instantText(new Date(report.keptUntilMs).toISOString());
  const undo = `db import --undo --account ${printable(account.site)} --database ${name}`;
  output.info(`the replaced one is kept until ${until} UTC; bring it back with ${undo}`);
}

const isoOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

function itemOf(
  report: ImportReport,
  from: { readonly account: Account; readonly instance: string; readonly source: string | null },
): DatabaseImportItem {
  return {
    account: printable(from.account.site),
    instance: from.instance,
    database: printable(report.database),
    source: from.source,
    replaced: report.replaced,
    kept: report.kept,
    keptUntil: isoOf(report.keptUntilMs),
    alsoKept: report.alsoKept.map(({ name, replacedAtMs, keptUntilMs }) => {
      return { name, replacedAt: new Date(replacedAtMs).toISOString(), keptUntil: isoOf(keptUntilMs) };
    }),
    tables: report.tables.map(({ name, rows }) => ({ name: printable(name), rows })),
    warnings: report.warnings.map(({ code, message }) => ({ code, message })),
  };
}
