/** A snapshot of which only the clear header can be read: what it cannot tell is empty, null or 0. */

import type { AnySnapshot } from '../../core/jobs/catalog.ts';
import { utcOf } from '../../core/jobs/catalog.ts';
import type { SitesByUuid } from '../../core/jobs/resolve-accounts.ts';
import { describeSnapshot, type SnapshotItem } from './snapshot.ts';

const unknown = {
  components: [],
  warnings: [],
  warningCounts: {},
  exclusions: {},
  counts: { entries: 0, files: 0, directories: 0, links: 0, bytes: 0, tarBytes: 0, storedBytes: 0 },
  index: null,
  contentRoot: null,
  labels: {},
  unconfiguredEngines: [],
};

/** @param sites who holds which site now, as far as this machine knows; else the account is its UUID */
export function describeAny(snapshot: AnySnapshot, sites: SitesByUuid): SnapshotItem {
  const { header, body } = snapshot;
  if (body !== null) return describeSnapshot({ ...snapshot, body });
  const site = sites.get(header.owner) ?? header.owner;
  const account = { site, domain: null, aliases: [], plan: null, state: '', uid: null, gid: null };
  const name = `${site}-${utcOf(snapshot.key)}-${header.id}`;
  const locked = { ...unknown, account: { ...account, metadata: {} } };
  return { ...describeSnapshot({ ...snapshot, name, body: locked }), encryption: 'locked' };
}
