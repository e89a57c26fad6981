/**
 * Compact: rewrites segments of which little is still referred to, so that their space comes back.
 *
 * New segments first, then new indexes, then new revisions of the manifests concerned; nothing is removed
 * here. What nothing names any more goes with `prune`, after its grace period. A crash between any two leaves
 * objects that nothing names, and every snapshot as it was or whole in its new revision.
 */

import { hash } from 'node:crypto';
import { errorCodes, HoldfastError, isHoldfastError } from '../../errors.ts';
import { underLock } from '../account-lock.ts';
import { type ListedSnapshot, listSnapshots, opened, readSoundSnapshot, type Snapshot } from '../catalog.ts';
import { Erasures } from '../erasures.ts';
import { standingOf } from '../trust.ts';
import { wasPruned } from '../was-pruned.ts';
import { chooseSparse } from './choose.ts';
import { rewriteAccount } from './rewrite-account.ts';
import { scanAccount } from './scan.ts';
import { type CompactedAccount, type CompactReport, type CompactRequest, outrun } from './types.ts';

/**
 * Safe to repeat, to interrupt, and to run at the same time as anything else.
 *
 * @throws STORE_UNAVAILABLE, STORE_DENIED, STORE_FULL, INTERRUPTED what was published until then stays
 * @throws IDENTITY_MISSING, IDENTITY_WRONG snapshots are encrypted; nothing of that account was changed
 */
export async function compact(request: CompactRequest): Promise<CompactReport> {
  const { store, server, owners, signal } = request;
  const listed = await listSnapshots(store, { server }, signal);
  const owned = [...Map.groupBy(listed, ({ owner }) => owner).keys()];
  const wanted = inTurn(
    owned.filter((owner) => owners === null || owners.includes(owner)),
    request,
  );
  const accounts: CompactedAccount[] = [];
  const locked: string[] = [];
  let left = request.maxBytes;
  let budgetSpent = false;
  for (const [i, owner] of wanted.entries()) {
    signal.throwIfAborted();
    const work = () => compactAccount(request, owner, left);
    const done = await (request.apply ? underLock(request.stateDir, owner, work) : work());
    request.onEvent({ type: 'account', owner, share: (i + 1) / wanted.length });
    if (done === 'locked') {
      locked.push(request.provider.siteOf?.(owner) ?? owner);
      continue;
    }
    budgetSpent ||= done.budgetSpent;
    if (left !== null) left = Math.max(0, left - done.rewriteBytes);
    const { account } = done;
    if (account !== null && (account.objects.length > 0 || account.problem !== null)) accounts.push(account);
  }
  const damaged = accounts.some(({ problem }) => problem !== null);
  const isBusy = locked.length > 0 || accounts.some((one) => outrun(one).length > 0);
  const status = damaged ? errorCodes.OBJECT_DAMAGED.exit : 0;
  return {
    accounts,
    accountsSeen: wanted.length,
    locked,
    budgetSpent,
    exitStatus: isBusy && !damaged ? errorCodes.ACCOUNT_LOCKED.exit : status,
  };
}

/** With a budget each day begins elsewhere, or the last ones would get nothing where the first ones need all of it each time. */
function inTurn(owners: readonly string[], { maxBytes, world }: CompactRequest): readonly string[] {
  if (maxBytes === null || owners.length === 0) return owners;
  const today = new Date(world.now()).toISOString().slice(0, 'yyyy-mm-dd'.length);
  const first = hash('sha256', today, 'buffer').readUInt32BE() % owners.length;
  return [...owners.slice(first), ...owners.slice(0, first)];
}

interface Outcome {
  readonly account: CompactedAccount | null;
  readonly rewriteBytes: number;
  readonly budgetSpent: boolean;
}

const nothing = {
  objects: [],
  stuck: [],
  savedBytes: 0,
  snapshots: [],
  written: { objects: 0, bytes: 0 },
  published: [],
  problem: null,
};

async function compactAccount(
  request: CompactRequest,
  owner: string,
  budgetBytes: number | null,
  isAgain = false,
): Promise<Outcome> {
  const { store, provider, server, signal } = request;
  // Once more under the lock: prune may have been there since.
  const listed = await listSnapshots(store, { server, owner }, signal);
  let site = owner;
  try {
    const snapshots = await readTrusted(request, listed);
    site = snapshots.at(-1)?.body.account.site ?? owner;
    const indexed = snapshots.filter(({ body }) => body.index !== null);
    const scan = await scanAccount(provider, indexed, signal);
    const limits = {
      ...request,
      budgetBytes,
      mayExceed: budgetBytes === request.maxBytes && budgetBytes !== 0,
    };
    const stuck: CompactedAccount[] = [];
    const without = new Set<string>();
    for (;;) {
      const { objects, savedBytes, rewriteBytes, budgetSpent } = chooseSparse(scan, { ...limits, without });
      const sparse = new Set(objects.map(({ key }) => key));
      const concerned = scan.snapshots.filter(({ header }) =>
        [...header.objects, ...header.references].some(({ key }) => sparse.has(key)),
      );
      const snapshotNames = concerned.map(({ name }) => name);
      const account = { ...nothing, owner, site, objects, savedBytes, snapshots: snapshotNames };
      if (!request.apply || objects.length === 0)
        return { account: withStuck(account, stuck), rewriteBytes, budgetSpent };
      const done = { ...account, ...(await rewriteAccount(request, { scan, sparse, concerned })) };
      if (done.problem === null || done.written.objects > 0)
        return { account: withStuck(done, stuck), rewriteBytes, budgetSpent };
      // It would be the first in every run, and the others would never have their turn.
      stuck.push(done);
      for (const key of sparse) without.add(key);
    }
  } catch (error) {
    if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT)_/.test(error.code)) throw error;
    // Prune elsewhere was faster, and what is left may be whole.
    for (const one of isAgain ? [] : listed)
      if (await wasPruned(request, one)) return compactAccount(request, owner, budgetBytes, true);
    const account = { ...nothing, owner, site, problem: error.message };
    return { account, rewriteBytes: 0, budgetSpent: false };
  }
}

/** What could not be moved is told as well. */
const withStuck = (account: CompactedAccount, stuck: readonly CompactedAccount[]): CompactedAccount => ({
  ...account,
  stuck: stuck.flatMap(({ objects }) => objects),
  problem: [...stuck, account].find(({ problem }) => problem !== null)?.problem ?? null,
});

/**
 * Judged by their headers, so that a stranger's, which may be locked to any key, stops nothing. What it names goes with
 * prune alone, which spares what any manifest names. What was erased goes with prune as well.
 *
 * @throws OBJECT_DAMAGED, OBJECT_MISSING one cannot be read, which may be ours
 */
async function readTrusted(request: CompactRequest, listed: readonly ListedSnapshot[]): Promise<Snapshot[]> {
  const { provider, trust, signal } = request;
  const erasures = new Erasures(request);
  const snapshots: Snapshot[] = [];
  for (const one of listed) {
    const found = await readSoundSnapshot(provider, one, signal, trust);
    const unread = found.passedOver?.find(({ code }) => code !== 'SNAPSHOT_UNTRUSTED');
    if (unread !== undefined) throw new HoldfastError(unread.code, unread.message);
    if (trust !== undefined && standingOf(found, trust) !== 'trusted') continue;
    if (found.body === null && (await erasures.of(found.header)) !== null) continue;
    snapshots.push(await opened(provider, found, signal));
  }
  return snapshots;
}
