/** Snapshots that were copied, and may yet lose what a prune on another machine has decided to remove. */

import { parseManifestKey } from '../../archive/keys.ts';
import type { ListedSnapshot } from '../catalog.ts';
import type { CopyRecord } from './copy-record.ts';

export interface Doubtful {
  readonly listed: ListedSnapshot;
  /** When its manifest was there at the latest. */
  readonly sinceMs: number;
  /** It was copied by a run that was interrupted before its second look. */
  readonly isEarlier?: true;
}

export class Doubts {
  readonly #record: Pick<CopyRecord, 'doubtful'>;
  readonly #doubtful = new Map<string, Doubtful>();

  /** With what earlier runs have left. @param nowMs when this one began */
  constructor(record: Pick<CopyRecord, 'doubtful'>, nowMs: number) {
    this.#record = record;
    for (const key of record.doubtful) {
      const name = parseManifestKey(key);
      if (name !== null)
        this.#doubtful.set(key, { listed: { ...name, key }, sinceMs: nowMs, isEarlier: true });
    }
  }

  get all(): readonly Doubtful[] {
    return [...this.#doubtful.values()];
  }

  add(listed: ListedSnapshot, sinceMs: number): void {
    this.#doubtful.set(listed.key, { listed, sinceMs });
    this.#record.doubtful.add(listed.key);
  }

  /** No later run needs to look. */
  settle(key: string): void {
    this.#record.doubtful.delete(key);
  }

  /** For so long the second look has to wait; not above 0 where there is nothing to look at. */
  waitMs(settleMs: number, nowMs: number): number {
    const lastMs = Math.max(...this.all.map(({ sinceMs }) => sinceMs));
    return Math.min(settleMs, lastMs + settleMs - nowMs);
  }
}
