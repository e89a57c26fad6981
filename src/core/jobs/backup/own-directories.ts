/**
 * Finds trees that would capture our own state or a store of ours, or that lie in one. Such a tree is refused: a
 * backup of the backups grows with each night, and what lies in a store is not an account's.
 *
 * Where a directory of ours is excluded from the tree, or is another file system mounted in it, nothing of it would
 * be captured, and nothing is refused.
 */

import { realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { Tree } from '../../contracts/panel.ts';
import { HoldfastError } from '../../errors.ts';
import { PathFilter } from '../../filesystem/patterns.ts';
import { printable } from '../../printable.ts';
import type { RefusedTree } from './raw-data.ts';

export interface OwnDirectory {
  /** Absolute; it need not be there yet. */
  readonly path: string;
  /** For messages, e.g. `the store of nightly`. */
  readonly what: string;
}

/** Looks at names and devices only. */
export function refuseOwn(
  trees: readonly Tree[],
  own: readonly OwnDirectory[],
): { readonly trees: readonly Tree[]; readonly refused: readonly RefusedTree[] } {
  const ours = own.map((one) => ({ ...one, real: realPath(one.path) }));
  const refused = trees.flatMap((tree): RefusedTree[] => {
    const root = realPath(tree.path);
    for (const { real, what } of ours) {
      if (isBelow(root, real)) return [{ tree, error: refusal(tree, 'lies in', what, '') }];
      if (!isBelow(real, root)) continue;
      const path = relative(root, real);
      if (!captured(tree, path) || otherFileSystem(root, real)) continue;
      return [{ tree, error: refusal(tree, 'holds', what, path) }];
    }
    return [];
  });
  return { trees: trees.filter((tree) => !refused.some((one) => one.tree === tree)), refused };
}

function refusal({ name, path }: Tree, verb: string, what: string, inside: string): HoldfastError {
  const message = `tree ${name}, ${printable(path, 4096)}, ${verb} ${what}`;
  return new HoldfastError('TREE_OVERLAPS', message, {
    hint:
      inside === ''
        ? 'Take the account out of the configuration, or move what is ours elsewhere.'
        : `Exclude "${printable(inside, 4096)}" from the tree, or move what is ours elsewhere.`,
  });
}

function captured(tree: Tree, path: string): boolean {
  const filter = new PathFilter(tree.exclude, tree.include);
  const parts = Buffer.from(path).toString('latin1').split('/');
  return parts.every((_, i) => {
    const verdict = filter.judge(parts.slice(0, i + 1).join('/'), i + 1);
    return verdict === 'take' || verdict === 'pass';
  });
}

const isBelow = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);

/** Links resolved as far as the path is there. */
function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

function otherFileSystem(root: string, inside: string): boolean {
  const [a, b] = [statOf(root), statOf(inside)];
  return a !== null && b !== null && a.dev !== b.dev;
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
