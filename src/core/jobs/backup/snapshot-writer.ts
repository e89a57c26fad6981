/**
 * The objects of one snapshot on their way to the store: numbers, keys, puts under way, what was written.
 *
 * Every put must have resolved before the manifest's begins; `settled` is that moment. The first put that
 * fails stops the whole snapshot through `failed`.
 */

import { ageSuffix, exportKey, indexKey, segmentKey } from '../../archive/keys.ts';
import type { ObjectRef } from '../../archive/manifest.ts';
import type { ObjectRow, ObjectSeal } from '../../archive/root.ts';
import { objectKinds } from '../../archive/root.ts';
import type { ObjectKind, Provider } from '../../contracts/provider.ts';
import type { OwnerEpoch } from '../../encryption/owner-keys.ts';
import type { SegmentDone } from '../capture/messages.ts';
import { FrameStream } from './frame-stream.ts';
import { type EarlierExport, HoldBudget, isSameExport, putUnlessSame } from './held-export.ts';
import type { LeftSegments } from './left-segments.ts';
import { missingObject, type ParentSnapshot, referenceTo } from './parent-snapshot.ts';
import type { PutGaps } from './put-gaps.ts';
import type { SegmentJournal } from './segment-journal.ts';

/** Of exports of one account, compressed, while they are compared with earlier ones. */
const heldBytes = 32 * 1024 * 1024;

export interface SnapshotNames {
  readonly server: string;
  readonly owner: string;
  readonly objectId: string;
  /** Of the key that all objects are encrypted to; left out or null, they are stored plain. */
  readonly epoch?: OwnerEpoch | null;
}

/** A body whose producer waits until its bytes are taken, or given up. */
export interface AbandonableBody extends AsyncIterable<Uint8Array> {
  abandon(): void;
}

export interface WrittenExport {
  readonly number: number;
  readonly plainBytes: number;
  readonly sha256: string;
}

export class SnapshotWriter {
  readonly names: SnapshotNames;
  /** Aborted where the run is interrupted or a put has failed. */
  readonly signal: AbortSignal;
  readonly objects: ObjectRef[] = [];
  /** Objects of earlier snapshots that this one refers to. */
  readonly references: ObjectRef[] = [];
  readonly rows: ObjectRow[] = [];
  nextNumber = 0;
  /** What interrupted runs left, and what of it this snapshot refers to. */
  left: LeftSegments | null = null;
  readonly takenOver: ObjectRow[] = [];
  journal: SegmentJournal | null = null;
  /** Where the store cannot be asked what has become of the objects. */
  gaps: PutGaps | null = null;
  storeClockMs: number | null = null;
  /** Plain bytes of the exports and texts that were stored anew. */
  exportedBytes = 0;
  readonly #provider: Provider;
  readonly #controller = new AbortController();
  readonly #pending = new Set<Promise<void>>();
  readonly #held = new HoldBudget(heldBytes);
  #error: unknown = null;
  #treesGivenUp = false;

