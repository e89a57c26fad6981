/**
 * What policy says of accounts by their UUIDs: of those the panel has, those it cannot describe at the moment, and
 * those that are gone from it.
 */

import type { ManifestBody } from '../core/archive/manifest.ts';
import { type Remembered, type Ruled, retentionFor } from '../core/config/policy.ts';
import type { Account } from '../core/index.ts';
import type { PruneRequest } from '../core/jobs/prune/types.ts';
import { type AccountRecord, present } from '../core/state/account-records.ts';
import { accountOfDatabases, databasesOwner } from '../core/state/database-owners.ts';
import type { Search } from './search.ts';

/**
 * Retention by account; the snapshots of its databases have that of the account. What the panel cannot say is as it was seen last, or as the newest snapshots tell: an account
 * keeps its rules when it is deleted, and when its description is damaged.
 *
 * @throws PANEL_UNREADABLE there are rules, and the panel cannot say whom they are for
 */
export async function retentionsOf(
  { panelAccounts, state }: Search,
  { policy }: Ruled,
  server: string,
): Promise<NonNullable<PruneRequest['retentionOf']>> {
  if (policy.every(({ retention }) => retention === undefined)) return () => null;
  const known = new Map<string, Remembered>();
  // Of another server's accounts this one's panel knows nothing.
  if (state?.server.uuid === server) {
    const records = new Map(state.accounts().map((record) => [record.uuid, record]));
    for (const [uuid, record] of records) known.set(uuid, recorded(record));
    for (const account of await panelAccounts()) {
      const owner = await state.knownAccountId(account);
      if (owner !== null) known.set(owner, described(account, records.get(owner)));
    }
  }
  for (const [owner, account] of [...known]) known.set(databasesOwner(owner), account);
  return (owner, snapshots) => {
    const told = toldBy(snapshots);
    const { site = told?.site, domain = told?.domain, plan = told?.plan } = known.get(owner) ?? {};
    return retentionFor({ site, domain, plan }, policy);
  };
}

function recorded(record: AccountRecord): Remembered {
  const { site, domain } = present(record);
  return { site, domain, plan: record.plan };
}

function described({ site, domain, plan, problem }: Account, record: AccountRecord | undefined): Remembered {
  if (problem === null) return { site, domain, plan };
  return { site, domain: domain ?? undefined, plan: plan ?? record?.plan };
}

/** Snapshots say what the panel said then; of an account without a domain or a plan, that it had none. */
function toldBy(snapshots: readonly ManifestBody['account'][]): Remembered | null {
  const site = snapshots.at(-1)?.site;
  if (site === undefined) return null;
  const last = <K extends 'domain' | 'plan'>(key: K): string | null =>
    snapshots.findLast((one) => one[key] !== null)?.[key] ?? null;
  return { site: accountOfDatabases(site) ?? site, domain: last('domain'), plan: last('plan') };
}
