/**
 * One snapshot into a copy, its keys before it, while no other job on this machine works on the account: prune and erasure
 * wait, in the copy as in the main store.
 */

import { awaitAccount, type LockWait } from '../account-lock.ts';
import { Erasures } from '../erasures.ts';
import type { Trust } from '../trust.ts';
import type { LackingKeys } from './copy-keys.ts';
import { copyOne, type FoundManifest, type SnapshotPath, siteOf } from './copy-one.ts';

export interface UnderLock {
  readonly stateDir: string;
  /** Null where there are none to bring. */
  readonly keys: LackingKeys | null;
  /** Whose erasures count; left out: everybody's. */
  readonly trust?: Trust | undefined;
  readonly wait: LockWait;
}

/**
 * As `copyOne`, but for what prune takes away as erased: that does not come.
 *
 * @throws ACCOUNT_LOCKED another job works on the account; and as `copyOne`
 */
export async function copyUnderLock(
  path: Omit<SnapshotPath, 'erasures'>,
  manifest: FoundManifest,
  { stateDir, keys, trust, wait }: UnderLock,
): Promise<'sure' | 'doubtful' | 'erased'> {
  const { source, target, now, signal } = path;
  const { owner } = manifest.listed;
  const lock = await awaitAccount(stateDir, owner, siteOf(manifest), wait);
  try {
    await keys?.bringOf(owner);
    // Asked anew for each: an erasure may come at any time.
    const [main, there] = [source, target].map((one) => new Erasures({ ...one, trust, signal }));
    if (await main!.letsGo(manifest.header, now())) return 'erased';
    const erasures = target.store.capabilities.putOnly ? [main!] : [main!, there!];
    return await copyOne({ ...path, erasures }, manifest);
  } finally {
    lock.release();
  }
}
