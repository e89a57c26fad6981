/**
 * How two snapshots differ, one path at a time. Plain data.
 */

import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import type { Snapshot } from '../catalog.ts';

/** What of an entry differs. Inode numbers and ctimes are not part of what a restore brings back. */
export type Aspect =
  | 'type'
  | 'content'
  | 'target'
  | 'device'
  | 'mode'
  | 'owner'
  | 'group'
  | 'mtime'
  | 'acl'
  | 'xattrs'
  /** What `chattr` has set. */
  | 'flags'
  /** It is one file with other names than before: hard links were made or separated. */
  | 'links'
  /** Texts kept beside an export: grants, broken views. */
  | 'besides';

export interface Difference {
  readonly change: 'added' | 'removed' | 'changed' | 'renamed';
  /** Raw bytes; of an export, where a restore puts it. */
  readonly path: Buffer;
  /** Where it was, for what was renamed; else null. */
  readonly from: Buffer | null;
  /** Type bits of `st_mode`, of the later snapshot where it has the path. */
  readonly type: number | 'database';
  /** Empty for what was added or removed, and for what was renamed and is otherwise the same. */
  readonly aspects: readonly Aspect[];
  /** Bytes of a file or an export, 0 for the rest; null where there was nothing. */
  readonly sizeBefore: number | null;
  readonly sizeAfter: number | null;
}

export interface DiffRequest {
  readonly provider: KeyedProvider;
  readonly before: Snapshot;
  readonly after: Snapshot;
  /** So many differences are held back to find renames among them; default 50,000. */
  readonly heldBack?: number;
  readonly signal: AbortSignal;
}

export interface DiffOutcome {
  readonly counts: Readonly<Record<Difference['change'], number>>;
  /** There were too many differences; what was renamed shows as removed and added. */
  readonly renamesGivenUp: boolean;
  /** Components that one of the two could not capture: of what they lack there nothing is said. */
  readonly failed: readonly { readonly component: string; readonly snapshot: string }[];
}
