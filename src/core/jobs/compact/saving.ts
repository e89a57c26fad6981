/**
 * What rewriting some of an account's objects would save in the end, once prune has been there: the objects that go, less
 * what is written instead. Pure.
 *
 * What is written is more than the living contents: every snapshot concerned gets an index object of its own, with a
 * new root and such pages as name something else now. In a small account with many snapshots that is more than goes.
 */

import type { Snapshot } from '../catalog.ts';
import type { AccountScan } from './scan.ts';

/**
 * What a snapshot's new revision costs besides its index: the requests, the manifest, which is there twice for a while, and
 * what encryption and the names of new objects add.
 */
const revisionBytes = 1024;

export class Saving {
  readonly #scan: AccountScan;
  /** Of objects that may be added, by key. */
  readonly #pagesOf = new Map<string, string[]>();
  readonly #snapshotsOf = new Map<string, Snapshot[]>();
  /** Pages and roots in each index object that would still be referred to. */
  readonly #left: Map<string, number>;
  readonly #stale = new Set<string>();
  readonly #concerned = new Set<Snapshot>();
  /** Below 0 where it costs more than it saves. */
  bytes = 0;

  /** @param candidates keys of the objects that may be added */
  constructor(scan: AccountScan, candidates: ReadonlySet<string>) {
    this.#scan = scan;
    this.#left = new Map([...scan.indexes].map(([key, { parts }]) => [key, parts]));
    for (const [page, { index, uses }] of scan.pages)
      for (const key of [...uses, index]) if (candidates.has(key)) push(this.#pagesOf, key, page);
    for (const snapshot of scan.snapshots)
      for (const { key } of [...snapshot.header.objects, ...snapshot.header.references])
        if (candidates.has(key)) push(this.#snapshotsOf, key, snapshot);
  }

  /** @param key of an object that is rewritten too; an index goes once nothing in it is left */
  add(key: string): void {
    const { segments, pages } = this.#scan;
    const segment = segments.get(key);
    if (segment !== undefined) this.bytes += segment.row.storedBytes - segment.live.storedBytes(segment.row);
    for (const page of this.#pagesOf.get(key) ?? []) {
      if (this.#stale.has(page)) continue;
      this.#stale.add(page);
      const { index, storedBytes } = pages.get(page)!;
      this.bytes -= storedBytes;
      this.#leave(index);
    }
    for (const snapshot of this.#snapshotsOf.get(key) ?? []) {
      if (this.#concerned.has(snapshot)) continue;
      this.#concerned.add(snapshot);
      const { header, body } = snapshot;
      this.bytes -= body.index!.length + revisionBytes;
      const own = [...header.objects, ...header.references].find(
        ({ number }) => number === body.index!.object,
      );
      if (own !== undefined) this.#leave(own.key);
    }
  }

  #leave(index: string): void {
    const left = (this.#left.get(index) ?? 0) - 1;
    this.#left.set(index, left);
    if (left === 0) this.bytes += this.#scan.indexes.get(index)!.storedBytes;
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
