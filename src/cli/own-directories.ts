/** The directories of this machine that are ours: the state, and those of every configured store. */

import type { OwnDirectory } from '../core/jobs/backup/own-directories.ts';
import { type Loaded, perStore } from './configuration.ts';
import { definitionOf } from './definition-of.ts';

export function ownDirectories({
  configuration,
  definitions,
}: Pick<Loaded, 'configuration' | 'definitions'>): readonly OwnDirectory[] {
  const stores = configuration.addins.flatMap(perStore).flatMap(({ name, store }) => {
    const paths = definitionOf(definitions, 'store', store.use).directories?.(store) ?? [];
    return paths.map((path): OwnDirectory => ({ path, what: `the store of ${name}` }));
  });
  return [{ path: configuration.stateDir, what: 'the state of Holdfast' }, ...stores];
}
