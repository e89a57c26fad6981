/** A snapshot as a list shows it: of one that is locked only the clear header can be read, and what that cannot tell is null. */

import type { FromSchema } from 'json-schema-to-ts';
import type { AnySnapshot } from '../../core/jobs/catalog.ts';
import { utcOf } from '../../core/jobs/catalog.ts';
import type { SitesByUuid } from '../../core/jobs/resolve-accounts.ts';
import type { AccountRecord } from '../../core/state/account-records.ts';
import { orNull, record } from './schema.ts';
import { describeHeader, describeSnapshot, snapshotProperties } from './snapshot.ts';

const { entries, files, bytes, components, findings, warnings, warningCounts, unconfiguredEngines } =
  snapshotProperties;

export const anySnapshotItem = record('A committed snapshot, perhaps locked.', {
  ...snapshotProperties,
  entries: orNull(entries),
  files: orNull(files),
  bytes: orNull(bytes),
  components: orNull(components),
  findings: orNull(findings),
  warnings: orNull(warnings),
  warningCounts: orNull(warningCounts),
  unconfiguredEngines: orNull(unconfiguredEngines),
});

export type AnySnapshotItem = FromSchema<typeof anySnapshotItem>;

/**
 * @param sites who holds which site now, as far as this machine knows; else the account is its UUID
 * @param accounts what this machine has seen of them: the domain is that of then
 */
export function describeAny(
  snapshot: AnySnapshot,
  sites: SitesByUuid,
  accounts: readonly AccountRecord[],
): AnySnapshotItem {
  const { header, body, key } = snapshot;
  if (body !== null) return describeSnapshot({ ...snapshot, body });
  const account = sites.get(header.owner) ?? header.owner;
  return {
    id: `${account}-${utcOf(key)}-${header.id}`,
    account,
    domain: domainThen(accounts, header),
    encryption: 'locked',
    ...describeHeader(snapshot),
    entries: null,
    files: null,
    bytes: null,
    components: null,
    statistics: null,
    findings: null,
    warnings: null,
    warningCounts: null,
    unconfiguredEngines: null,
  };
}

function domainThen(
  accounts: readonly AccountRecord[],
  { owner, committedAt }: AnySnapshot['header'],
): string | null {
  const seen = accounts.find(({ uuid }) => uuid === owner)?.attributes;
  const atMs = Date.parse(committedAt);
  return (seen?.findLast(({ firstSeenMs }) => firstSeenMs <= atMs) ?? seen?.[0])?.domain ?? null;
}
