/** Shows an export of databases: a bar on a terminal, a failure as it comes, and a table at the end. */

import { errorCodes } from '../core/errors.ts';
import type { ExportEvent } from '../core/jobs/export-databases/types.ts';
import { printable } from '../core/printable.ts';
import type { DatabaseExportDocument, DatabaseItem, SkippedDatabase } from './documents/database-export.ts';
import { bytesText, durationText, plural } from './format.ts';
import type { Output } from './output.ts';
import type { Progress } from './progress.ts';

/** Of databases without a place; the document has them all. */
const mostTold = 20;

interface Failure {
  readonly account: string;
  readonly instance: string;
  /** Null where not even their names could be read. */
  readonly database: string | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string | null | undefined;
  };
}

export class DatabaseExportPrinter {
  readonly #output: Output;
  readonly #progress: Progress;
  #total = 0;
  #expectedBytes = 0;
  #bytes = 0;
  #done = 0;
  readonly #heard = new Set<string>();
  /** Servers that could not be asked for the databases of accounts. */
  readonly #servers = new Map<
    string,
    Omit<Failure, 'account' | 'database'> & { accounts: readonly string[] }
  >();

  constructor(output: Output, progress: Progress) {
    this.#output = output;
    this.#progress = progress;
  }

  event(event: ExportEvent): void {
    if (event.type === 'chosen') {
      this.#total = event.databases;
      this.#expectedBytes = event.estimatedBytes;
    } else if (event.type === 'bytes') this.#bytes += event.bytes;
    else {
      this.#done += 1;
      const { error, database, instance, account } = event.outcome;
      if (error === null) {
        if (event.outcome.said !== null)
          this.#said(name(account.site, instance, database), event.outcome.said);
      } else this.failed({ account: account.site, instance, database, error });
    }
    // A dump may be larger or smaller than its tables, so the count of databases has its say as well.
    const byBytes = this.#expectedBytes === 0 ? 0 : this.#bytes / this.#expectedBytes;
    const share = this.#total === 0 ? null : Math.min(1, Math.max(this.#done / this.#total, byBytes * 0.9));
    this.#progress.show({ share, bytes: this.#bytes, detail: `${this.#done}/${this.#total} databases` });
  }

  close(): void {
    this.#progress.close();
  }

  report(report: DatabaseExportDocument, milliseconds: number): void {
    this.close();
    const output = this.#output;
    if (!output.quiet) this.#table(report.databases);
    for (const { account, instance, database, warnings, notes } of report.databases) {
      const about = name(account, instance, database);
      for (const { code, message } of warnings)
        output.info(`warning: ${about}: ${code}: ${printable(message, 500)}`);
      for (const { code, message } of notes)
        output.info(`note: ${about}: ${code}: ${printable(message, 500)}`);
    }
    this.#unreachable();
    this.#skipped(report.skipped);
    if (report.databases.length === 0) {
      const why = report.skipped.length === 0 ? 'there was none to export' : 'none has a place in the panel';
      output.note(`warning: no database was exported: ${why}`);
    }
    const failed = report.databases.filter(({ state }) => state === 'failed').length;
    const bytes = report.databases.reduce((sum, one) => sum + (one.storedBytes ?? one.plainBytes), 0);
    const parts = [
      `${plural(report.databases.length - failed, 'database')} exported`,
      ...(failed > 0 ? [`${failed} failed`] : []),
      ...(report.skipped.length > 0 ? [`${report.skipped.length} without a place`] : []),
      bytesText(bytes),
      durationText(milliseconds),
    ];
    output.info(parts.join(', '));
    if (report.exitStatus === errorCodes.INTERRUPTED.exit) output.note('holdfast: interrupted');
    output.document(report);
  }

  #table(items: readonly DatabaseItem[]): void {
    if (items.length === 0) return;
    this.#output.table(
      [
        { title: 'ACCOUNT' },
        { title: 'DATABASE', shrinks: true },
        { title: 'SIZE', align: 'right' },
        { title: 'FILE', align: 'right' },
        { title: 'SECONDS', align: 'right' },
        { title: 'RESULT' },
      ],
      items.map((one) => [
        one.account,
        `${one.instance}/${one.database ?? '*'}`,
        bytesText(one.plainBytes),
        one.storedBytes === null ? '-' : bytesText(one.storedBytes),
        (one.milliseconds / 1000).toFixed(1),
        one.error === null ? one.state : `failed: ${one.error.code}`,
      ]),
    );
  }

  /** Each once: some clients say the same of every database. */
  #said(what: string, text: string): void {
    if (this.#heard.has(text)) return;
    this.#heard.add(text);
    this.#output.note(`note: ${what}: the client says: ${text}`);
  }

  /** At once; that a whole server could not be asked is told at the end, once for all accounts. */
  failed({ account, instance, database, error }: Failure): void {
    if (database !== null) {
      this.#error(name(account, instance, database), error);
      return;
    }
    const key = JSON.stringify([instance, error.code, error.message]);
    const { accounts } = this.#servers.get(key) ?? { accounts: [] };
    this.#servers.set(key, { instance, error, accounts: [...accounts, account] });
  }

  #unreachable(): void {
    for (const { instance, error, accounts } of this.#servers.values()) {
      const [first = '', ...others] = accounts;
      const more = others.length === 0 ? '' : ` and ${plural(others.length, 'other account')}`;
      this.#error(`${name(first, instance, null)}${more}`, error);
    }
  }

  #skipped(skipped: readonly SkippedDatabase[]): void {
    for (const { account, instance, database } of skipped.slice(0, mostTold)) {
      const what = printable(`${instance}/${database}`);
      this.#output.note(
        `warning: ${printable(account)}: ${what} has no place in the panel; use --to DIR or --to-store`,
      );
    }
    if (skipped.length > mostTold)
      this.#output.note(
        `warning: ${plural(skipped.length - mostTold, 'more database')} without a place there`,
      );
  }

  #error(what: string, { code, message, hint }: Failure['error']): void {
    this.#output.note(`${what}: ${code}: ${message}`);
    if (hint !== undefined && hint !== null) this.#output.note(`  hint: ${hint}`);
  }
}

const name = (account: string, instance: string, database: string | null): string =>
  printable(`${account}/${instance}/${database ?? '*'}`);

/**
 * Of the worst database: one code for all failures where they agree. Without any, nothing failed, and nothing is safe.
 * Where all there were have no place, that is a failure.
 */
export function exportStatus(
  outcomes: readonly DatabaseItem[],
  skipped: readonly SkippedDatabase[],
  aborted: boolean,
): number {
  if (aborted) return errorCodes.INTERRUPTED.exit;
  const codes = new Set(outcomes.flatMap(({ error }) => (error === null ? [] : [error.code])));
  const [only] = codes;
  if (codes.size > 1) return errorCodes.EXPORT_FAILED.exit;
  if (only !== undefined) {
    return only in errorCodes
      ? errorCodes[only as keyof typeof errorCodes].exit
      : errorCodes.EXPORT_FAILED.exit;
  }
  if (outcomes.length === 0 && skipped.length > 0) return errorCodes.TARGET_UNWRITABLE.exit;
  const wellDone =
    outcomes.length > 0 && skipped.length === 0 && outcomes.every(({ warnings }) => warnings.length === 0);
  return wellDone ? 0 : errorCodes.FINISHED_WITH_WARNINGS.exit;
}
