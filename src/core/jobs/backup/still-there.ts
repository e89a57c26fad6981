/**
 * Whether all that a snapshot refers to is still in the store when it is committed: a prune on another machine, which
 * no lock of ours stops, removes what no manifest names once the store has had it for a day.
 *
 * Before the manifest, so that none is listed that cannot be restored. After it once more where a prune may have been
 * about to remove something: from then on it sees the manifest and spares what that names.
 *
 * A store that only takes puts cannot be asked, and gives nothing back. There the clock tells whether a prune may have taken
 * what was put for left over: see `PutGaps`. What is referred to is safe, since only the newest snapshot is.
 */

import { HoldfastError, isHoldfastError } from '../../errors.ts';
import type { Snapshot } from '../catalog.ts';
import { goneAmong, safeAgeMs } from '../gone-objects.ts';
import type { BackUpAccount } from './back-up-account.ts';
import type { PutGaps } from './put-gaps.ts';
import type { SnapshotWriter } from './snapshot-writer.ts';
import type { TakeOver } from './take-over.ts';

export interface Referred {
  readonly writer: SnapshotWriter;
  /** Before the first object of the snapshot was put. */
  readonly startedAtMs: number;
  readonly parent: Snapshot | null;
  /** Prune always leaves the newest of an account. */
  readonly parentIsNewest: boolean;
  readonly left: TakeOver;
}

export interface StillThere {
  /** @throws CHAIN_BROKEN nothing is to be committed */
  before(): Promise<void>;
  /**
   * @throws CHAIN_BROKEN the manifest was taken back, or no next one is to follow on it
   * @throws STORE_DENIED, STORE_UNAVAILABLE it could not be taken back
   */
  after(manifestKey: string): Promise<void>;
}

export function stillThere(
  { addin: { store }, world, signal }: BackUpAccount,
  { writer, startedAtMs, parent, parentIsNewest, left }: Referred,
): StillThere {
  if (writer.gaps !== null) return byTheClock(writer.gaps);
  const isLong = (): boolean => world.now() - startedAtMs > safeAgeMs;
  const check = async (): Promise<void> => {
    if (parent !== null && (await store.head({ key: parent.key, signal })) === null) throw gone(parent);
    await left.check();
    if (!isLong()) return;
    const [removed] = await goneAmong(writer.objects, { store, signal });
    if (removed !== undefined) throw tooSlow(removed);
  };
  return {
    before: check,
    async after(key) {
      if ((parent === null || parentIsNewest) && writer.takenOver.length === 0 && !isLong()) return;
      try {
        await check();
      } catch (error) {
        // Of a store that does not answer nothing new is known: a moment ago all was there.
        if (!isHoldfastError(error) || error.code !== 'CHAIN_BROKEN') return;
        await store.remove({ key, signal: new AbortController().signal });
        throw error;
      }
    },
  };
}

/** After the manifest as well: its put may have slept. Then the doubt that was noted before it stays. */
function byTheClock(gaps: PutGaps): StillThere {
  const check = async (what: string, hint: string): Promise<void> => {
    if (gaps.longestMs < safeAgeMs) return;
    const message = `for half a day nothing was stored, so what had been stored of ${what} may be pruned by now`;
    throw new HoldfastError('CHAIN_BROKEN', message, { hint });
  };
  return {
    before: () => check('this snapshot, which was not committed,', again),
    after: (key) => check(`${key}, which cannot be taken back,`, anew),
  };
}

const again =
  'Run the backup again; it stores all anew. Where the machine did not sleep, let no single object take half a day: raise the limit of bandwidth, or leave out what is so large.';
const anew =
  'Run the backup again; it will be a full that begins a new lineage. `holdfast verify` where credentials can read tells whether that snapshot is whole.';

const gone = ({ name }: Snapshot): HoldfastError =>
  new HoldfastError('CHAIN_BROKEN', `snapshot ${name} was removed while this one referred to it`, {
    hint: 'Run the backup of this account again; it will find another parent or make a full.',
  });

const tooSlow = (key: string): HoldfastError =>
  new HoldfastError('CHAIN_BROKEN', `object ${key} of this snapshot was removed before it was committed`, {
    hint: 'Run the backup again, and let no single object take a day: raise the limit of bandwidth, or leave out what is so large.',
  });
