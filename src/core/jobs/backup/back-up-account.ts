/**
 * One snapshot of one account: exports, trees, index, and last of all the manifest.
 *
 * Either a manifest is committed, and then every object it names is durable, or nothing exists but
 * unreferenced objects. The caller holds the account's lock.
 */

import type { Warning } from '../../archive/components.ts';
import type { AddinRef } from '../../archive/manifest.ts';
import type { Signer } from '../../archive/seal.ts';
import type { DatabaseEngine } from '../../contracts/database.ts';
import type { Account } from '../../contracts/panel.ts';
import type { RequestedLevel } from '../../contracts/provider.ts';
import type { OpenAddin } from '../addin.ts';
import type { CapturePool } from '../capture/pool.ts';
import type { Snapshot } from '../catalog.ts';
import { extendLocks } from '../extend-locks.ts';
import { ParentCache } from '../parents/parent-cache.ts';
import type { Trust } from '../trust.ts';
import type { OnBytes } from './account-progress.ts';
import type { AccountSteps } from './account-steps.ts';
import { captureAccount } from './capture-account.ts';
import { commit } from './commit.ts';
import { lostHistory, noteCommitted, noteCommitting } from './commit-notes.ts';
import { describeSnapshot } from './describe-snapshot.ts';
import type { OwnHistory } from './history.ts';
import type { OwnDirectory } from './own-directories.ts';
import { type PreparedAccount, prepareAccount } from './prepare-account.ts';
import { nothingCaptured } from './refusals.ts';
import { stillThere } from './still-there.ts';

export interface BackUpWorld {
  readonly now: () => number;
  /** 32 random hex digits. */
  readonly newObjectId: () => string;
}

export interface BackUpAccount {
  readonly addin: OpenAddin;
  readonly storeId: string;
  readonly stateDir: string;
  readonly server: string;
  readonly owner: string;
  readonly signer: Signer;
  /** Whose snapshots this one may refer to. */
  readonly trust: Trust;
  readonly account: Account;
  /** Whose directory the account's was until lately, by another UUID. */
  readonly former?: { readonly uuid: string; readonly home: string } | null;
  readonly panelRef: AddinRef;
  readonly engines: readonly DatabaseEngine[];
  readonly pool: CapturePool;
  readonly level: RequestedLevel;
  readonly fullEveryDays?: (account: Account) => number | null;
  /** True of every account with databases: somebody else exports them too, at another time. */
  readonly exportsTwice?: boolean;
  /** Ends what killed imports of the account have left, and says so; called before its databases are read. */
  readonly endImports?: (owner: string) => Promise<readonly Warning[]>;
  /** Reads every file again, also those that seem unchanged. */
  readonly checksum?: boolean;
  readonly world: BackUpWorld;
  readonly signal: AbortSignal;
  /** Directories of ours, which are part of no backup. */
  readonly own?: readonly OwnDirectory[];
  readonly onBytes: OnBytes;
  /** Resolves when the account may be read; what it refers to is known by then. */
  readonly begin?: () => Promise<void>;
  /** Everything has been read; only the store is still at work. */
  readonly onCaptured?: () => void;
  readonly steps?: AccountSteps;
}

/**
 * @throws RECIPIENTS_UNUSABLE there is no key to encrypt to, so nothing was written
 * @throws RUN_FAILED nothing of the account could be captured
 * @throws CHAIN_BROKEN what it refers to was removed meanwhile; nothing was committed
 * @throws STORE_UNAVAILABLE, STORE_FULL, STORE_DENIED a put failed; nothing was committed
 */
export async function backUpAccount(request: BackUpAccount): Promise<Snapshot> {
  const { addin, owner } = request;
  const refers = addin.provider.capabilities.levels.some((level) => level !== 'full');
  const { stateDir } = request;
  const cache = await ParentCache.open({ stateDir, addinId: addin.id, owner, useful: refers });
  try {
    const prepared = await prepareAccount(request, { cache, refers });
    try {
      return await snapshotOf(request, prepared, cache);
    } catch (error) {
      prepared.left.interrupted();
      throw error;
    }
  } finally {
    cache.close();
  }
}

/** Reads, stores, describes and commits it, in this order. */
async function snapshotOf(
  request: BackUpAccount,
  prepared: PreparedAccount,
  cache: ParentCache,
): Promise<Snapshot> {
  const { epoch, writer, warnings, left } = prepared;
  const parent = prepared.parent?.snapshot ?? null;
  const index = cache.writer(writer.indexKey());
  const captured = await captureAccount(request, prepared, (payload) => index.write(payload));
  const { components, startedAtMs } = captured;
  request.onCaptured?.();
  await writer.settled();
  const history = await prepared.reading;
  const lost = lostHistory(history, request.storeId);
  if (lost !== null) warnings.add(lost);
  const { references, takenOver } = writer;
  const { remembered } = history;
  await extendLocks(references, { ...request, epoch, parent, takenOver, remembered, warnings });
  if (!components.some(({ state }) => state === 'complete')) throw nothingCaptured(request, components);
  const { manifest, measures } = describeSnapshot(request, { prepared, captured, history });
  const parentIsNewest = parent !== null && isNewest(parent, history.items);
  const referred = stillThere(request, { writer, startedAtMs, parent, parentIsNewest, left });
  await referred.before();
  await noteCommitting(request);
  const snapshot = await commit(writer, manifest, request.signer, startedAtMs);
  await referred.after(snapshot.key);
  left.committed();
  index.finish();
  const { contents } = captured.trees;
  const comparedWith = parent === null || contents === null ? null : { snapshot: parent.header.id, contents };
  return noteCommitted(request, { snapshot, history, measures, comparedWith, cache });
}

/** By its number and by its time, of which two lineages may disagree. */
function isNewest({ header }: Snapshot, listed: OwnHistory['items']): boolean {
  const last = listed.at(-1);
  return last?.id === header.id && listed.every((one) => one === last || one.atMs < last.atMs);
}
