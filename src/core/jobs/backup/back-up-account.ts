/**
 * One snapshot of one account: exports, trees, index, and last of all the manifest.
 *
 * Either a manifest is committed, and then every object it names is durable, or nothing exists but
 * unreferenced objects. The caller holds the account's lock.
 */

import { createHash } from 'node:crypto';
import { manifestKey } from '../../archive/keys.ts';
import {
  type AddinRef,
  encodeManifest,
  formatVersion,
  type Manifest,
  type ManifestBody,
  type ManifestHeader,
  snapshotDigest,
} from '../../archive/manifest.ts';
import type { DatabaseEngine } from '../../contracts/database.ts';
import type { Account } from '../../contracts/panel.ts';
import type { Plan, RequestedLevel } from '../../contracts/provider.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { type LastSnapshot, readLastSnapshot, rememberLastSnapshot } from '../../state/lineages.ts';
import { holdfastVersion, type OpenAddin } from '../addin.ts';
import type { CapturePool } from '../capture/pool.ts';
import { type ListedSnapshot, listSnapshots, readSnapshot, type Snapshot } from '../catalog.ts';
import { bytesOf } from '../streams.ts';
import { type CapturedTrees, captureTrees } from './capture-trees.ts';
import { exportDatabases } from './export-databases.ts';
import { openParent, type ParentSnapshot } from './parent-snapshot.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import { WarningList } from './warnings.ts';

export interface BackUpWorld {
  readonly now: () => number;
  /** 32 random hex digits. */
  readonly newObjectId: () => string;
}

