/** Whether the store holds a past that this server does not take for its own, or could not restore. */

import type { Account } from '../../core/index.ts';
import { type Trust, trustsNobody } from '../../core/jobs/trust.ts';
import { holdsSnapshots, type PastSearch, pastElsewhere, pastHint, pastText } from '../past-elsewhere.ts';
import { type Check, caution } from './check.ts';

export async function checkPast(
  addin: string,
  accounts: readonly Account[],
  search: PastSearch & { readonly trust: Trust },
): Promise<readonly Check[]> {
  const name = `snapshots of ${addin}`;
  const text = pastText(await pastElsewhere(search, accounts));
  if (text !== null) return [caution(name, text, pastHint)];
  if (!trustsNobody(search.trust) || !(await holdsSnapshots(search))) return [];
  const hint =
    'To restore them here, name who made them in "trustedSigners" of config.json (docs/recovery.md); who is new to a shared store backs up and needs nothing.';
  return [caution(name, 'the store holds some, and this machine trusts nobody who made any', hint)];
}
