/**
 * What this server notes in its state before and after a snapshot is committed, for the next one.
 *
 * Before matters only where the store cannot be asked: an answer may get lost, or this process die. Afterwards nothing
 * may fail the account: its snapshot exists. What cannot be written is a warning, which only this run can show; the store
 * tells the next one all the same, and a store that does not is given a new lineage.
 */

import type { Warning } from '../../archive/manifest.ts';
import { doubtLineage, forgetLineage, formerOf, rememberLineage } from '../../state/lineages.ts';
import type { Measures } from '../../state/measures.ts';
import type { Snapshot } from '../catalog.ts';
import { lockNoteOf } from '../extend-locks.ts';
import { comparable } from '../findings/measures.ts';
import type { ComparedWith, ParentCache } from '../parents/parent-cache.ts';
import type { BackUpAccount } from './back-up-account.ts';
import type { OwnHistory } from './history.ts';

export interface Committed {
  readonly snapshot: Snapshot;
  readonly history: OwnHistory;
  readonly measures: Measures;
  /** Null for a full. */
  readonly comparedWith: ComparedWith | null;
  readonly cache: ParentCache;
}

/**
 * Says durably that a manifest is about to be put, until `noteCommitted` takes it back. A run that finds it begins a new
 * lineage with a full: its number may be taken, and what the last known snapshot has may be pruned by now.
 */
export async function noteCommitting({ addin, owner, stateDir }: BackUpAccount): Promise<void> {
  if (!addin.store.capabilities.putOnly) return;
  try {
    await doubtLineage(stateDir, addin.id, owner);
  } catch {
    // A full disk takes no note, but gives up a file; where it does neither, `noteCommitted` will say so.
    await forgetLineage(stateDir, addin.id, owner).catch(() => {});
  }
}

export const commitInDoubt: Warning = {
  code: 'no-usable-parent',
  component: 'account',
  message:
    'nobody knows whether the last commit of the account reached the store, which cannot be asked, so this one is a full that begins a new lineage',
};

/** What a snapshot says that does not follow on the last one this server made in the same store; null where there is nothing to say. */
export function lostHistory({ last, lost, remembered }: OwnHistory, storeId: string): Warning | null {
  if (lost === null || (remembered?.store ?? storeId) !== storeId) return null;
  const goesOn =
    lost.lineage === last?.lineage ? `follows on snapshot ${last.sequence}` : 'does not follow on it';
  const message = `snapshot ${lost.sequence}, the last that this server made of the account, is not in the store or cannot be read, so this one ${goesOn}; run \`holdfast verify\` before anything is pruned, unless the account was erased`;
  return {
    code: lost.lineage === last?.lineage ? 'last-missing' : 'new-lineage',
    component: 'account',
    message,
  };
}

/** The snapshot as it is committed, with a warning more where the state could not be written. */
export async function noteCommitted(
  { addin, owner, stateDir }: BackUpAccount,
  { snapshot, history, measures, comparedWith, cache }: Committed,
): Promise<Snapshot> {
  const { putOnly } = addin.store.capabilities;
  const { header, body } = snapshot;
  try {
    await cache.remember(snapshot, comparedWith);
    const own = [...history.items.map(({ id }) => id), header.id];
    const recent = comparable([...history.recent, measures]);
    const former = formerOf(history.remembered, header.lineage);
    const { foreign } = history;
    const locks = lockNoteOf(addin.store, header, history.remembered);
    const lineage = { last: header, store: header.store, former, own, foreign, recent, locks };
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
