/** What a backup left out on purpose: the snapshot records the patterns, so that nothing of it passes for empty or absent. */

import { PathFilter } from '../filesystem/patterns.ts';
import type { Snapshot } from './catalog.ts';

/** The patterns of a tree, whose name may be that of a property that every object has. */
export const ofTree = (
  patterns: Readonly<Record<string, readonly string[]>> | undefined,
  tree: string,
): readonly string[] | undefined =>
  patterns !== undefined && Object.hasOwn(patterns, tree) ? patterns[tree] : undefined;

/**
 * The exclusion that leaves out a path, or what a directory holds, as it is configured: tree and pattern. Null where none does.
 *
 * @param path raw, inside the snapshot
 */
export function exclusionOver({ body }: Pick<Snapshot, 'body'>, path: Buffer): string | null {
  const [tree = '', ...parts] = path.toString('latin1').split('/');
  const isOver = (pattern: string): boolean => {
    const filter = new PathFilter([pattern], undefined);
    return parts.some((_, i) => filter.judge(parts.slice(0, i + 1).join('/'), i + 1) === 'leave-out');
  };
  const found = (ofTree(body.exclusions, tree) ?? []).find(isOver);
  return found === undefined ? null : `${tree}/${found}`;
}
