/** Refuses a snapshot that nobody signed who is trusted here, and names the one of the account to take instead. */

import type { AnySnapshot } from '../core/jobs/catalog.ts';
import type { Trust } from '../core/jobs/trust.ts';
import { whyDistrusted } from './find-snapshot.ts';
import type { Search } from './search.ts';

/** @throws SNAPSHOT_UNTRUSTED */
export async function requireTrustedSnapshot(
  { search, trust }: { readonly search: Search; readonly trust: Trust },
  snapshot: Pick<AnySnapshot, 'header' | 'signedBy' | 'name'>,
): Promise<void> {
  const error = await whyDistrusted(search, trust, snapshot);
  if (error !== null) throw error;
}
