/**
 * What a restore in place is asked and what it answers. Plain data but for the panel and the provider.
 */

import type { Warning } from '../../archive/manifest.ts';
import type { Account, Panel } from '../../contracts/panel.ts';
import type { KeyedProvider } from '../../encryption/keyed-provider.ts';
import type { Snapshot } from '../catalog.ts';
import type { RestoreFailure } from '../restore/types.ts';
import type { ReadLimits } from './space.ts';

/**
 * What happens to one path: `create` where nothing was, `replace` by a new inode (another type, an inode that
 * is shared or must not be edited), `content` written anew, `metadata` alone, `link` to another name of the
 * same file, `delete`.
 */
export const inPlaceActions = ['create', 'replace', 'content', 'metadata', 'link', 'delete'] as const;
export type InPlaceAction = (typeof inPlaceActions)[number];

export interface InPlaceRequest {
  readonly provider: KeyedProvider;
  readonly snapshot: Snapshot;
  /** The live account that owns the snapshot; the caller has compared their UUIDs. */
  readonly account: Account;
  readonly panel: Panel;
  /** Where the account's lock is. */
  readonly stateDir: string;
  /** Raw paths inside the snapshot; each brings what lies below it. */
  readonly paths: readonly Buffer[];
  /** True where `paths` do not narrow it down: every tree. */
  readonly everything: boolean;
  /** Remove below the restored paths what the snapshot does not have. */
  readonly delete: boolean;
  /** `when-times-differ`: equal size and modification time are taken for equal content. */
  readonly compareContents: 'when-times-differ' | 'always';
  /** List what would happen and change nothing. */
  readonly dryRun: boolean;
  /** At least 16 hexadecimal digits, never the same twice. */
  readonly newId: () => string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: InPlaceEvent) => void;
  /** Quotas and free space; the kernel's where nothing is given. */
  readonly readLimits?: ReadLimits;
}

export type InPlaceEvent =
  | { readonly type: 'planned'; readonly actions: number; readonly bytes: number }
  /** `path` is raw. For a regular file that is written, `bytes` of data come from the snapshot. */
  | {
      readonly type: 'action';
      readonly action: InPlaceAction;
      readonly path: Buffer;
      readonly bytes: number;
    };

export interface InPlaceReport {
  readonly actions: Readonly<Record<InPlaceAction, number>>;
  /** Bytes of data written. */
  readonly bytes: number;
  /** Entries that were as they should be. */
  readonly untouched: number;
  /** Trees that were restored, wholly or in part. */
  readonly trees: readonly string[];
  readonly warnings: readonly Warning[];
  readonly warningCounts: Readonly<Record<string, number>>;
  /** What could not be brought back; everything else was. At most 1,000 are listed. */
  readonly failures: readonly RestoreFailure[];
  readonly failureCount: number;
  /** Some of it is lost or damaged in the store; all else stands in the way here. */
  readonly lostInStore: boolean;
  /** 0, that of FINISHED_WITH_WARNINGS, or that of RESTORE_INCOMPLETE. */
  readonly exitStatus: number;
}