export interface BackUpAccount {
  readonly addin: OpenAddin;
  readonly storeId: string;
  readonly stateDir: string;
  readonly server: string;
  readonly owner: string;
  readonly account: Account;
  readonly panelRef: AddinRef;
  readonly engines: readonly DatabaseEngine[];
  readonly pool: CapturePool;
  readonly level: RequestedLevel;
  /** Reads every file again, also those that seem unchanged. */
  readonly checksum?: boolean;
  readonly world: BackUpWorld;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/**
 * @throws RUN_FAILED nothing of the account could be captured
 * @throws STORE_UNAVAILABLE, STORE_FULL, STORE_DENIED a put failed; nothing was committed
 */
export async function backUpAccount(request: BackUpAccount): Promise<Snapshot> {
  const { addin, account, world, server, owner } = request;
  const startedAtMs = world.now();
  const history = await historyOf(request);
  const plan = await addin.provider.plan({
    owner,
    requested: request.level,
    history: history.items.map((item) => ({ ...item, manifestKey: item.key })),
    nowMs: startedAtMs,
    signal: request.signal,
  });
  const objectId = world.newObjectId();
  const writer = new SnapshotWriter({ server, owner, objectId }, addin.provider, request.signal);
  const warnings = new WarningList();
  const parent = await parentOf(request, plan, history.items, warnings);
  const level = parent === null ? 'full' : plan.level;
  writer.nextNumber = parent?.nextNumber ?? 0;
  if (account.problem !== null) {
    warnings.add({ code: 'panel-problem', component: 'account', message: account.problem });
  }
  const { onBytes } = request;
  const databases = await exportDatabases({ account, engines: request.engines, writer, warnings, onBytes });
  for (const family of databases.unconfigured) {
    const message = `the account may have ${family} databases, but no ${family} server is configured`;
    warnings.add({ code: 'engine-not-configured', component: 'account', message });
  }
  const trees = await captureTrees({
    trees: account.trees,
    parent,
    pool: request.pool,
    writer,
    warnings,
    now: world.now,
    onBytes,
  }).finally(() => parent?.remove());
  const components = [...trees.components, ...databases.components];
  await writer.settled();
  const complete = components.every((component) => component.state === 'complete');
  if (!components.some((component) => component.state === 'complete'))
    throw nothingCaptured(request, components);

  const body = bodyOf(account, components, warnings, trees, databases.unconfigured);
  const header: Omit<ManifestHeader, 'digest'> = {
    format: formatVersion,
    features: [],
    kind: 'snapshot',
    store: request.storeId,
    server,
    owner,
    addin: { id: addin.id, name: addin.name },
    lineage: history.last?.lineage ?? createHash('sha256').update(objectId).digest('hex').slice(0, 32),
    sequence: (history.last?.sequence ?? 0) + 1,
    revision: 0,
    replaces: null,
    writtenBy: holdfastVersion,
    id: objectId.slice(0, 12),
    objectId,
    level,
    state: complete ? 'complete' : 'partial',
    parents: parent === null ? [] : [parent.snapshot.header.id],
    startedAt: new Date(startedAtMs).toISOString(),
    committedAt: new Date(world.now()).toISOString(),
    storeClockAt: writer.storeClockMs === null ? null : new Date(writer.storeClockMs).toISOString(),
    objects: [...writer.objects].sort((a, b) => a.number - b.number),
    references: [...writer.references].sort((a, b) => a.number - b.number),
    tools: {
      holdfast: holdfastVersion,
      store: addin.storeRef,
      provider: addin.providerRef,
      panel: request.panelRef,
    },
    previous: history.last?.digest ?? null,
  };
  const manifest = { header: { ...header, digest: snapshotDigest(header, body) }, body };
  const snapshot = await commit(writer, manifest, startedAtMs);
  await rememberLastSnapshot(request.stateDir, addin.id, owner, snapshot.header);
  return snapshot;
}

async function commit(writer: SnapshotWriter, manifest: Manifest, atMs: number): Promise<Snapshot> {
  const { header, body } = manifest;
  const { server, owner, sequence, level, state, id } = header;
  const key = manifestKey({ server, owner, sequence, atMs, level, state, id, revision: 0 });
  const bytes = encodeManifest(manifest);
  await writer.put('manifest', key, bytesOf(bytes), bytes.length);
  const utc = /-(\d{8}T\d{6}Z)-/.exec(key)![1];
  return { ...manifest, key, name: `${body.account.site}-${utc}-${id}` };
}

/** The snapshot that the plan refers to, made ready; null where everything is to be stored anew. */
async function parentOf(
  request: BackUpAccount,
  plan: Plan,
  history: readonly ListedSnapshot[],
  warnings: WarningList,
): Promise<ParentSnapshot | null> {
  if (plan.level === 'full') return null;
  const { addin, signal, stateDir } = request;
  const listed = history.find(({ id }) => id === plan.parents[0]);
  let why = 'it is not in the store';
  try {
    const snapshot = listed === undefined ? null : await readSnapshot(addin.provider, listed, signal);
    if (snapshot !== null && snapshot.header.addin.id === addin.id && snapshot.body.index !== null) {
      const rereadEvery = request.checksum ? 1 : (plan.rereadEvery ?? 30);
      return await openParent(snapshot, { provider: addin.provider, stateDir, rereadEvery, signal });
    }
    if (snapshot !== null) why = 'it has no index of this addin configuration';
  } catch (error) {
    if (!isHoldfastError(error) || !/^(OBJECT|FORMAT)_/.test(error.code)) throw error;
    why = error.message;
  }
  const message = `cannot refer to snapshot ${plan.parents[0]}, so this one is a full: ${why}`;
  warnings.add({ code: 'no-usable-parent', component: 'account', message });
  return null;
}

/** The account's snapshots of this addin configuration, and the newest of them. */
async function historyOf(
  request: BackUpAccount,
): Promise<{ readonly items: readonly ListedSnapshot[]; readonly last: LastSnapshot | null }> {
  const { addin, server, owner, signal, stateDir } = request;
  if (addin.store.capabilities.putOnly) {
    return { items: [], last: await readLastSnapshot(stateDir, addin.id, owner) };
  }
  const all = await listSnapshots(addin.store, { server, owner }, signal);
  for (let i = all.length - 1; i >= 0; i--) {
    try {
      const snapshot = await readSnapshot(addin.provider, all[i]!, signal);
      if (snapshot.header.addin.id === addin.id) return { items: all.slice(0, i + 1), last: snapshot.header };
    } catch (error) {
      // A damaged manifest must not stop new backups; `verify` reports it.
      if (!isHoldfastError(error) || error.code !== 'OBJECT_DAMAGED') throw error;
    }
  }
  return { items: [], last: null };
}

function bodyOf(
  account: Account,
  components: ManifestBody['components'],
  warnings: WarningList,
  trees: CapturedTrees,
  unconfiguredEngines: readonly string[],
): ManifestBody {
  const { site, domain, aliases, plan, state, owner, metadata } = account;
  return {
    account: {
      site,
      domain,
      aliases,
      plan,
      state,
      uid: owner?.uid ?? null,
      gid: owner?.gid ?? null,
      metadata,
    },
    components,
    warnings: warnings.first,
    warningCounts: warnings.counts,
    exclusions: Object.fromEntries(account.trees.map(({ name, exclude }) => [name, exclude])),
    counts: trees.counts,
    index: trees.index,
    contentRoot: trees.contentRoot,
    labels: {},
    unconfiguredEngines,
  };
}

function nothingCaptured(request: BackUpAccount, components: ManifestBody['components']): HoldfastError {
  const first = components.find((component) => component.error !== undefined)?.error;
  const why = first === undefined ? 'it has no trees and no databases' : first.message;
  return new HoldfastError('RUN_FAILED', `nothing of ${request.account.site} could be captured: ${why}`, {
    hint: 'Mend the cause and run the backup of this account again.',
  });
}
