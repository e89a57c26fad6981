/**
 * Shows a backup as it goes: a bar on a terminal, a line for each account as it ends, and a summary; or
 * the document of `--json` at the end.
 */

import { errorCodes, type HoldfastError } from '../core/errors.ts';
import type { AccountOutcome, BackUpEvent, BackUpReport } from '../core/jobs/backup/back-up.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import type { CopyReport } from '../core/jobs/copy/report.ts';
import type { CopyEvent } from '../core/jobs/copy/types.ts';
import { printable } from '../core/printable.ts';
import type { BackupDocument } from './documents/backup.ts';
import { describeSnapshot } from './documents/snapshot.ts';
import { warnedPlace } from './entry-view.ts';
import { bytesText, countText, durationText, plural } from './format.ts';
import type { Output } from './output.ts';
import type { Progress } from './progress.ts';
import type { PrunedStore } from './runs/upkeep.ts';
import { shownComponent } from './shown-component.ts';

interface Dependencies {
  readonly output: Output;
  readonly progress: Progress;
  readonly now: () => number;
  readonly total: number;
}

/** Of one copy; the document has them all. */
const shownFailures = 20;
/** Of one account, shared out among the codes, so that many of one kind hide none of another; the log of the run has more. */
const shownWarnings = 10;

export class BackUpPrinter {
  readonly #parts: Dependencies;
  /** When each account under way began, and how far it is; null where nobody knows. */
  readonly #underWay = new Map<string, { readonly startedAtMs: number; share: number | null }>();
  #bytes = 0;
  #done = 0;
  #sent = 0;
  /** Snapshots that each copy lacked, at most. */
  readonly #lacking = new Map<string, number>();
  readonly #totals = { snapshots: 0, fulls: 0, partial: 0, failed: 0, warnings: 0, bytes: 0, stored: 0 };
  /** For the document alone. */
  readonly #snapshots: BackupDocument['snapshots'][number][] = [];
  readonly #failed: BackupDocument['failed'][number][] = [];

  constructor(parts: Dependencies) {
    this.#parts = parts;
  }

