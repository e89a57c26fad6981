/**
 * What snapshots a store holds, told from the keys of its manifests, and the manifests themselves.
 *
 * The store alone is enough: nothing here looks at local state. Only the highest revision of a manifest
 * counts. Lists follow the sequence, then the instant; which is the newest says `newest-snapshot.ts`.
 */

import { type ManifestName, parseManifestKey } from '../archive/keys.ts';
import { decodeManifest, manifestLimitBytes, type SealedManifest } from '../archive/manifest.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import { HoldfastError } from '../errors.ts';
import { quoted } from '../printable.ts';
import { newestCandidates, newestOf } from './newest-snapshot.ts';
import { collect } from './streams.ts';

export interface ListedSnapshot extends ManifestName {
  readonly key: string;
}

export interface Snapshot extends SealedManifest {
  readonly key: string;
  /** `<site>-<UTC>-<12 hex>` */
  readonly name: string;
}

/** Snapshots under `manifests/<server>/<owner>/`, as far as given, oldest first per owner. */
export async function listSnapshots(
  store: Store,
  where: { readonly server?: string; readonly owner?: string },
  signal: AbortSignal,
): Promise<ListedSnapshot[]> {
  const prefix =
    where.server === undefined
      ? 'manifests/'
      : `manifests/${where.server}/${where.owner === undefined ? '' : `${where.owner}/`}`;
  const newest = new Map<string, ListedSnapshot>();
  let after: string | undefined;
  do {
    const page = await store.list({ prefix, ...(after === undefined ? {} : { after }), signal });
    for (const { key } of page.objects) {
      const name = parseManifestKey(key);
      if (name === null || (where.owner !== undefined && name.owner !== where.owner)) continue;
      const slot = `${name.server}/${name.owner}/${name.id}`;
      const other = newest.get(slot);
      if (other === undefined || other.revision < name.revision) newest.set(slot, { ...name, key });
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
  return [...newest.values()].sort(
    (a, b) => compare(a.owner, b.owner) || a.sequence - b.sequence || a.atMs - b.atMs || compare(a.id, b.id),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const utcOf = (key: string): string => /-(\d{8}T\d{6}Z)-/.exec(key)?.[1] ?? '';

export const snapshotName = (site: string, listed: { readonly key: string; readonly id: string }): string =>
  `${site}-${utcOf(listed.key)}-${listed.id}`;

/** @throws OBJECT_MISSING, OBJECT_DAMAGED, FORMAT_UNSUPPORTED */
export async function readSnapshot(
  provider: Provider,
  listed: ListedSnapshot,
  signal: AbortSignal,
): Promise<Snapshot> {
  const bytes = await collect(provider.get({ key: listed.key, signal }), manifestLimitBytes);
  const manifest = decodeManifest(bytes, listed.key);
  const { header, body } = manifest;
  const same = ['server', 'owner', 'sequence', 'id', 'level', 'state', 'revision'] as const;
  if (same.some((property) => header[property] !== listed[property])) {
    throw new HoldfastError('OBJECT_DAMAGED', `manifest ${listed.key} belongs to another snapshot`, {
      hint: 'An object was moved or replaced in the store; run `holdfast verify`.',
    });
  }
  return { ...manifest, key: listed.key, name: snapshotName(body.account.site, listed) };
}

/**
 * The newest of one owner's snapshots, partial ones included; null where there are none.
 *
 * @throws OBJECT_DAMAGED, OBJECT_MISSING, FORMAT_UNSUPPORTED one that may be the newest cannot be read
 */
async function readNewest(
  provider: Provider,
  listed: readonly ListedSnapshot[],
  signal: AbortSignal,
): Promise<Snapshot | null> {
  const candidates = newestCandidates(listed);
  return newestOf(await Promise.all(candidates.map((one) => readSnapshot(provider, one, signal))));
}

const fullName = /^(.+)-(\d{8}T\d{6}Z)-([0-9a-f]{12})$/;

/**
 * The one snapshot that `wanted` names: its id, a unique beginning of it, its twelve hex digits, or
 * `latest` (partial ones included), which needs a list of one owner.
 *
 * @throws SNAPSHOT_NOT_FOUND none or several fit
 */
export async function findSnapshot(
  provider: Provider,
  candidates: readonly ListedSnapshot[],
  wanted: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  if (wanted === 'latest') {
    const latest = await readNewest(provider, candidates, signal);
    if (latest === null)
      throw notFound('there is no snapshot of this account', 'Run `holdfast backup` first.');
    return latest;
  }
  const full = fullName.exec(wanted);
  const id = full?.[3] ?? (/^[0-9a-f]{12}$/.test(wanted) ? wanted : null);
  const listed =
    id === null
      ? await byBeginning(provider, candidates, wanted, signal)
      : candidates.filter((one) => one.id === id);
  if (listed.length > 1) {
    throw notFound(
      `${quoted(wanted)} fits ${listed.length} snapshots`,
      'Give more of the id; `holdfast snapshots` shows them.',
    );
  }
  const only = listed[0];
  if (only === undefined)
    throw notFound(`there is no snapshot ${quoted(wanted)}`, 'Run `holdfast snapshots` to see them.');
  const snapshot = await readSnapshot(provider, only, signal);
  if (full !== null && snapshot.name !== wanted) {
    throw notFound(`there is no snapshot ${quoted(wanted)}; ${id} is ${snapshot.name}`, 'Name that one.');
  }
  return snapshot;
}

/** The site stands only inside manifests, so each candidate is read. */
async function byBeginning(
  provider: Provider,
  candidates: readonly ListedSnapshot[],
  wanted: string,
  signal: AbortSignal,
): Promise<ListedSnapshot[]> {
  const found: ListedSnapshot[] = [];
  for (const listed of candidates) {
    const snapshot = await readSnapshot(provider, listed, signal);
    if (snapshot.name.startsWith(wanted)) found.push(listed);
    if (found.length > 20) break;
  }
  return found;
}

function notFound(message: string, hint: string): HoldfastError {
  return new HoldfastError('SNAPSHOT_NOT_FOUND', message, { hint });
}
