/**
 * What was seen of each account, by UUID: its sites and domains with dates, and its plan.
 *
 * Pure functions over records. Which UUID an account has is not decided here but by what its
 * directory carries.
 */

import type { Account } from '../contracts/panel.ts';
import { isAccountsFile } from './state-schemas.ts';

/** Site and domain as they were for a time. Instants are milliseconds since the epoch. */
export interface AccountAttributes {
  readonly site: string;
  readonly domain: string | null;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export interface AccountRecord {
  readonly uuid: string;
  /** Where the UUID was last found; null for an account without a directory. */
  readonly home: string | null;
  /** The directory carries the UUID; false where it has none or its file system keeps no xattrs. */
  readonly marked: boolean;
  /** Of that directory when it was seen to carry the UUID: while it is the same, so is the UUID. */
  readonly stamp?: string;
  /** As the panel said when it last could; absent where it never could. */
  readonly plan?: string | null;
  /** When it last took its place back from an older account, as an empty mountpoint does each time the disk is missing. */
  readonly tookOverAtMs?: number;
  /** Oldest first; the last is how it is now, or was when it was seen last. Never empty. */
  readonly attributes: readonly [AccountAttributes, ...AccountAttributes[]];
}

export type AccountRecords = ReadonlyMap<string, AccountRecord>;

const dayMs = 24 * 60 * 60 * 1000;

/** For so long one that took the place of another is said to have done so. */
const anewMs = 7 * dayMs;

export interface Sighting {
  readonly uuid: string;
  readonly marked: boolean;
  /** Null where nothing can be concluded from it. */
  readonly stamp: string | null;
  readonly account: Account;
  readonly nowMs: number;
  /** Another was seen at its site no earlier: dates to the day would leave that one the holder. */
  readonly contested: boolean;
  /** `hasTakenOver` of the account. */
  readonly tookOver: boolean;
}

/** The record after a sighting, or null where it says nothing new: dates are kept to the day. */
export function sighted(record: AccountRecord | undefined, sighting: Sighting): AccountRecord | null {
  const { uuid, marked, account, nowMs } = sighting;
  const { site, domain } = account;
  const seen: AccountAttributes = { site, domain, firstSeenMs: nowMs, lastSeenMs: nowMs };
  const stamp = sighting.stamp ?? record?.stamp;
  // Of an account with a problem, no plan may mean that the panel cannot tell.
  const plan = account.plan ?? (account.problem === null ? null : record?.plan);
  const tookOverAtMs = sighting.tookOver ? nowMs : record?.tookOverAtMs;
  const facts = {
    ...(stamp === undefined ? {} : { stamp }),
    ...(plan === undefined ? {} : { plan }),
    ...(tookOverAtMs === undefined ? {} : { tookOverAtMs }),
  };
  if (record === undefined) return { uuid, home: account.home, marked, ...facts, attributes: [seen] };
  // An account whose directory is missing today keeps the place where it was.
  const home = account.home ?? record.home;
  const place = { uuid, home, marked: account.home === null ? record.marked : marked, ...facts };
  const last = present(record);
  const [first, ...rest] = record.attributes;
  if (last.site !== site || last.domain !== domain) return { ...place, attributes: [first, ...rest, seen] };
  const samePlace = record.home === home && record.marked === place.marked && record.stamp === stamp;
  const isRecent = nowMs - last.lastSeenMs < dayMs && !sighting.contested;
  if (samePlace && record.plan === plan && isRecent) return null;
  const now = { ...last, lastSeenMs: nowMs };
  return { ...place, attributes: rest.length === 0 ? [now] : [first, ...rest.slice(0, -1), now] };
}

export function present(record: AccountRecord): AccountAttributes {
  return record.attributes.at(-1) ?? record.attributes[0];
}

/** Whether another of `others` passes for the holder of its site, or does so as well. */
export function isContested(record: AccountRecord | undefined, others: readonly AccountRecord[]): boolean {
  if (record === undefined) return false;
  const { site, lastSeenMs } = present(record);
  return others.some((one) => {
    const last = present(one);
    return one.uuid !== record.uuid && last.site === site && last.lastSeenMs >= lastSeenMs;
  });
}

export interface FormerRecord extends AccountRecord {
  readonly home: string;
}

export interface Sought extends Pick<Account, 'site' | 'domain' | 'home'> {
  /** Its own record; undefined where it has none yet. */
  readonly own: AccountRecord | undefined;
  readonly nowMs: number;
}

/**
 * The account whose directory this was and that carried its UUID there, where this one took its place a week ago at most:
 * a disk may not be mounted, or a directory was copied without its attributes. Null as well where another domain
 * shows that a panel used the site again.
 */
export function formerOf(sought: Sought, others: readonly AccountRecord[]): FormerRecord | null {
  const { own, nowMs } = sought;
  const predecessor = predecessorOf(sought, others);
  if (own === undefined || isSeenSince(predecessor, own)) return predecessor;
  return nowMs - (own.tookOverAtMs ?? own.attributes[0].firstSeenMs) > anewMs ? null : predecessor;
}

/** Whether the account, known before, stands where an older one was seen since: what it is now is as new as at first. */
export function hasTakenOver(sought: Sought, others: readonly AccountRecord[]): boolean {
  return sought.own !== undefined && isSeenSince(predecessorOf(sought, others), sought.own);
}

function isSeenSince(predecessor: AccountRecord | null, own: AccountRecord): boolean {
  return predecessor !== null && present(predecessor).lastSeenMs > present(own).lastSeenMs;
}

/** Who was seen last of the older accounts that had the same place. */
function predecessorOf(
  { site, domain, home, own }: Sought,
  others: readonly AccountRecord[],
): FormerRecord | null {
  if (home === null) return null;
  const fits = others.filter((one): one is FormerRecord => {
    const last = present(one);
    const isSame = last.site === site && (last.domain === null || domain === null || last.domain === domain);
    const isEarlier = own === undefined || one.attributes[0].firstSeenMs < own.attributes[0].firstSeenMs;
    return one.uuid !== own?.uuid && one.home === home && one.marked && isSame && isEarlier;
  });
  return fits.sort((a, b) => present(a).lastSeenMs - present(b).lastSeenMs).at(-1) ?? null;
}

/** Site by UUID. A site number that was used again belongs to whoever was seen there last. */
export function sitesByUuid(records: AccountRecords): ReadonlyMap<string, string> {
  const holders = new Map<string, AccountRecord>();
  for (const record of records.values()) {
    const { site, firstSeenMs, lastSeenMs } = present(record);
    const other = holders.get(site);
    const rival = other === undefined ? undefined : present(other);
    const later =
      rival === undefined ||
      lastSeenMs > rival.lastSeenMs ||
      (lastSeenMs === rival.lastSeenMs && firstSeenMs > rival.firstSeenMs);
    if (later) holders.set(site, record);
  }
  return new Map([...holders].map(([site, { uuid }]) => [uuid, site]));
}

/** Null where the value is no list of records. */
export function parseRecords(value: unknown): Map<string, AccountRecord> | null {
  if (!isAccountsFile(value)) return null;
  return new Map(
    value.accounts.flatMap((record) => {
      // There always is one: the schema wants it, and its type does not tell.
      const [first, ...rest] = record.attributes;
      return first === undefined ? [] : [[record.uuid, { ...record, attributes: [first, ...rest] }]];
    }),
  );
}
