/**
 * Verifies one snapshot: its manifest, the objects it names, its index and, with `readData`, all that these hold.
 */

import {
  type AnySnapshot,
  type ListedSnapshot,
  opened,
  readSoundSnapshot,
  type Snapshot,
} from './catalog.ts';
import type { Erasures } from './erasures.ts';
import { hasLost, type NewestLost } from './has-lost.ts';
import type { RestoreThreads } from './restore/restore-threads.ts';
import { distrustOf, requireTrusted, trustsNobody } from './trust.ts';
import { type HistoryLink, linkOf } from './verify-history.ts';
import type { KeyCheck } from './verify-keys.ts';
import type { CheckedOnce } from './verify-once.ts';
import { verifyExports, verifyObjects, verifyTrees } from './verify-parts.ts';
import { type Found, Problems, type ProblemTotals } from './verify-problems.ts';
import type { VerifiedSnapshot, VerifyRequest } from './verify-types.ts';

export interface Totals extends ProblemTotals {
  objectsChecked: number;
  readonly keys: KeyCheck;
  readonly erasures: Erasures;
  readonly links: HistoryLink[];
  readonly newest: NewestLost;
  readonly unreadable: ListedSnapshot[];
  /** Encrypted ones. */
  opened: number;
}

export interface Work extends VerifyRequest {
  readonly pool: RestoreThreads;
  readonly checked: CheckedOnce;
}

export interface Verified {
  readonly snapshot: Omit<VerifiedSnapshot, 'problems'>;
  readonly found: readonly Found[];
  /** Everything it has was read, as far as that can be. */
  readonly isRead?: true;
}

export async function verifySnapshot(
  request: Work,
  listed: ListedSnapshot,
  totals: Totals,
): Promise<Verified> {
  const { provider, readData, signal, trust } = request;
  const { key } = listed;
  const problems = new Problems(totals);
  const read = (): Promise<AnySnapshot> => readSoundSnapshot(provider, listed, signal, trust);
  const snapshot = await problems.read(read, { object: key });
  totals.objectsChecked++;
  if (snapshot === null || !(await isBelieved(request, listed, snapshot, problems))) {
    totals.unreadable.push(listed);
    return { snapshot: { name: snapshot?.name ?? null, key, locked: false }, found: problems.found };
  }
  const { header, name } = snapshot;
  totals.links.push(linkOf(snapshot));
  totals.newest.add(header, hasLost(snapshot));
  if ((await totals.erasures.of(header)) !== null)
    return { snapshot: { name, key, locked: false, erased: true }, found: problems.found };
  const noKey = await problems.attempt(() => totals.keys.check(header), { object: key });
  request.checked.begin(header);
  const lost = await verifyObjects(request, snapshot, problems);
  totals.objectsChecked += header.objects.length + header.references.length;
  // That its key is gone has been told.
  const isClosed = noKey !== null && snapshot.body === null;
  const whole = isClosed ? null : await openedOf(request, snapshot, problems);
  if (whole === null) {
    const { found } = problems;
    return { snapshot: { name, key, locked: found.length === 0 }, found };
  }
  if (header.encryption !== undefined) totals.opened++;
  await verifyTrees(request, whole, lost, problems);
  if (readData) await verifyExports(request, whole, lost, problems);
  const marked = whole.body.lost === undefined ? {} : { lost: whole.body.lost.count };
  return {
    snapshot: { name, key, locked: false, ...marked },
    found: problems.found,
    ...(readData ? { isRead: true } : {}),
  };
}

/** Whether what it names is looked at, and it has a place in the history. */
async function isBelieved(
  { trust }: VerifyRequest,
  listed: ListedSnapshot,
  snapshot: AnySnapshot,
  problems: Problems,
): Promise<boolean> {
  for (const { key, code, message } of snapshot.passedOver ?? [])
    problems.add({ object: key, message }, code);
  if (trust === undefined) return true;
  await problems.attempt(async () => requireTrusted(snapshot, trust), { object: listed.key });
  // What a stranger's names is nothing to go by. Where nobody is trusted there is nothing else.
  return trustsNobody(trust) || distrustOf(snapshot, trust) === null;
}

/** Null where it stays locked: for want of an identity, or because its key is gone, which is a problem. */
async function openedOf(
  { provider, signal }: VerifyRequest,
  snapshot: AnySnapshot,
  problems: Problems,
): Promise<Snapshot | null> {
  if (snapshot.body === null && !provider.keys) return null;
  return problems.read(() => opened(provider, snapshot, signal), { object: snapshot.key });
}
