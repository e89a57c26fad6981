/**
 * Plain frames of objects on request, for whoever puts contents together: cached, a few ahead.
 *
 * Neighbouring frames of one object come from one request. The last frames stay in memory, because the
 * next entry mostly lies in the same one.
 */

import type { Entry } from '../../archive/entry.ts';
import { decompressFrame } from '../../archive/frame-splitter.ts';
import { FrameMap } from '../../archive/frames.ts';
import type { ObjectRow } from '../../archive/root.ts';
import { type KeyedProvider, readPayload } from '../../encryption/keyed-provider.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';

export interface FrameRef {
  readonly object: number;
  readonly frame: number;
}

/** Where frames come from as stored: a provider, or another thread that has one. */
export type FetchFrame = (object: number, frame: number) => Promise<Uint8Array>;

/** Two frames of the largest size, or many small ones: those of short nights in a long chain. */
const cachedBytes = 8 * 1024 * 1024;
const aheadFrames = 2;
const keyOf = (ref: FrameRef): string => `${ref.object}:${ref.frame}`;

export class Frames {
  readonly #maps: ReadonlyMap<number, { readonly row: ObjectRow; readonly map: FrameMap }>;
  readonly #fetch: FetchFrame;
  readonly #plain = new Map<string, Buffer>();
  readonly #coming = new Map<string, Promise<Uint8Array>>();
  #plainBytes = 0;
  #wanted: FrameRef[] = [];

  constructor(objects: readonly ObjectRow[], fetch: FetchFrame) {
    this.#maps = new Map(objects.map((row) => [row.number, { row, map: new FrameMap(row.frames) }]));
    this.#fetch = fetch;
  }

  /** Frames that these entries need, in order, each once. What points outside fails when it is restored. */
  needed(entries: readonly Entry[]): FrameRef[] {
    const refs: FrameRef[] = [];
    for (const { content } of entries) {
      for (const { object, tarOffset, length } of content?.extents ?? []) {
        for (const ref of this.known(object, tarOffset, length)) {
          const last = refs.at(-1);
          if (last === undefined || last.object !== ref.object || last.frame !== ref.frame) refs.push(ref);
        }
      }
    }
    return refs;
  }

  /** As `covering`; none where the range points outside. */
  known(object: number, tarOffset: number, length: number): FrameRef[] {
    try {
      return this.covering(object, tarOffset, length);
    } catch (error) {
      if (isHoldfastError(error) && error.code === 'OBJECT_DAMAGED') return [];
      throw error;
    }
  }

  /**
   * The frames that hold a range of an object's plain bytes, in order.
   *
   * @throws OBJECT_DAMAGED the range is not within the object, or there is no such object
   */
  covering(object: number, tarOffset: number, length: number): FrameRef[] {
    const map = this.#map(object);
    const refs: FrameRef[] = [];
    let frame = map.find(tarOffset);
    const end = tarOffset + length;
    for (; frame >= 0 && frame < map.frames.length && map.plainStart(frame) < end; frame++) {
      refs.push({ object, frame });
    }
    const last = refs.at(-1);
    if (last === undefined || map.plainStart(last.frame) + map.frames[last.frame]!.plain < end) {
      throw new HoldfastError('OBJECT_DAMAGED', `an index points outside of object ${object}`, {
        hint: 'Run `holdfast verify` to see which snapshots are affected.',
      });
    }
    return refs;
  }

  plainStart(ref: FrameRef): number {
    return this.#map(ref.object).plainStart(ref.frame);
  }

  /** What will be asked for next, in order: fetching runs a few frames ahead of `plain`. */
  expect(refs: readonly FrameRef[]): void {
    this.#wanted = [...refs];
    this.#runAhead();
  }

  /** In memory already, or null. */
  peek(ref: FrameRef): Buffer | null {
    return this.#plain.get(keyOf(ref)) ?? null;
  }

  /** @throws OBJECT_MISSING, OBJECT_DAMAGED */
  async plain(ref: FrameRef): Promise<Buffer> {
    const key = keyOf(ref);
    const known = this.#plain.get(key);
    if (known !== undefined) return known;
    const stored = await (this.#coming.get(key) ?? this.#fetch(ref.object, ref.frame));
    this.#coming.delete(key);
    this.#wanted = this.#wanted.filter((one) => keyOf(one) !== key);
    this.#runAhead();
    const { row, map } = this.#maps.get(ref.object)!;
    const size = map.frames[ref.frame]!.plain;
    const plain = decompressFrame(stored, `object ${row.key}`, size);
    if (plain.length !== size) {
      throw new HoldfastError('OBJECT_DAMAGED', `object ${row.key} is damaged: a frame has another size`, {
        hint: 'Run `holdfast verify --read-data`, and restore from another snapshot.',
      });
    }
    this.#plain.set(key, plain);
    this.#plainBytes += size;
    this.#forget();
    return plain;
  }

  /** The oldest, down to what may stay; never the newest. */
  #forget(): void {
    for (const [key, plain] of this.#plain) {
      if (this.#plainBytes <= cachedBytes || this.#plain.size === 1) return;
      this.#plain.delete(key);
      this.#plainBytes -= plain.length;
    }
  }

  #map(object: number): FrameMap {
    const known = this.#maps.get(object);
    if (known !== undefined) return known.map;
    throw new HoldfastError(
      'OBJECT_DAMAGED',
      `an index names object ${object}, which its root does not know`,
      {
        hint: 'Run `holdfast verify` to see which snapshots are affected.',
      },
    );
  }

  #runAhead(): void {
    for (const ref of this.#wanted.slice(0, aheadFrames)) {
      const key = keyOf(ref);
      if (this.#coming.has(key) || this.#plain.has(key)) continue;
      const coming = this.#fetch(ref.object, ref.frame);
      coming.catch(() => {}); // whoever awaits it hears of the failure
      this.#coming.set(key, coming);
    }
  }
}

/** Fetches single frames from a provider. @throws OBJECT_MISSING, OBJECT_DAMAGED */
export function fetchFrom(
  provider: KeyedProvider,
  objects: readonly ObjectRow[],
  signal: AbortSignal,
): FetchFrame {
  const rows = new Map(objects.map((row) => [row.number, { row, map: new FrameMap(row.frames) }]));
  return async (object, frame) => {
    const { row, map } = rows.get(object)!;
    const range = { offset: map.storedStart(frame), length: map.frames[frame]!.compressed };
    return readPayload(provider, row, range, signal);
  };
}
