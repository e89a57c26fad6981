/**
 * What one pass of a restore in place is given, and whom it tells.
 */

import type { IndexReader } from '../index-reader.ts';
import type { Frames } from '../restore/frames.ts';
import type { LiveTree } from './live-tree.ts';
import type { OtherNames } from './other-names.ts';
import type { InPlaceAction } from './types.ts';

export interface PassOutlet {
  action(action: InPlaceAction, path: Buffer, bytes: number): void;
  untouched(): void;
  /** @param lost the store has lost it */
  failed(path: Buffer, message: string, lost?: boolean): void;
  /** One more, below a directory that failed and was told. */
  failedBelow(): void;
  warn(code: string, path: Buffer, message: string): void;
}

export interface PassOptions {
  readonly reader: IndexReader;
  readonly frames: Frames;
  readonly trees: ReadonlyMap<string, LiveTree>;
  /** Raw paths, none within another, in order; an empty one for everything. */
  readonly within: readonly Buffer[];
  /** Names besides those. */
  readonly others: OtherNames;
  readonly delete: boolean;
  readonly compareContents: 'when-times-differ' | 'always';
  /** False: decide only. */
  readonly apply: boolean;
  /** False: take for different what would have to be hashed. */
  readonly hash: boolean;
  readonly keeps: (path: Buffer) => boolean;
  readonly newId: () => string;
  readonly outlet: PassOutlet;
  readonly checkStop: () => void;
}
