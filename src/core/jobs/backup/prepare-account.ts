/**
 * What a snapshot of one account is made from: its history, its key, the plan, and the parent it refers to.
 *
 * Nothing of the account has been read by then but names, and nothing but its key has been stored.
 */

import type { Tree } from '../../contracts/panel.ts';
import type { OwnerEpoch } from '../../encryption/owner-keys.ts';
import { type Former, readFormer } from '../findings/anew.ts';
import type { ParentCache } from '../parents/parent-cache.ts';
import type { BackUpAccount } from './back-up-account.ts';
import { type ChosenParent, chooseParent } from './choose-parent.ts';
import { commitInDoubt } from './commit-notes.ts';
import { type OwnHistory, ownHistory } from './history.ts';
import { levelDue } from './level-due.ts';
import { refuseOwn } from './own-directories.ts';
import { accountKeys } from './owner-epoch.ts';
import { PutGaps } from './put-gaps.ts';
import { type RefusedTree, refuseRawData } from './raw-data.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import { type TakeOver, takeOver } from './take-over.ts';
import { WarningList } from './warnings.ts';

export interface PreparedAccount {
  /** Where it fails, so does the writer. */
  readonly reading: Promise<OwnHistory>;
  /** Of the key that everything is encrypted to; null where it is stored plain. */
  readonly epoch: OwnerEpoch | null;
  readonly writer: SnapshotWriter;
  readonly warnings: WarningList;
  readonly trees: readonly Tree[];
  /** The other trees of the account, which must not be captured. */
  readonly refused: readonly RefusedTree[];
  /** Null for a full. Whoever captures the account removes it. */
  readonly parent: ChosenParent | null;
  readonly left: TakeOver;
  readonly former: Former | null;
}

interface Parents {
  readonly cache: ParentCache;
  /** The provider makes snapshots that refer to others. */
  readonly refers: boolean;
}

/** @throws RECIPIENTS_UNUSABLE, STORE_DENIED, STORE_UNAVAILABLE, OBJECT_DAMAGED there can be no backup now */
export async function prepareAccount(
  request: BackUpAccount,
  { cache, refers }: Parents,
): Promise<PreparedAccount> {
  const { addin, account, world, server, owner, stateDir, trust, signal } = request;
  const nowMs = world.now();
  const reading = ownHistory(request, cache);
  const keys = await accountKeys(request, reading);
  // Snapshots that refer to none need it when they are committed: a far store answers meanwhile.
  const { items, inDoubt } = refers ? await reading : { items: [], inDoubt: false };
  const epoch = keys?.epoch ?? null;
  const plan = await addin.provider.plan({
    owner,
    requested: levelDue(request, items),
    history: items.map((item) => ({ ...item, manifestKey: item.key })),
    nowMs,
    signal,
  });
  const objectId = world.newObjectId();
  const writer = new SnapshotWriter({ server, owner, objectId, epoch }, addin.provider, signal);
  if (addin.store.capabilities.putOnly) writer.gaps = new PutGaps(world.now);
  reading.catch((error: unknown) => writer.fail(error));
  const warnings = new WarningList();
  if (inDoubt) warnings.add(commitInDoubt);
  const apart = refuseOwn(account.trees, request.own ?? []);
  const { trees, refused } = refuseRawData({ ...account, trees: apart.trees });
  const checksum = request.checksum === true;
  const given = { addin, plan, reading, trees, stateDir, trust, cache, keys, checksum, warnings, signal };
  const former = await readFormer(request, request.former ?? null);
  const parent = await chooseParent(given);
  writer.nextNumber = parent?.nextNumber ?? 0;
  const left = await takeOver(writer, parent, { ...request, nowMs }).catch((error: unknown) => {
    parent?.remove();
    throw error;
  });
  if (account.problem !== null) {
    warnings.add({ code: 'panel-problem', component: 'account', message: account.problem });
  }
  const apartFrom = [...apart.refused, ...refused];
  return { reading, epoch, writer, warnings, trees, refused: apartFrom, parent, left, former };
}
