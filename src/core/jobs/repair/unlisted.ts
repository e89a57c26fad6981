/**
 * What a full has lost whose index is made again while some of its segments are gone: what these held alone, directories, links and
 * empty files too, is in no list any more. The manifest says how many entries each tree had.
 *
 * Sockets are among them, since no segment has any: which of what is not there was one, nobody knows.
 */

import type { Component, ManifestBody, ManifestHeader } from '../../archive/manifest.ts';
import { displayName } from '../../filesystem/xattrs.ts';
import { namedPaths } from './lost-paths.ts';
import type { ReadTrees } from './read-segments.ts';
import type { RepairedSnapshot } from './types.ts';

export type Unlisted = Pick<RepairedSnapshot, 'components' | 'lostPaths' | 'paths' | 'unnamed'>;

/** With what was marked before. `components` are the trees concerned. */
export function unlistedOf(
  { components, lost }: Pick<ManifestBody, 'components' | 'lost'>,
  { entries, lonely }: Pick<ReadTrees, 'entries' | 'lonely'>,
): Unlisted {
  const named = new Set([...(lost?.paths ?? []), ...lonely.map(displayName)]);
  const gone = new Set(named);
  const listed = new Map<string, number>();
  for (const { path } of entries.values()) {
    const shown = displayName(path);
    gone.delete(shown);
    const tree = treeOf(shown);
    listed.set(tree, (listed.get(tree) ?? 0) + 1);
  }
  const goneIn = Map.groupBy(gone, treeOf);
  const marked = new Set([...named].map(treeOf));
  let count = named.size - gone.size;
  let unnamed = 0;
  const hit: string[] = [];
  for (const one of components) {
    if (one.type !== 'tree') continue;
    const tree = displayName(Buffer.from(one.name));
    const known = goneIn.get(tree)?.length ?? 0;
    const less = Math.max(known, one.entries - (listed.get(tree) ?? 0));
    if (less > 0 || marked.has(tree)) hit.push(one.name);
    count += less;
    unnamed += less - known;
  }
  return { components: hit, lostPaths: count, paths: [...named].slice(0, namedPaths), unnamed };
}

/** All that is in the segments is there; of the rest an earlier repair told. */
export function lossBefore({ components, lost }: ManifestBody): Unlisted {
  const failed = components.filter(({ state }) => state === 'failed').map(({ name }) => name);
  const { count, paths } = lost ?? { count: 0, paths: [] };
  return { components: lost === undefined ? [] : failed, lostPaths: count, paths, unnamed: 0 };
}

/** Says it in a new revision. */
export function withLoss(
  body: ManifestBody,
  { components, lostPaths, paths, unnamed }: Unlisted,
): { readonly header: Partial<ManifestHeader>; readonly body: ManifestBody } {
  if (lostPaths === 0) return { header: {}, body };
  const names = unnamed === 0 ? '' : `, the names of ${unnamed} with them`;
  const error = {
    code: 'OBJECT_DAMAGED',
    message: `its index is lost, and segments of it too: ${lostPaths} paths of the account are lost${names}`,
    hint: 'Restore it from another snapshot.',
  };
  const failed = (one: Component): Component =>
    one.type === 'tree' && components.includes(one.name) ? { ...one, state: 'failed', error } : one;
  return {
    header: { state: 'partial', lost: true },
    body: {
      ...body,
      components: body.components.map(failed),
      lost: { count: lostPaths, paths },
    },
  };
}

const treeOf = (shown: string): string => shown.split('/', 1)[0]!;
