/** Components of a snapshot as people call them: their names in the manifest are encoded, and some are made up. */

import type { Component } from '../core/archive/manifest.ts';
import { unknownDatabases } from '../core/jobs/backup/unknown-databases.ts';
import { printable } from '../core/printable.ts';

export function shownComponent(component: Component): string {
  if (component.type === 'tree') return `tree ${printable(component.name)}`;
  const { instance, databases } = component;
  if (databases.length === 1 && databases[0] === unknownDatabases)
    return `databases of ${printable(instance)}`;
  return `${databases.length > 1 ? 'databases' : 'database'} ${printable(`${instance}/${databases.join(', ')}`)}`;
}
