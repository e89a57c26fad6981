/**
 * Damaged revisions of a snapshot of which another one is whole and trusted: those above that, which readers pass over, and those
 * below, which prune cannot judge.
 */

import { isHoldfastError } from '../../errors.ts';
import { type AnySnapshot, type ListedSnapshot, readSoundSnapshot } from '../catalog.ts';
import { hasLost } from '../has-lost.ts';
import type { RepairRequest } from './types.ts';

export interface DamagedManifest {
  readonly listed: ListedSnapshot;
  readonly problem: string;
  /** A whole one has taken its place, and prune removes it. */
  readonly isReplaced?: true;
}

const mayHaveMore =
  '; it may name what the one below it says is lost: remove it where no copy is to come back that has it';
const planted =
  '; its number does not follow on those of the others, so somebody may have put it there: remove it where no copy is to come back that has it';

export interface DamagedAbove {
  readonly found: readonly DamagedManifest[];
  /** Keys of them where a new revision would stand above them all, and nothing there is of a newer release. */
  readonly above: readonly string[];
}

export function damagedAbove(listed: ListedSnapshot, snapshot: AnySnapshot): DamagedAbove {
  const { passedOver = [] } = snapshot;
  const all = [listed, ...(listed.earlier ?? [])];
  const taken = new Set(all.map(({ revision }) => revision));
  let next = snapshot.header.revision + 1;
  while (taken.has(next)) next += 1;
  const unread = passedOver
    .filter(({ code }) => code !== 'SNAPSHOT_UNTRUSTED')
    .map((one) => ({ ...one, listed: all.find(({ key }) => key === one.key)! }));
  const isOurs = ({ code, listed: { revision } }: (typeof unread)[number]): boolean =>
    code === 'OBJECT_DAMAGED' && revision < next;
  const found = unread.map((one) => {
    const { code, message } = one;
    if (code !== 'OBJECT_DAMAGED') return { listed: one.listed, problem: message };
    const end = isOurs(one) ? (hasLost(snapshot) ? mayHaveMore : '') : planted;
    return { listed: one.listed, problem: message + end };
  });
  return { found, above: unread.every(isOurs) ? unread.map(({ key }) => key) : [] };
}

/** What they need nobody knows, so prune removes no object meanwhile. */
export async function damagedBelow(
  { provider, trust, signal }: RepairRequest,
  listed: ListedSnapshot,
  snapshot: AnySnapshot,
): Promise<readonly DamagedManifest[]> {
  const { key, passedOver = [] } = snapshot;
  const known = new Set([key, ...passedOver.map((one) => one.key)]);
  const found: DamagedManifest[] = [];
  for (const one of [listed, ...(listed.earlier ?? [])]) {
    if (known.has(one.key)) continue;
    try {
      await readSoundSnapshot(provider, { ...one, earlier: [] }, signal, trust);
    } catch (error) {
      if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
      // What is not there any more prune has let go.
      if (error.code !== 'OBJECT_DAMAGED') continue;
      const { message } = error;
      found.push(
        hasLost(snapshot)
          ? { listed: one, problem: `${message}; a later revision is whole, so it may be removed` }
          : {
              listed: one,
              problem: `${message}; a later revision has everything, and prune removes this one`,
              isReplaced: true,
            },
      );
    }
  }
  return found;
}
