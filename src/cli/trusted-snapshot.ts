/** Refuses a snapshot that nobody signed who is trusted here, and names the one of the account to take instead. */

import type { AnySnapshot } from '../core/jobs/catalog.ts';
import { withNewestTrusted } from '../core/jobs/newest-trusted.ts';
import { requireTrusted, type Trust, trustsNobody } from '../core/jobs/trust.ts';
import { listCandidates, type Search } from './find-snapshot.ts';

/** @throws SNAPSHOT_UNTRUSTED */
export async function requireTrustedSnapshot(
  { search, trust }: { readonly search: Search; readonly trust: Trust },
  snapshot: Pick<AnySnapshot, 'header' | 'signedBy' | 'name'>,
): Promise<void> {
  try {
    requireTrusted(snapshot, trust);
  } catch (error) {
    if (trustsNobody(trust)) throw error;
    const { provider, signal } = search;
    const listed = await listCandidates(search, snapshot.header.owner);
    throw await withNewestTrusted(error, provider, listed, trust, signal);
  }
}
