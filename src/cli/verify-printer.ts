/** How `verify` tells what it found: a line for each snapshot and each problem, notes on what to do, and a summary. */

import type { SnapshotState } from '../core/archive/keys.ts';
import { errorCodes } from '../core/errors.ts';
import type { CompanionProblem } from '../core/jobs/companions.ts';
import type { VerifiedSnapshot, VerifyReport } from '../core/jobs/verify-types.ts';
import { printable } from '../core/printable.ts';
import type { VerifyDocument } from './documents/verify.ts';
import { failedLines } from './failed-paths.ts';
import { bytesText, plural } from './format.ts';
import { tellNewestLost } from './lost-lines.ts';
import type { Output } from './output.ts';

/** By key of the manifest, as listed. */
type States = ReadonlyMap<string, SnapshotState>;

export function tellReport(output: Output, report: VerifyReport, states: States): void {
  const told = new Set<string>();
  for (const one of report.snapshots) tellSnapshot(output, one, told);
  for (const { name, key } of report.snapshots) {
    if (name === null || states.get(key) !== 'partial') continue;
    output.note(`note: ${name} is partial; holdfast snapshots --json names what failed when it was made`);
  }
  for (const { snapshot, owner, message } of report.histories)
    output.line(`${snapshot ?? owner}: ${message}`);
  if (report.pruned > 0)
    output.note(`note: prune removed ${plural(report.pruned, 'snapshot')} meanwhile; left out`);
}

/** @param told what some snapshot has lost, whose paths were shown with that one */
function tellSnapshot(
  output: Output,
  { name, key, locked, erased, lost, problems }: VerifiedSnapshot,
  told: Set<string>,
): void {
  const gone = lost === undefined ? '' : `, marked by repair: ${plural(lost, 'path')} lost`;
  const how = erased === true ? 'erased' : `ok${locked ? ', locked' : ''}${gone}`;
  if (problems.length === 0) output.info(`${name ?? key}  ${how}`);
  else output.line(`${name ?? key}  ${plural(problems.length, 'problem')}`);
  for (const { object, component, message } of problems.filter(({ path }) => path === null)) {
    const place = [component, object !== null && message.includes(object) ? null : object]
      .filter((part) => part !== null)
      .map((part) => printable(part, 4096));
    output.line(`  ${[...place, message].join(': ')}`);
  }
  const paths = problems.flatMap(({ path, message }) => (path === null ? [] : [{ path, message }]));
  for (const line of failedLines(paths, told)) output.line(`  ${line}`);
}

export function tellCompanions(output: Output, beside: readonly CompanionProblem[]): void {
  for (const { message } of beside) output.line(message);
  if (beside.length > 0) output.note(`note: run ${companionAdvice}`);
}

const companionAdvice =
  'holdfast backup with credentials that may write, which puts it right; until then take rescue.py from the package';

/** How the command was given, for the one that goes on from it. */
interface Asked {
  readonly addin: string | undefined;
  readonly copy: string | undefined;
  readonly readData: boolean;
}

/** Kinds of breaks in histories of which a copy may have what is gone. */
const fetchedByRepair: ReadonlySet<string> = new Set(['key', 'gap', 'lost']);

/** How more could be checked, and what can be done about what is wrong. */
export function tellNext(output: Output, report: VerifyReport, asked: Asked): void {
  const closed = report.snapshots.filter(({ locked }) => locked).length;
  if (closed > 0) {
    const checked = asked.readData
      ? 'stored bytes were'
      : 'that stored objects are there, and their sizes, was';
    output.note(
      `note: ${plural(closed, 'snapshot')} locked: only ${checked} checked; give --identity FILE to check contents`,
    );
  }
  tellNewestLost(output, report);
  const hint = repairHint(report.exitStatus, asked);
  const mayBeFetched = report.histories.some(({ kind }) => fetchedByRepair.has(kind));
  if (hint !== null && (badIn(report) > 0 || mayBeFetched)) output.note(`hint: ${hint}`);
}

/** Null where nothing is damaged or missing. */
function repairHint(exitStatus: number, { addin, copy, readData }: Asked): string | null {
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

const badIn = ({ snapshots }: VerifyReport): number =>
  snapshots.filter(({ problems }) => problems.length > 0).length;

/** @param took how long, in words */
export function summaryOf(report: VerifyReport, beside: readonly CompanionProblem[], took: string): string {
  const bad = badIn(report);
  const problems = [
    ...(bad > 0 ? [`${plural(bad, 'snapshot')} with problems`] : []),
    ...(report.histories.length > 0 ? [`${plural(report.histories.length, 'break')} in histories`] : []),
    ...(beside.length > 0 ? [`${plural(beside.length, 'file')} for a restore without Holdfast`] : []),
  ];
  const verdict = problems.length === 0 ? 'no problem' : problems.join(', ');
  const what = `${plural(report.snapshots.length, 'snapshot')}, ${plural(report.objectsChecked, 'object')}`;
  return `${what}, ${bytesText(report.bytesRead)} read in ${took}: ${verdict}`;
}

export function describeReport(
  report: VerifyReport,
  states: States,
): Pick<VerifyDocument, 'objectsChecked' | 'bytesRead' | 'pruned' | 'snapshots' | 'histories'> {
  const { objectsChecked, bytesRead, pruned } = report;
  return {
    objectsChecked,
    bytesRead,
    pruned,
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
  };
}
