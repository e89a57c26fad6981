/**
 * One snapshot of one account: exports, trees, index, and last of all the manifest.
 *
 * Either a manifest is committed, and then every object it names is durable, or nothing exists but
 * unreferenced objects. The caller holds the account's lock.
 */

import { createHash } from 'node:crypto';
import type { Warning } from '../../archive/components.ts';
import { type AddinRef, formatVersion, type ManifestHeader } from '../../archive/manifest.ts';
import type { Signer } from '../../archive/seal.ts';
import { snapshotDigest } from '../../archive/snapshot-digest.ts';
import type { DatabaseEngine } from '../../contracts/database.ts';
import type { Account } from '../../contracts/panel.ts';
import type { RequestedLevel } from '../../contracts/provider.ts';
import { holdfastVersion, type OpenAddin } from '../addin.ts';
import type { CapturePool } from '../capture/pool.ts';
import type { Snapshot } from '../catalog.ts';
import { ParentCache } from '../parents/parent-cache.ts';
import type { Trust } from '../trust.ts';
import { type OnBytes, progressOf } from './account-progress.ts';
import type { AccountSteps } from './account-steps.ts';
import { type CapturedTrees, captureTrees } from './capture-trees.ts';
import { chooseParent } from './choose-parent.ts';
import { commit } from './commit.ts';
import { commitInDoubt, lostHistory, noteCommitted, noteCommitting } from './commit-notes.ts';
import { exportDatabases } from './export-databases.ts';
import { extendLocks } from './extend-locks.ts';
import { ownHistory } from './history.ts';
import { judge } from './judge.ts';
import { levelDue } from './level-due.ts';
import { bodyOf, encryptionOf, exclusionsOf, saltOf } from './manifest-body.ts';
import { type OwnDirectory, refuseOwn } from './own-directories.ts';
import { accountKeys } from './owner-epoch.ts';
import { refusedComponent, refuseRawData } from './raw-data.ts';
import { nothingCaptured } from './refusals.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import { stillThere } from './still-there.ts';
import { takeOver } from './take-over.ts';
import { exportedTwice, WarningList } from './warnings.ts';

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
  readonly signer: Signer;
  /** Whose snapshots this one may refer to. */
  readonly trust: Trust;
  readonly account: Account;
  readonly panelRef: AddinRef;
  readonly engines: readonly DatabaseEngine[];
  readonly pool: CapturePool;
  readonly level: RequestedLevel;
  readonly fullEveryDays?: (account: Account) => number | null;
  /** True of every account with databases: somebody else exports them too, at another time. */
  readonly exportsTwice?: boolean;
  /** Ends what killed imports of the account have left, and says so; called before its databases are read. */
  readonly endImports?: (owner: string) => Promise<readonly Warning[]>;
  /** Reads every file again, also those that seem unchanged. */
  readonly checksum?: boolean;
  readonly world: BackUpWorld;
  readonly signal: AbortSignal;
  /** Directories of ours, which are part of no backup. */
  readonly own?: readonly OwnDirectory[];
  readonly onBytes: OnBytes;
  /** Resolves when the account may be read; what it refers to is known by then. */
  readonly begin?: () => Promise<void>;
  /** Everything has been read; only the store is still at work. */
  readonly onCaptured?: () => void;
  readonly steps?: AccountSteps;
}

/**
 * @throws RECIPIENTS_UNUSABLE there is no key to encrypt to, so nothing was written
 * @throws RUN_FAILED nothing of the account could be captured
 * @throws CHAIN_BROKEN what it refers to was removed meanwhile; nothing was committed
 * @throws STORE_UNAVAILABLE, STORE_FULL, STORE_DENIED a put failed; nothing was committed
 */
export async function backUpAccount(request: BackUpAccount): Promise<Snapshot> {
  const { addin, owner } = request;
  const refers = addin.provider.capabilities.levels.some((level) => level !== 'full');
  const { stateDir } = request;
  const cache = await ParentCache.open({ stateDir, addinId: addin.id, owner, useful: refers });
  try {
    return await backUpWith(request, cache, refers);
  } finally {
    cache.close();
  }
}

