/**
 * Snapshots without a backup: manifests as the engine writes them, over objects of a few bytes.
 *
 * For jobs that look at manifests and keys only; nothing in them can be restored.
 */

import { createHash } from 'node:crypto';
import { exportKey, indexKey, manifestKey, segmentKey } from '../../src/core/archive/keys.ts';
import {
  encodeManifest,
  type Manifest,
  type ManifestHeader,
  type ObjectRef,
} from '../../src/core/archive/manifest.ts';
import type { Signer } from '../../src/core/archive/seal.ts';
import { snapshotDigest } from '../../src/core/archive/snapshot-digest.ts';
import type { Store } from '../../src/core/contracts/store.ts';
import { bytesOf } from '../../src/core/streams.ts';

export const signal = new AbortController().signal;
export const server = '11111111-1111-4111-8111-111111111111';
export const storeId = '33333333-3333-4333-8333-333333333333';
export const addin = { id: 'a'.repeat(32), name: 'nightly' };
export const ownerUuid = (number: number): string =>
  `22222222-2222-4222-8222-${String(number).padStart(12, '0')}`;

export interface SyntheticSnapshot {
  readonly owner: string;
  readonly sequence: number;
  readonly atMs: number;
  readonly server?: string;
  readonly addin?: typeof addin;
  /** Any text; snapshots with the same one are of one lineage. */
  readonly lineage?: string;
  readonly level?: ManifestHeader['level'];
  readonly references?: readonly ObjectRef[];
  /** Ids. */
  readonly parents?: readonly string[];
  /** Databases by name, false for those that failed. */
  readonly databases?: Readonly<Record<string, boolean>>;
  readonly entries?: number;
  /** Patterns of its tree. */
  readonly excluded?: readonly string[];
  readonly revision?: number;
  /** Made by a server that was put back: another snapshot of the same number. */
  readonly again?: true;
  /** Digest of the one before; left out: none, as of the first. */
  readonly previous?: string;
  /** The revision had to leave something out. */
  readonly lost?: true;
  /** Left out: nobody. */
  readonly signer?: Signer;
}

export interface Written {
  readonly manifest: Manifest;
  readonly key: string;
}

const hex = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

export async function put(store: Store, key: string, text: string): Promise<void> {
  await store.put({ key, body: bytesOf(Buffer.from(text)), signal });
}

/** Objects first, then the manifest. Equal arguments give equal keys. */
export async function putSnapshot(store: Store, made: SyntheticSnapshot): Promise<Written> {
  const of = made.server ?? server;
  const {
    owner,
    sequence,
    atMs,
    lineage = '',
    references = [],
    databases = {},
    entries = 100,
    revision = 0,
  } = made;
  const again = made.again === true ? ' again' : '';
  const place = `${of} ${owner} ${(made.addin ?? addin).id} ${lineage}${sequence}`;
  const id = hex(`${place}${again}`, 12);
  // That of a snapshot begins with its id; what a revision writes anew has digits of its own.
  const own = hex(`${place} ${revision}${again}`, 32);
  const objectId = revision === 0 ? id + own.slice(id.length) : own;
  const names = Object.keys(databases);
  const keys = [
    indexKey(of, owner, objectId),
    segmentKey(of, owner, objectId, 1),
    ...names.map((_, i) => exportKey(of, owner, objectId, i + 2, 'sql')),
  ];
  for (const key of keys) await put(store, key, key);
  const objects = keys.map(
    (key, number): ObjectRef => ({
      number,
      key,
      kind: number === 0 ? 'index' : number === 1 ? 'segment' : 'export',
      size: key.length,
      sha256: hex(key, 64),
    }),
  );
  const state = Object.values(databases).every(Boolean) ? 'complete' : 'partial';
  const body: Manifest['body'] = {
    account: {
      site: `site${Number(owner.slice(-12))}`,
      domain: null,
      aliases: [],
      plan: null,
      state: 'active',
      uid: null,
      gid: null,
      metadata: {},
    },
    components: [
      {
        type: 'tree',
        name: 'shadow',
        state: 'complete',
        startedAt: '',
        endedAt: '',
        device: 1,
        entries,
        bytes: entries * 10,
      },
      ...names.map((name, i) => ({
        type: 'database' as const,
        name: `mariadb/${name}`,
        instance: 'mariadb',
        engine: 'mysql',
        databases: [name],
        format: 'sql' as const,
        state: databases[name] ? ('complete' as const) : ('failed' as const),
        instant: null,
        consistency: null,
        lockHeldMs: 0,
        object: i + 2,
        plainBytes: 0,
        sha256: null,
        besides: [],
      })),
    ],
    warnings: [],
    warningCounts: {},
    exclusions: made.excluded === undefined ? {} : { shadow: made.excluded },
    counts: {
      entries,
      files: entries,
      directories: 0,
      links: 0,
      bytes: entries * 10,
      tarBytes: 0,
      storedBytes: 0,
    },
    index: null,
    contentRoot: null,
    labels: {},
    unconfiguredEngines: [],
  };
  const at = new Date(atMs).toISOString();
  const ref = { name: 'synthetic', version: '1.0.0', contract: 1 };
  const header: Omit<ManifestHeader, 'digest'> = {
    format: 1,
    features: [],
    kind: 'snapshot',
    store: storeId,
    server: of,
    owner,
    addin: made.addin ?? addin,
    lineage: hex(`lineage${lineage}`, 32),
    sequence,
    revision,
    replaces: null,
    writtenBy: '0.1.0',
    id,
    objectId,
    level: made.level ?? 'full',
    state,
    parents: made.parents ?? [],
    startedAt: at,
    committedAt: at,
    storeClockAt: at,
    objects,
    references,
    tools: { holdfast: '0.1.0', store: ref, provider: ref, panel: ref },
    previous: made.previous ?? null,
    ...(made.lost === undefined ? {} : { lost: made.lost }),
  };
  const manifest = { header: { ...header, digest: snapshotDigest(header, body) }, body };
  const key = manifestKey({ server: of, owner, sequence, atMs, level: header.level, state, id, revision });
  await put(store, key, encodeManifest(manifest, made.signer ?? null).toString('utf8'));
  return { manifest, key };
}

/** Every key of a store, in order. */
export async function keysIn(store: Store, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.list({ prefix, ...(after === undefined ? {} : { after }), signal });
    keys.push(...page.objects.map(({ key }) => key));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return keys;
}