  event(event: BackUpEvent): void {
    if (event.type === 'started')
      this.#underWay.set(event.site, { startedAtMs: this.#parts.now(), share: null });
    if (event.type === 'bytes') this.#read(event);
    if (event.type === 'ended') this.#ended(event.outcome);
    if (event.type === 'waiting') this.#waiting(event.sites);
    if (event.type === 'unkept')
      this.#parts.output.note(`warning: the state could not be written: ${printable(event.message, 500)}`);
    const { total, progress } = this.#parts;
    const sites = [...this.#underWay.keys()].map((site) => printable(site, 40)).join(', ');
    const detail = `${this.#done}/${total} accounts  ${sites}`;
    progress.show({ share: this.#share(), bytes: this.#bytes, detail });
  }

  #read({ site, bytes, share }: Extract<BackUpEvent, { type: 'bytes' }>): void {
    this.#bytes += bytes;
    const account = this.#underWay.get(site);
    if (account !== undefined) account.share = share;
  }

  /** Each account counts as one, and those under way as far as they are. */
  #share(): number | null {
    const shares = [...this.#underWay.values()].map(({ share }) => share);
    const { total } = this.#parts;
    if (total === 1 && this.#done === 0 && shares.every((share) => share === null)) return null;
    return shares.reduce<number>((sum, share) => sum + (share ?? 0), this.#done) / total;
  }

  #waiting(sites: readonly string[]): void {
    const shown = sites.slice(0, shownFailures).map((site) => printable(site, 40));
    const more = sites.length > shown.length ? ` and ${sites.length - shown.length} more` : '';
    this.#parts.output.note(`note: waiting for other jobs to be done with ${shown.join(', ')}${more}`);
  }

  copyEvent(event: CopyEvent): void {
    const { progress } = this.#parts;
    if (event.type === 'sent') {
      const { copy, bytes, lacking } = event;
      this.#sent += bytes;
      const most = Math.max(this.#lacking.get(copy) ?? 0, lacking);
      this.#lacking.set(copy, most);
      // Of a single one nobody knows how far it is.
      const share = most > 1 ? 1 - lacking / most : null;
      progress.show({ share, bytes: this.#sent, detail: `copying to ${copy}` });
    } else this.#copied(event.report);
  }

  close(): void {
    this.#parts.progress.close();
  }

  report(
    report: BackUpReport,
    about: {
      addin: string;
      server: string;
      unmatched: readonly string[];
      copies: readonly CopyReport[];
      pruned: readonly PrunedStore[];
      pastElsewhere: readonly string[];
      upkeepProblems: readonly string[];
      hookProblems: readonly string[];
    },
  ): void {
    this.close();
    const { output } = this.#parts;
    const { snapshots, fulls, partial, failed, warnings, bytes, stored } = this.#totals;
    const kinds = Object.entries({ full: fulls, partial }).filter(([, count]) => count > 0);
    const of = kinds.map(([what, count]) => `${countText(count)} ${what}`);
    const parts = [
      `${plural(snapshots, 'snapshot')}${of.length > 0 ? ` (${of.join(', ')})` : ''}`,
      ...(failed > 0 ? [`${failed} failed`] : []),
      sizes(bytes, stored),
      ...(warnings > 0 ? [plural(warnings, 'warning')] : []),
      durationText(report.endedAtMs - report.startedAtMs),
    ];
    output.info(`run ${report.runId}: ${parts.join(', ')}`);
    if (report.exitStatus === errorCodes.INTERRUPTED.exit) output.note('holdfast: interrupted');
    output.document<BackupDocument>({
      run: report.runId,
      addin: about.addin,
      server: about.server,
      startedAt: new Date(report.startedAtMs).toISOString(),
      endedAt: new Date(report.endedAtMs).toISOString(),
      exitStatus: report.exitStatus,
      snapshots: this.#snapshots,
      failed: this.#failed,
      unmatched: [...about.unmatched],
      copies: about.copies.map(({ failures, error, ...copy }) => ({
        name: copy.name,
        copied: copy.copied,
        bytes: copy.bytes,
        untrusted: copy.untrusted,
        lacking: copy.lacking,
        deniedEvents: copy.deniedEvents,
        failures: failures.map((one) => ({ snapshot: one.snapshot, error: describeError(one.error) })),
        error: error === null ? null : describeError(error),
      })),
      pruned: about.pruned.map((one) => ({ ...one })),
      pastElsewhere: [...about.pastElsewhere],
      upkeepProblems: [...about.upkeepProblems],
      hookProblems: [...about.hookProblems],
    });
  }

  #copied({ name, copied, bytes, untrusted, lacking, deniedEvents, failures, error }: CopyReport): void {
    const { output } = this.#parts;
    if (deniedEvents > 0) {
      const what = `${plural(deniedEvents, 'event')} of pins and legal holds`;
      output.note(`warning: copy ${name}: ${what} did not reach it, since its credentials take none`);
    }
    if (untrusted > 0) {
      const left = `${plural(untrusted, 'snapshot')} left out, which nobody signed who is trusted here`;
      output.note(`note: copy ${name}: ${left}; see holdfast verify`);
    }
    const sent = `${plural(copied, 'snapshot')} copied, ${bytesText(bytes)}`;
    if (error === null) {
      output.info(`copy ${name}  complete  ${sent}`);
      return;
    }
    output.line(`copy ${name}  failed  ${sent}${lacking === null ? '' : `, ${countText(lacking)} lacking`}`);
    for (const { snapshot, error: why } of failures.slice(0, shownFailures)) {
      output.line(`  ${printable(snapshot, 4096)}: ${why.code}: ${why.message}`);
      if (why.hint !== undefined) output.line(`    hint: ${why.hint}`);
    }
    if (failures.length > shownFailures) {
      output.line(`  and ${countText(failures.length - shownFailures)} more`);
    }
    output.line(`  ${error.code}: ${error.message}`);
    if (error.hint !== undefined) output.line(`  hint: ${error.hint}`);
  }

  #ended({ account, snapshot, error }: AccountOutcome): void {
    const { output, now } = this.#parts;
    const startedAtMs = this.#underWay.get(account.site)?.startedAtMs ?? now();
    this.#underWay.delete(account.site);
    this.#done += 1;
    const name = `${printable(account.site)}  ${printable(account.domain ?? '-')}`;
    const took = durationText(now() - startedAtMs);
    if (snapshot === null) {
      this.#totals.failed += 1;
      const { site, domain } = account;
      if (output.json) this.#failed.push({ account: site, domain, error: describeError(error) });
      output.line(`${name}  failed  ${took}`);
      output.line(`  ${error.code}: ${error.message}`);
      if (error.hint !== undefined) output.line(`  hint: ${error.hint}`);
      return;
    }
    const { state, level } = snapshot.header;
    const warnings = warningsOf(snapshot.body.warningCounts);
    const item = describeSnapshot(snapshot);
    if (output.json) this.#snapshots.push(item);
    this.#totals.snapshots += 1;
    this.#totals.partial += state === 'partial' ? 1 : 0;
    this.#totals.warnings += warnings;
    this.#totals.bytes += item.bytes;
    this.#totals.stored += item.storedBytes;
    this.#totals.fulls += level === 'full' ? 1 : 0;
    const parts = [name, level, state, sizes(item.bytes, item.storedBytes), plural(item.entries, 'entry')];
    if (warnings > 0) parts.push(plural(warnings, 'warning'));
    const line = [...parts, took].join('  ');
    if (state === 'complete') output.info(line);
    else output.line(line);
    for (const reason of failuresOf(snapshot)) output.line(`  ${reason}`);
    const findings = snapshot.body.findings ?? [];
    for (const { code, message } of findings) output.line(`  looks wrong: ${code}: ${message}`);
    for (const line of warningLines(snapshot.body)) output.info(`  warning: ${line}`);
  }
}

/** What there is, and what it took to keep it. */
const sizes = (bytes: number, stored: number): string => `${bytesText(bytes)}, ${bytesText(stored)} stored`;

const describeError = ({ code, message, hint }: HoldfastError) => ({ code, message, hint: hint ?? null });

const warningsOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Where each is, and what. Findings are told by themselves. */
function warningLines({ warnings, warningCounts, findings = [] }: Snapshot['body']): string[] {
  const codes = Object.keys(warningCounts).filter((code) => findings.every((one) => one.code !== code));
  const most = Math.max(1, Math.floor(shownWarnings / codes.length));
  return codes.flatMap((code) => {
    const first = warnings.filter((one) => one.code === code).slice(0, most);
    const more = (warningCounts[code] ?? 0) - first.length;
    return [
      ...first.map((one) => `${code}: ${warnedPlace(one)}: ${printable(one.message, 500)}`),
      ...(more > 0 ? [`${code}: and ${countText(more)} more`] : []),
    ];
  });
}

function failuresOf({ body }: Snapshot): string[] {
  return body.components.flatMap((component) => {
    const { error } = component;
    if (error === undefined) return [];
    const line = `${shownComponent(component)} failed: ${error.code}: ${error.message}`;
    return error.hint === undefined ? [line] : [line, `hint: ${error.hint}`];
  });
}
