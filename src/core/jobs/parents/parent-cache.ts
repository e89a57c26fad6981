/**
 * The snapshots that the next backup of an account may refer to, kept in the state with their indexes: on a
 * server that cannot read its own backups the only parents there are, elsewhere a saving of requests.
 *
 * Holds the newest snapshot, and of its lineage the newest complete one and the newest full, and nothing besides. Losing it
 * costs one full where nothing else can be read.
 */

import { constants, mkdirSync, readdirSync } from 'node:fs';
import { open, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteRange } from '../../age/chunks.ts';
import { parseManifestKey } from '../../archive/keys.ts';
import { snapshotDigest } from '../../archive/snapshot-digest.ts';
import { type KeyedProvider, withKeys } from '../../encryption/keyed-provider.ts';
import { HoldfastError } from '../../errors.ts';
import { readJsonFile, writeJsonFile } from '../../state/atomic-file.ts';
import type { LastSnapshot } from '../../state/lineages.ts';
import type { OpenAddin } from '../addin.ts';
import { contentKeysBlock, type NotedContents } from '../capture/content-keys.ts';
import type { ListedSnapshot, Snapshot } from '../catalog.ts';
import { filesOf, IndexFiles, IndexFileWriter } from './index-files.ts';

const version = 1;
const contentKeysFile = 'contents.keys';
const snapshotFile = /^[0-9a-f]{12}\.json$/;

export interface CacheNames {
  /** False for a provider that makes fulls only: then nothing is kept. */
  readonly useful: boolean;
  readonly stateDir: string;
  readonly addinId: string;
  readonly owner: string;
}

export interface ComparedWith {
  /** Its id. */
  readonly snapshot: string;
  readonly contents: NotedContents;
}

