/** Compares two trees with `compare_trees.py`, a witness that shares no code with Holdfast. */

import { runPython } from './run-python.ts';

export interface TreeDifference {
  /** Relative to the roots, control characters and invalid UTF-8 escaped; `.` is the root itself. */
  readonly path: string;
  readonly field: string;
  readonly a: string;
  readonly b: string;
}

export type ComparedField =
  | 'type'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'size'
  | 'content'
  | 'holes'
  | 'mtime'
  | 'target'
  | 'device'
  | 'xattr'
  | 'links';

export interface CompareOptions {
  /** Entries left out with all that lies below them, as paths relative to the roots. */
  readonly ignore?: readonly string[];
  /** Directories whose own entry is compared and whose contents are not. */
  readonly ignoreBelow?: readonly string[];
  readonly ignoreXattrs?: readonly string[];
  readonly ignoreFields?: readonly ComparedField[];
}

export interface Comparison {
  /** Entries that both trees have, without the roots. */
  readonly entries: number;
  readonly differences: readonly TreeDifference[];
}

/** Every difference between two trees, in byte order of their paths, hard links last. */
export async function compareTrees(a: string, b: string, options: CompareOptions = {}): Promise<Comparison> {
  const repeated = (flag: string, values: readonly string[] = []) =>
    values.map((value) => `${flag}=${value}`);
  const output = await runPython('compare_trees.py', [
    a,
    b,
    '--json',
    ...repeated('--ignore', options.ignore),
    ...repeated('--ignore-below', options.ignoreBelow),
    ...repeated('--ignore-xattr', options.ignoreXattrs),
    ...repeated('--ignore-field', options.ignoreFields),
  ]);
  return JSON.parse(output) as Comparison;
}