  constructor(names: SnapshotNames, provider: Provider, signal: AbortSignal) {
    this.names = names;
    this.#provider = provider;
    // `any` holds its sources weakly: a run over ten thousand accounts keeps none of their writers.
    this.signal = AbortSignal.any([signal, this.#controller.signal]);
  }

  /** The first put that failed, or whatever else stopped it; null where nothing has. */
  get failed(): unknown {
    return this.#error;
  }

  /** Starts a put of a segment or an index; failures surface in `settled`. */
  start(kind: ObjectKind, key: string, body: AbandonableBody): void {
    const stored = this.put(kind, key, body).then(() => this.#note(key));
    const put = stored.catch((error: unknown) => {
      if (this.#treesGivenUp) return body.abandon();
      this.fail(error);
      body.abandon(); // a store may refuse before it asks for the first byte
    });
    const tracked: Promise<void> = put.then(() => {
      this.#pending.delete(tracked);
    });
    this.#pending.add(tracked);
  }

  /** Stops the whole snapshot. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#controller.abort(error);
  }

  /**
   * The snapshot is to have no trees after all: their puts may fail, and what was stored of them is nobody's.
   * Exports have all been written by then.
   */
  giveUpTrees(): void {
    this.#treesGivenUp = true;
    const others = this.objects.filter(({ kind }) => kind !== 'segment' && kind !== 'index');
    this.objects.splice(0, this.objects.length, ...others);
    this.rows.length = 0;
    this.takenOver.length = 0;
  }

  async put(
    kind: ObjectKind,
    key: string,
    body: AsyncIterable<Uint8Array>,
    sizeBytes?: number,
  ): Promise<void> {
    const size = sizeBytes === undefined ? {} : { sizeBytes };
    const rest = { kind, key, createOnly: true, signal: this.signal, ...size };
    const put = (bytes: AsyncIterable<Uint8Array>) => this.#provider.put({ ...rest, body: bytes });
    const gaps = kind === 'manifest' ? null : this.gaps;
    const { storedAtMs } = await (gaps === null ? put(body) : gaps.follow(key, body, put));
    if (storedAtMs !== null) this.storeClockMs = Math.max(this.storeClockMs ?? 0, storedAtMs);
  }

  /** The store has the object now. */
  #note(key: string): void {
    const row = this.journal === null ? undefined : this.rows.find((one) => one.key === key);
    if (row !== undefined) this.journal?.stored(row);
  }

  /** @throws whatever made the first put fail */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    if (this.#error !== null) throw this.#error;
  }

  segmentKey(number: number): string {
    const { server, owner, objectId } = this.names;
    return segmentKey(server, owner, objectId, number) + this.#suffix;
  }

  indexKey(): string {
    const { server, owner, objectId } = this.names;
    return indexKey(server, owner, objectId) + this.#suffix;
  }

  /** 32 bytes of the key that objects are encrypted to, or null. */
  get publicKey(): Buffer | null {
    return this.names.epoch?.publicKey ?? null;
  }

  get #suffix(): string {
    return this.publicKey === null ? '' : ageSuffix;
  }

  #refOf(ref: Omit<ObjectRef, 'epoch'>): ObjectRef {
    const { epoch } = this.names;
    return epoch === undefined || epoch === null ? ref : { ...ref, epoch: epoch.epoch };
  }

  /** What the index remembers of an encrypted object, as part of its row. */
  sealOf(sealed: Uint8Array | null): { readonly seal?: ObjectSeal } {
    const { epoch } = this.names;
    return sealed === null || !epoch ? {} : { seal: { epoch: epoch.epoch, sealed } };
  }

  addSegment({ number, storedBytes, sha256: digest, sealed, frames }: SegmentDone): void {
    const key = this.segmentKey(number);
    const sha256 = Buffer.from(digest);
    const ref = { number, key, kind: 'segment', size: storedBytes, sha256: sha256.toString('hex') } as const;
    this.objects.push(this.#refOf(ref));
    const row = { number, key, kind: objectKinds.segment, storedBytes, sha256, frames };
    this.rows.push({ ...row, ...this.sealOf(sealed) });
  }

  /**
   * Rows of those used objects that this run did not write. They become references of the manifest, or its own
   * objects where no snapshot has them yet.
   */
  refer(used: ReadonlySet<number>, parent: Pick<ParentSnapshot, 'objects'> | null): ObjectRow[] {
    const own = new Set(this.rows.map(({ number }) => number));
    return [...used].flatMap((number) => {
      if (own.has(number)) return [];
      const left = this.left?.objects.get(number);
      const row = left ?? parent?.objects.get(number);
      if (row === undefined) throw missingObject(number);
      if (left !== undefined) this.takenOver.push(left);
      (left === undefined ? this.references : this.objects).push(referenceTo(row));
      return [row];
    });
  }

  addIndex(number: number, storedBytes: number, sha256: string): void {
    const key = this.indexKey();
    this.objects.push(this.#refOf({ number, key, kind: 'index', size: storedBytes, sha256 }));
  }

  /**
   * Compresses and stores one export or text, or refers to the earlier one where that is the same. Rejects
   * with what the body threw where the body failed; a failing store stops the snapshot as well.
   */
  async writeExport(
    kind: 'export' | 'beside',
    format: 'sql' | 'pgdump',
    body: AsyncIterable<Uint8Array>,
    options: { readonly onBytes: (bytes: number) => void; readonly earlier: EarlierExport | null },
  ): Promise<WrittenExport> {
    const { onBytes, earlier } = options;
    const stream = new FrameStream(body, onBytes, this.publicKey);
    const { server, owner, objectId } = this.names;
    let [number, key] = [-1, ''];
    const put = (pieces: AsyncIterable<Uint8Array>, sizeBytes?: number): Promise<void> => {
      number = this.nextNumber++;
      key = exportKey(server, owner, objectId, number, format) + this.#suffix;
      return this.put('export', key, pieces, sizeBytes);
    };
    try {
      if (earlier === null) await put(stream);
      else await putUnlessSame(stream, earlier, this.#held, put);
    } catch (error) {
      if (stream.sourceError !== null) throw stream.sourceError;
      this.fail(error);
      throw error;
    }
    const { plain, stored } = stream.digests();
    const { plainBytes, storedBytes } = stream;
    if (earlier !== null && isSameExport(stream, earlier)) {
      // One that was too large to be held back has been stored for nothing; prune removes it.
      this.references.push(earlier.object);
      return { number: earlier.object.number, plainBytes, sha256: plain };
    }
    this.exportedBytes += plainBytes;
    this.objects.push(this.#refOf({ number, key, kind, size: storedBytes, sha256: stored }));
    return { number, plainBytes, sha256: plain };
  }
}
