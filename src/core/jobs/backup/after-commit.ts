/**
 * What this server notes in its state once a snapshot is committed, for the next one.
 *
 * From here on nothing may fail the account: its snapshot exists. What cannot be written is a warning, which only this
 * run can show; the store tells the next one all the same, and a store that does not is given a new lineage.
 */

import type { Warning } from '../../archive/manifest.ts';
import { forgetLineage, rememberLineage } from '../../state/lineages.ts';
import type { Measures } from '../../state/measures.ts';
import type { Snapshot } from '../catalog.ts';
import { compared } from '../findings/measures.ts';
import type { ParentCache } from '../parents/parent-cache.ts';
import type { BackUpAccount } from './back-up-account.ts';
import type { OwnHistory } from './history.ts';

export interface Committed {
  readonly snapshot: Snapshot;
  readonly history: OwnHistory;
  readonly measures: Measures;
  readonly cache: ParentCache;
}

/** The snapshot as it is committed, with a warning more where the state could not be written. */
export async function noteCommitted(
  { addin, owner, stateDir }: BackUpAccount,
  { snapshot, history, measures, cache }: Committed,
): Promise<Snapshot> {
  const { putOnly } = addin.store.capabilities;
  const { header, body } = snapshot;
  try {
    await cache.remember(snapshot);
    const own = [...history.items.map(({ id }) => id), header.id];
    const recent = [...history.recent, measures].slice(-compared);
    const lineage = { last: header, own, foreign: history.foreign, recent };
    await rememberLineage(stateDir, addin.id, owner, lineage, putOnly);
    return snapshot;
  } catch (error) {
    let next = '';
    if (putOnly) {
      // A sequence that is used twice would pass for an older state of the account.
      const forgotten = await Promise.all([cache.forget(), forgetLineage(stateDir, addin.id, owner)])
        .then(() => true)
        .catch(() => false);
      next = forgotten
        ? '; the next one is a full that begins a new lineage'
        : `; remove lineages/${addin.id}/${owner}.json and parents/${addin.id}/${owner} there before the next one`;
    }
    const message = `the snapshot is committed, but the state directory could not be written: ${(error as Error).message}${next}`;
    const warning: Warning = { code: 'state-not-written', component: 'account', message };
    const warningCounts = { ...body.warningCounts, [warning.code]: 1 };
    return { ...snapshot, body: { ...body, warnings: [...body.warnings, warning], warningCounts } };
  }
}
