/** Snapshots that were copied, and may yet lose what a prune on another machine has decided to remove. Pure. */

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

/** What runs before this one, which began at `sinceMs`, have left to it. */
export const earlierDoubts = ({ doubtful }: Pick<CopyRecord, 'doubtful'>, sinceMs: number): Doubtful[] =>
  [...doubtful].flatMap((key) => {
    const name = parseManifestKey(key);
    return name === null ? [] : [{ listed: { ...name, key }, sinceMs, isEarlier: true as const }];
  });