export class ParentCache {
  /** Null where nothing is kept. */
  readonly #directory: string | null;
  readonly #files: IndexFiles;
  readonly #writers: IndexFileWriter[] = [];
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];

  private constructor(directory: string | null, snapshots: readonly Snapshot[]) {
    this.#directory = directory;
    this.#files = new IndexFiles(directory ?? '');
    this.snapshots = snapshots;
  }

  /** Makes its directory. Only one process at a time, which holds the account's lock. */
  static async open({ stateDir, addinId, owner, useful }: CacheNames): Promise<ParentCache> {
    if (!useful) return new ParentCache(null, []);
    const directory = join(stateDir, 'parents', addinId, owner);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const names = readdirSync(directory).filter((name) => snapshotFile.test(name));
    const read = await Promise.all(names.map((name) => readCached(join(directory, name), owner)));
    const snapshots = read.filter((one) => one !== null);
    snapshots.sort((a, b) => a.header.sequence - b.header.sequence);
    return new ParentCache(directory, snapshots);
  }

  find(id: string): Snapshot | null {
    return this.snapshots.find(({ header }) => header.id === id) ?? null;
  }

  /**
   * As a store that can be read would list them: those of the lineage of `last`, and none where that one is lost. An older
   * one is no parent in its place where nobody can ask what prune has left of it.
   */
  listed(last: Pick<LastSnapshot, 'lineage' | 'digest'>): ListedSnapshot[] {
    const own = this.snapshots.filter(({ header }) => header.lineage === last.lineage);
    if (own.at(-1)?.header.digest !== last.digest) return [];
    return own.map(({ key }) => ({ ...parseManifestKey(key)!, key }));
  }

  /** The provider, with indexes from here where they are: on a store that cannot be read there are no others. */
  over({ provider, store }: Pick<OpenAddin, 'provider' | 'store'>): KeyedProvider {
    const local: NonNullable<KeyedProvider['local']> = (key, range) => {
      const found = this.#files.read(key, range);
      if (found !== null || !store.capabilities.putOnly) return found;
      throw new HoldfastError('OBJECT_MISSING', `the state no longer has ${key} whole`);
    };
    const localFile = (key: string, range: ByteRange): string | null => this.#files.place(key, range);
    return withKeys(provider, { keys: provider.keys ?? null, local, localFile });
  }

  /** What it does not finish is dropped by `close`. */
  writer(indexKey: string): IndexFileWriter {
    const writer = new IndexFileWriter(this.#directory, indexKey);
    this.#writers.push(writer);
    return writer;
  }

  /** Where the keys of contents are, if any. */
  get contentKeys(): string | null {
    return this.#directory === null ? null : join(this.#directory, contentKeysFile);
  }

  /**
   * After the commit: what can no longer be a parent goes.
   *
   * @param compared what it was compared with, and what that has taught of contents; null for a full
   */
  async remember(snapshot: Snapshot, compared: ComparedWith | null = null): Promise<void> {
    const directory = this.#directory;
    if (directory === null) return;
    const { lineage } = snapshot.header;
    const all = [...this.snapshots.filter(({ header }) => header.lineage === lineage), snapshot];
    const kept = new Set([
      snapshot,
      all.findLast(({ header }) => header.state === 'complete'),
      all.findLast(({ header }) => header.level === 'full'),
    ]);
    const { key, header, body, signedBy } = snapshot;
    const file = `${header.id}.json`;
    // Its digest tells whether it is whole.
    const cached = { version, key, header, body, signedBy };
    await writeJsonFile(join(directory, file), cached, { durable: false });
    if (compared !== null) await keepContentKeys(join(directory, contentKeysFile), header.id, compared);
    const wanted = new Set<string>(compared === null ? [] : [contentKeysFile]);
    for (const one of kept) {
      if (one === undefined) continue;
      wanted.add(`${one.header.id}.json`);
      const named = [...one.header.objects, ...one.header.references];
      for (const name of filesOf(named.map((object) => object.key))) wanted.add(name);
    }
    this.#files.close();
    // Removing waits for what others sync at the same time, so it must not hold up the whole process.
    const gone = readdirSync(directory).filter((name) => !wanted.has(name));
    await Promise.all(gone.map((name) => unlink(join(directory, name))));
  }

  /** The next backup finds nothing here to refer to. */
  async forget(): Promise<void> {
    this.#files.close();
    if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true });
  }

  close(): void {
    for (const writer of this.#writers) writer.abandon();
    this.#files.close();
  }
}

/** Whatever goes wrong costs the keys, never the backup: nothing is left of a file that could not be written whole. */
async function keepContentKeys(path: string, snapshot: string, compared: ComparedWith): Promise<void> {
  const { all, added } = compared.contents;
  const block = contentKeysBlock(snapshot, compared.snapshot, added);
  try {
    if (all !== null) {
      const first = contentKeysBlock(compared.snapshot, null, all);
      await writeFile(path, [...first, ...block], { mode: 0o600 });
      return;
    }
    const file = await open(path, constants.O_WRONLY | constants.O_APPEND);
    await file.writeFile(Buffer.concat(block)).finally(() => file.close());
  } catch {
    await rm(path, { force: true }).catch(() => {});
  }
}

/** Null where it cannot be understood, or is not what was written. */
async function readCached(path: string, owner: string): Promise<Snapshot | null> {
  const read = await readJsonFile(path);
  const file = ('value' in read ? read.value : null) as (Snapshot & { readonly version: number }) | null;
  try {
    if (file?.version !== version) return null;
    const { key, header, body, signedBy } = file;
    const listed = parseManifestKey(key);
    if (listed === null || listed.owner !== owner || listed.id !== header.id) return null;
    if (snapshotDigest(header, body) !== header.digest) return null;
    const utc = /-(\d{8}T\d{6}Z)-/.exec(key)?.[1];
    return { key, header, body, signedBy, name: `${body.account.site}-${utc}-${header.id}` };
  } catch {
    return null; // a file of another shape
  }
}
