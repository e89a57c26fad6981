/** A backup tool in the race. Everything but the commands it returns happens outside the timing. */

import type { Command } from '../measure.ts';
import type { MediumTree } from '../medium-tree.ts';

export interface Contestant {
  readonly name: string;
  readonly version: string;
  /** How it is called, for the report. */
  readonly settings: string;

  /** Makes an empty repository in `place`, an empty directory, together with caches and all else it needs. */
  prepare(tree: MediumTree, place: string): void;
  /** Backs up every account; called once for each prepared place. */
  backup(tree: MediumTree, place: string): readonly Command[];
  /** Restores all of it into `target`, an empty directory. */
  restore(tree: MediumTree, place: string, target: string): readonly Command[];
  /** Restores an account, by its home, or a file in one; both are relative to the tree's root. */
  restorePath(tree: MediumTree, place: string, target: string, path: string): readonly Command[];
  /** What a backup stores, without caches and state. */
  repository(place: string): string;
  /** Where restoring has put `path`. */
  restored(tree: MediumTree, target: string, path: string): string;
}
