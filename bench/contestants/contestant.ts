/** A backup tool in the race. Everything but the commands it returns happens outside the timing. */

import type { Command } from '../measure.ts';
import type { MediumTree } from '../medium-tree.ts';

export interface Contestant {
  readonly name: string;
  readonly version: string;
  /** How it is called, for the report. */
  readonly settings: string;

  /** False where all that is stored comes back, or nothing. */
  readonly knowsFiles?: boolean;

  /** Makes an empty repository in `place`, an empty directory, together with caches and all else it needs. */
  prepare(tree: MediumTree, place: string): void;
  /** Backs up every account; called once for each prepared place. */
  backup(tree: MediumTree, place: string): readonly Command[];
  /** Restores all of it into `target`, an empty directory. */
  restore(tree: MediumTree, place: string, target: string): readonly Command[];
  /** Restores an account, by its home, or a file in one; both are relative to the tree's root. */
  restorePath(tree: MediumTree, place: string, target: string, path: string): readonly Command[];
  /** What a backup stores, without caches and state; empty where it stores nothing in the place. */
  repository(place: string): string;
  /** Bytes that a backup stored, and its removal, where it does not lie in the place. */
  readonly elsewhere?: { bytes(place: string): number; remove(place: string): void };
  /** Where restoring has put `path`. */
  restored(tree: MediumTree, target: string, path: string): string;
}
