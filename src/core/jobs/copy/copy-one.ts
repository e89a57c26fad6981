/**
 * Copies one snapshot from store to store: its objects, those it refers to, its manifest last of all.
 *
 * The manifest is put only when each object is there in its size, and each that was sent had the hash the
 * manifest gives it. Overwrites nothing and removes nothing, so it can be repeated after any interruption.
 */

import { createHash } from 'node:crypto';
import { decodeManifest, type Manifest, manifestLimitBytes, type ObjectRef } from '../../archive/manifest.ts';
import type { ObjectKind, Provider } from '../../contracts/provider.ts';
import type { Store } from '../../contracts/store.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { type ListedSnapshot, snapshotName } from '../catalog.ts';
import { eachLimited } from '../each-limited.ts';
import { bytesOf, collect } from '../streams.ts';

export interface OpenStore {
  readonly store: Store;
  readonly provider: Provider;
}

export interface CopyPath {
  readonly source: OpenStore;
  readonly target: OpenStore;
  readonly signal: AbortSignal;
  /** Called for every object that was sent. */
  readonly onSent: (bytes: number) => void;
}

/** Each of them may be several parts in flight, as the store sees fit. */
const objectsAtOnce = 3;

export interface FoundManifest extends Manifest {
  readonly listed: ListedSnapshot;
  readonly bytes: Buffer;
  readonly name: string;
}

/** @throws OBJECT_MISSING, OBJECT_DAMAGED, FORMAT_UNSUPPORTED */
export async function readManifest(
  { source, signal }: Pick<CopyPath, 'source' | 'signal'>,
  listed: ListedSnapshot,
): Promise<FoundManifest> {
  const { key } = listed;
  const bytes = await collect(source.provider.get({ key, signal }), manifestLimitBytes);
  const manifest = decodeManifest(bytes, key);
  const { id, owner, server, sequence } = manifest.header;
  if (
    id !== listed.id ||
    owner !== listed.owner ||
    server !== listed.server ||
    sequence !== listed.sequence
  ) {
    throw damaged(`manifest ${key} belongs to another snapshot`);
  }
  return { ...manifest, listed, bytes, name: snapshotName(manifest.body.account.site, listed) };
}

/**
 * @throws OBJECT_MISSING, OBJECT_DAMAGED the source lacks an object or has a damaged one, or the target
 *   has another one of that name
 * @throws STORE_UNAVAILABLE, STORE_FULL, STORE_DENIED
 */
export async function copyOne(path: CopyPath, manifest: FoundManifest): Promise<void> {
  const { header, listed, bytes } = manifest;
  const objects = [...header.objects, ...header.references];
  for (const { key } of objects) {
    if (!/^(?:data|index)\//.test(key)) {
      throw damaged(`manifest ${listed.key} names ${printable(key, 4096)}, which is no object of a snapshot`);
    }
  }
  const there = await sizesThere(path, listed);
  await eachLimited(objects, objectsAtOnce, (object) => copyObject(path, object, there));
  const { key } = listed;
  await send(path, { kind: 'manifest', key, size: bytes.length, body: bytesOf(bytes) });
}

/** What the target has of this owner already. */
async function sizesThere(
  { target, signal }: CopyPath,
  { server, owner }: ListedSnapshot,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  if (target.store.capabilities.putOnly) return sizes;
  for (const prefix of [`data/${server}/${owner}/`, `index/${server}/${owner}/`]) {
    let after: string | undefined;
    do {
      const page = await target.store.list({ prefix, ...(after === undefined ? {} : { after }), signal });
      for (const { key, sizeBytes } of page.objects) sizes.set(key, sizeBytes);
      after = page.next ?? undefined;
    } while (after !== undefined);
  }
  return sizes;
}

async function copyObject(
  path: CopyPath,
  object: ObjectRef,
  there: ReadonlyMap<string, number>,
): Promise<void> {
  const { key, size, kind } = object;
  const found = there.get(key);
  if (found === size) return;
  if (found !== undefined) throw otherSize(key, found, size);
  const body = new CheckedBody(path.source.provider.get({ key, signal: path.signal }), object);
  try {
    await send(path, { kind: kind === 'beside' ? 'export' : kind, key, size, body });
  } catch (error) {
    throw body.sourceError ?? error;
  }
}

interface Sending {
  readonly kind: ObjectKind;
  readonly key: string;
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Create-only; what is there already is taken for the same where its size is. */
async function send({ target, signal, onSent }: CopyPath, { kind, key, size, body }: Sending): Promise<void> {
  let sent = true;
  try {
    await target.provider.put({ kind, key, body, sizeBytes: size, createOnly: true, signal });
  } catch (error) {
    if (!isHoldfastError(error) || error.code !== 'OBJECT_EXISTS') throw error;
    sent = false;
  }
  if (!target.store.capabilities.putOnly) {
    const info = await target.store.head({ key, signal });
    if (info === null) throw damaged(`object ${key} is not in the copy after it was sent`);
    if (info.sizeBytes !== size) throw otherSize(key, info.sizeBytes, size);
  }
  if (sent) onSent(size);
}

/** Fails at its end where the bytes were not those of the manifest, so that a put of it leaves nothing. */
class CheckedBody implements AsyncIterable<Uint8Array> {
  /** What was wrong with the source, to tell it from a target that failed. */
  sourceError: unknown = null;
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #object: ObjectRef;

  constructor(source: AsyncIterable<Uint8Array>, object: ObjectRef) {
    this.#source = source;
    this.#object = object;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { key, size, sha256 } = this.#object;
    const digest = createHash('sha256');
    let length = 0;
    const pieces = this.#source[Symbol.asyncIterator]();
    try {
      for (let next = await this.#next(pieces); next !== null; next = await this.#next(pieces)) {
        digest.update(next);
        length += next.length;
        if (length > size) throw this.#damaged(`object ${key} has more than ${size} bytes`);
        yield next;
      }
    } finally {
      await pieces.return?.();
    }
    if (length !== size) throw this.#damaged(`object ${key} has ${length} bytes, not ${size}`);
    if (digest.digest('hex') !== sha256) {
      throw this.#damaged(`object ${key} has another hash than when it was written`);
    }
  }

  async #next(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | null> {
    try {
      const { done, value } = await pieces.next();
      return done === true ? null : value;
    } catch (error) {
      this.sourceError = error;
      throw error;
    }
  }

  #damaged(message: string): HoldfastError {
    this.sourceError = damaged(message);
    return this.sourceError as HoldfastError;
  }
}

function damaged(message: string): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', message, {
    hint: 'Run `holdfast verify` on the main store; copies of other snapshots are not affected.',
  });
}

function otherSize(key: string, found: number, wanted: number): HoldfastError {
  return new HoldfastError('OBJECT_DAMAGED', `object ${key} has ${found} bytes in the copy, not ${wanted}`, {
    hint: 'Remove that object from the copy; the next run sends it again.',
  });
}
