/** What `holdfast prune` tells, to people and as a document. */

import type { PrunedSnapshot, PruneReport } from '../core/jobs/prune/types.ts';
import { printable } from '../core/printable.ts';
import type { CliContext } from './command.ts';
import type { PruneDocument } from './documents/prune.ts';
import { bytesText, countText, plural } from './format.ts';

const columns = [{ title: 'ID' }, { title: 'ACTION' }, { title: 'WHY', shrinks: true }] as const;

const actionOf = ({ keep, removed }: PrunedSnapshot): string =>
  keep ? 'keep' : removed ? 'removed' : 'remove';

/** On snapshots of configurations that are gone or have another name now: no retention reaches them. */
export const ownerless = (
  { others }: Pick<PruneReport, 'others'>,
  { addins }: { readonly addins: readonly { readonly name: string }[] },
): string[] =>
  [...others]
    .filter(([name]) => !addins.some((one) => one.name === name))
    .map(
      ([name, count]) =>
        `note: ${plural(count, 'snapshot')} of "${printable(name)}", which no addin configuration is called: no retention is for them, and no copy; docs/recovery.md says what to do`,
    );

/** Where prune refuses, or another job is in the way, what was to go stays. Exported for its test. */
export const countGoing = (snapshots: PruneReport['snapshots'], applied: boolean): number =>
  snapshots.filter(({ keep, removed }) => (applied ? removed : !keep)).length;

export function printPrune({ output }: CliContext, report: PruneReport, applied: boolean): void {
  output.table(
    columns,
    report.snapshots.map((one) => [one.snapshot.name, actionOf(one), one.reasons.join('; ')]),
  );
  for (const { message, hint } of report.refusals) {
    output.note(`prune refuses: ${message}`);
    output.note(`hint: ${hint}`);
  }
  for (const { site, message, accepted } of report.gaps) {
    const what = accepted ? 'accepted as lost' : applied ? 'not accepted yet' : 'would be accepted as lost';
    output.note(`note: ${printable(site)}: ${printable(message, 4096)}: ${what}`);
  }
  for (const key of report.unknown.first) output.note(`note: not ours, left alone: ${printable(key, 1024)}`);
  const more = report.unknown.count - report.unknown.first.length;
  if (more > 0) output.note(`note: and ${plural(more, 'key')} more`);
  for (const site of report.locked)
    output.note(`note: another job is working on ${printable(site)}; left for the next run`);
  for (const site of report.unfinished)
    output.note(`note: an hour was not enough for ${printable(site)}; the rest is left for the next run`);
  if (report.untrusted > 0) {
    const what = `${plural(report.untrusted, 'snapshot')}: not trusted, so neither removed nor counted`;
    output.note(
      `note: ${what}; holdfast verify names them, "trustedSigners" in config.json trusts their signer`,
    );
  }
  if (report.untrustedEvents > 0) {
    output.note(
      `note: ${plural(report.untrustedEvents, 'event')}: not trusted, so not counted; holdfast verify names them`,
    );
  }
  if (report.kept.ends !== null) {
    const [first, last] = report.kept.ends.map((end) => instantOf(end)?.slice(0, 16));
    const what = `${plural(report.kept.count, 'object')}, ${bytesText(report.kept.bytes)}`;
    output.note(
      `note: locked by the store, kept: ${what}; the first goes after ${first}Z, the last after ${last}Z`,
    );
  }
  if (report.denied > 0) output.note(`holdfast: not allowed to remove ${plural(report.denied, 'object')}`);
  const going = countGoing(report.snapshots, applied);
  const objects = `${plural(report.objects.count, 'object')} of ${bytesText(report.objects.bytes)}`;
  const all = report.snapshots.length;
  const left = all - going;
  const kept = `${countText(left)} of ${plural(all, 'snapshot')} ${left === 1 ? 'stays' : 'stay'}`;
  const { count } = report.waiting;
  const young =
    count === 0 ? '' : `; ${plural(count, 'object')} younger than a day ${count === 1 ? 'waits' : 'wait'}`;
  if (applied) {
    const gone = `${countText(report.removed.count)} manifests and objects, ${bytesText(report.removed.bytes)}`;
    output.info(`removed ${gone}; ${kept}${young}`);
  } else {
    output.info(`${plural(going, 'snapshot')} and ${objects} would go; ${kept}${young}; nothing was changed`);
    if (going + report.objects.count > 0)
      output.info('the clocks of this machine and of the store were not compared: --apply does that first');
  }
}

const instantOf = (atMs: number | undefined): string | null =>
  atMs === undefined ? null : new Date(atMs).toISOString();

export function describePrune(
  report: PruneReport,
  about: Pick<PruneDocument, 'addin' | 'server' | 'applied'>,
): PruneDocument {
  const { refusals, objects, removed, waiting, kept, denied, locked, unfinished, unknown, exitStatus } =
    report;
  return {
    ...about,
    exitStatus,
    snapshots: report.snapshots.map(({ owner, site, snapshot, keep, reasons, removed: gone }) => ({
      id: snapshot.name,
      account: site,
      owner,
      sequence: snapshot.sequence,
      level: snapshot.level,
      state: snapshot.state,
      startedAt: new Date(snapshot.atMs).toISOString(),
      action: keep ? 'keep' : 'remove',
      removed: gone,
      reasons: [...reasons],
    })),
    refusals: refusals.map((one) => ({ ...one })),
    gaps: report.gaps.map((one) => ({ ...one, message: printable(one.message, 4096) })),
    objects: { ...objects },
    removed: { ...removed },
    waiting: { ...waiting },
    untrusted: report.untrusted,
    untrustedEvents: report.untrustedEvents,
    kept: {
      count: kept.count,
      bytes: kept.bytes,
      firstEndsAt: instantOf(kept.ends?.[0]),
      lastEndsAt: instantOf(kept.ends?.[1]),
    },
    denied,
    locked: [...locked],
    unfinished: [...unfinished],
    unknownKeys: { count: unknown.count, first: unknown.first.map((key) => printable(key, 1024)) },
  };
}