async function backUpWith(request: BackUpAccount, cache: ParentCache, refers: boolean): Promise<Snapshot> {
  const { addin, account, world, server, owner } = request;
  let startedAtMs = world.now();
  const reading = ownHistory(request, cache);
  const keys = await accountKeys(request, reading);
  // Snapshots that refer to none need it when they are committed: a far store answers meanwhile.
  const { items, inDoubt } = refers ? await reading : { items: [], inDoubt: false };
  const epoch = keys?.epoch ?? null;
  const plan = await addin.provider.plan({
    owner,
    requested: levelDue(request, items),
    history: items.map((item) => ({ ...item, manifestKey: item.key })),
    nowMs: startedAtMs,
    signal: request.signal,
  });
  const objectId = world.newObjectId();
  const writer = new SnapshotWriter({ server, owner, objectId, epoch }, addin.provider, request.signal);
  reading.catch((error: unknown) => writer.fail(error));
  const warnings = new WarningList();
  if (inDoubt) warnings.add(commitInDoubt);
  const apart = refuseOwn(account.trees, request.own ?? []);
  const whole = refuseRawData({ ...account, trees: apart.trees });
  const parent = await chooseParent({
    addin,
    plan,
    reading,
    trees: whole.trees,
    stateDir: request.stateDir,
    trust: request.trust,
    cache,
    keys,
    checksum: request.checksum === true,
    warnings,
    signal: request.signal,
  });
  const before = parent?.snapshot ?? null;
  const level = parent === null ? 'full' : parent.level;
  writer.nextNumber = parent?.nextNumber ?? 0;
  const left = await takeOver(writer, parent, { ...request, nowMs: startedAtMs });
  if (account.problem !== null) {
    warnings.add({ code: 'panel-problem', component: 'account', message: account.problem });
  }
  const { engines, pool } = request;
  const progress = progressOf(request.onBytes, reading, before);
  const onBytes = (bytes: number): void => progress.exported(bytes);
  const common = { account, engines, writer, warnings, onBytes };
  let databases: Awaited<ReturnType<typeof exportDatabases>>;
  let trees: CapturedTrees;
  const index = cache.writer(writer.indexKey());
  try {
    await request.begin?.();
    // It may have waited for hours, and nothing of it has been read so far.
    startedAtMs = world.now();
    for (const warning of (await request.endImports?.(owner)) ?? []) warnings.add(warning);
    await request.steps?.before('export', account);
    const onSaid = (component: string, said: string): void => request.steps?.said?.(account, component, said);
    databases = await exportDatabases({ ...common, onSaid, parent: before });
    if (request.exportsTwice === true && databases.components.length > 0) warnings.add(exportedTwice);
    for (const family of databases.unconfigured) {
      const message = `the account may have ${family} databases, but no ${family} server is configured`;
      warnings.add({ code: 'engine-not-configured', component: 'account', message });
    }
    const { now } = world;
    const keepIndex = (payload: Buffer): void => index.write(payload);
    const given = { trees: whole.trees, parent, pool, writer, warnings, now, progress, keepIndex };
    await request.steps?.after('export', account);
    await request.steps?.before('upload', account);
    trees = await captureTrees(given, request.steps?.budget ?? null);
  } finally {
    parent?.remove();
  }
  request.onCaptured?.();
  const refused = [...apart.refused, ...whole.refused].map((one) => refusedComponent(one, startedAtMs));
  const components = [...trees.components, ...refused, ...databases.components];
  await writer.settled();
  const history = await reading;
  const lost = lostHistory(history, request.storeId);
  if (lost !== null) warnings.add(lost);
  const { references, takenOver } = writer;
  await extendLocks(references, { ...request, epoch, parent: before, takenOver, warnings });
  const complete = components.every((component) => component.state === 'complete');
  if (!components.some((component) => component.state === 'complete'))
    throw nothingCaptured(request, components);

  const state = complete ? 'complete' : 'partial';
  const { statistics, findings, measures } = judge(
    {
      id: objectId.slice(0, 12),
      state,
      components,
      exclusions: exclusionsOf(account),
      recent: history.recent,
    },
    { trees, writer, warnings },
  );
  const described = { statistics, findings, ...saltOf(epoch !== null) };
  const body = { ...bodyOf(account, components, warnings, trees, databases.unconfigured), ...described };
  const header: Omit<ManifestHeader, 'digest'> = {
    format: formatVersion,
    kind: 'snapshot',
    store: request.storeId,
    server,
    owner,
    addin: { id: addin.id, name: addin.name },
    lineage: history.last?.lineage ?? createHash('sha256').update(objectId).digest('hex').slice(0, 32),
    sequence: history.nextSequence,
    revision: 0,
    replaces: null,
    writtenBy: holdfastVersion,
    id: objectId.slice(0, 12),
    objectId,
    level,
    state,
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
    ...encryptionOf(epoch),
  };
  const manifest = { header: { ...header, digest: snapshotDigest(header, body) }, body };
  const parentIsNewest = before?.header.id === history.items.at(-1)?.id;
  const referred = stillThere(request, { writer, startedAtMs, parent: before, parentIsNewest, left });
  await referred.before();
  await noteCommitting(request);
  const snapshot = await commit(writer, manifest, request.signer, startedAtMs);
  await referred.after(snapshot.key);
  left.committed();
  index.finish();
  return noteCommitted(request, { snapshot, history, measures, cache });
}
