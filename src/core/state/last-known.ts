/**
 * What the panel cannot say of an account at the moment, as it was when it last could: its plan and its domain.
 *
 * Rules and selections go by both. An account whose description is damaged for a night must not be kept, sent and
 * selected as if there were no rule for it. Costs nothing where the panel can say all.
 */

import { join } from 'node:path';
import type { Account } from '../contracts/panel.ts';
import { type AccountRecord, parseRecords, present } from './account-records.ts';
import { readJsonFile } from './atomic-file.ts';
import { accountXattr, type DirectoryAccess } from './carried-ids.ts';
import { RecordLookup } from './record-lookup.ts';
import { isUuid } from './server-identity.ts';

const isUntold = ({ problem, plan, domain }: Account): boolean =>
  problem !== null && (plan === null || domain === null);

/** @param stateDir nobody else can write into it; where it holds no records, accounts stay as they are */
export async function withLastKnown(
  accounts: readonly Account[],
  stateDir: string,
  readXattr: DirectoryAccess['readXattr'],
): Promise<readonly Account[]> {
  if (!accounts.some(isUntold)) return accounts;
  const read = await readJsonFile(join(stateDir, 'accounts.json'));
  const records = 'value' in read ? parseRecords(read.value) : null;
  if (records === null) return accounts;
  const lookup = new RecordLookup(records);
  const taken = new Set(accounts.map(({ domain }) => domain));
  const recordOf = async ({ home, site }: Account): Promise<AccountRecord | undefined> => {
    const value = home === null ? null : await readXattr(home, accountXattr).catch(() => null);
    const carried = Buffer.from(value ?? '').toString('latin1');
    if (isUuid(carried)) return records.get(carried);
    // A directory that could carry a UUID and has none is another account on the same site number.
    const found = lookup
      .of(site)
      .filter((one) => present(one).site === site && (home === null || (!one.marked && one.home === home)));
    return found.sort((a, b) => present(a).lastSeenMs - present(b).lastSeenMs).at(-1);
  };
  return Promise.all(
    accounts.map(async (account) => {
      const record = isUntold(account) ? await recordOf(account) : undefined;
      if (record === undefined) return account;
      const last = record.attributes.findLast(({ domain }) => domain !== null)?.domain ?? null;
      const domain = account.domain ?? (taken.has(last) ? null : last);
      const plan = account.plan ?? record.plan ?? null;
      if (domain === account.domain && plan === account.plan) return account;
      return {
        ...account,
        domain,
        plan,
        problem: `${account.problem}; plan and domain as they were last seen`,
      };
    }),
  );
}
