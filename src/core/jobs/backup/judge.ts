/**
 * The numbers of a snapshot that is about to be committed, and what looks wrong about them.
 */

import type { ManifestBody } from '../../archive/manifest.ts';
import type { Finding, SnapshotStatistics } from '../../archive/statistics.ts';
import type { Measures } from '../../state/measures.ts';
import { anew, type Former } from '../findings/anew.ts';
import { type DatabaseNote, newNotes, notesToKeep } from '../findings/database-notes.ts';
import { changedExclusions } from '../findings/exclusions.ts';
import { findingsOf } from '../findings/findings.ts';
import { measuresOf, statisticsOf } from '../findings/measures.ts';
import type { CapturedTrees } from './capture-trees.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';
import type { WarningList } from './warnings.ts';

export interface Judged {
  readonly statistics: SnapshotStatistics;
  readonly findings: readonly Finding[];
  readonly measures: Measures;
}

/** Call it when all is stored. Findings become warnings as well, and so do notes that are new. */
export function judge(
  snapshot: {
    readonly id: string;
    readonly state: 'complete' | 'partial';
    readonly components: ManifestBody['components'];
    readonly exclusions: ManifestBody['exclusions'];
    /** Snapshots since the one it refers to, itself included. */
    readonly steps: number;
    /** Of the snapshots before it, oldest first. */
    readonly recent: readonly Measures[];
    readonly former: Former | null;
  },
  captured: {
    readonly trees: CapturedTrees;
    readonly notes: readonly DatabaseNote[];
    readonly writer: SnapshotWriter;
    readonly warnings: WarningList;
  },
): Judged {
  const { trees, notes, writer, warnings } = captured;
  const stored = writer.objects
    .filter(({ kind }) => kind !== 'index')
    .reduce((sum, { size }) => sum + size, 0);
  const takenOver = writer.takenOver
    .flatMap(({ frames }) => frames)
    .reduce((sum, { plain }) => sum + plain, 0);
  const newBytes = trees.counts.tarBytes + takenOver + writer.exportedBytes;
  const statistics = statisticsOf(trees.changes, newBytes, stored);
  const { components, exclusions, former } = snapshot;
  const recent = [...(former?.recent ?? []), ...snapshot.recent];
  const measured = { components, exclusions, counts: trees.counts, statistics };
  const newest = measuresOf(snapshot, measured, snapshot.steps);
  const findings = [
    ...anew(newest, former),
    ...findingsOf(newest, recent),
    ...changedExclusions(newest, recent.at(-1)),
  ];
  for (const { code, message } of findings) warnings.add({ code, component: 'account', message });
  const before = recent.at(-1);
  for (const warning of newNotes(notes, before)) warnings.add(warning);
  const exports = components.filter((one) => one.type === 'database');
  const kept = notesToKeep(notes, exports, before);
  const measures = measuresOf(snapshot, { ...measured, findings }, snapshot.steps);
  return { statistics, findings, measures: { ...measures, ...(kept.length === 0 ? {} : { notes: kept }) } };
}
