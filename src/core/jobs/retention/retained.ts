/**
 * What the retention policy is told of a snapshot, from its manifest. Pure.
 */

import { encodeName, parseManifestKey } from '../../archive/keys.ts';
import type { Component, ManifestBody, ManifestHeader } from '../../archive/manifest.ts';
import { hasLost } from '../has-lost.ts';
import type { RetainedSnapshot } from './types.ts';

interface Manifest {
  readonly header: ManifestHeader;
  readonly body: ManifestBody | null;
}

export function retainedOf({ header, body }: Manifest): RetainedSnapshot {
  const { id, lineage, sequence, level, state } = header;
  return {
    ...{ id, lineage, sequence, level, state },
    ...(hasLost({ header, body }) && mayHaveBeenComplete(header) ? { wasComplete: true } : {}),
    atMs: Date.parse(header.startedAt),
    components:
      body?.components.flatMap((component) =>
        partNames(component).map((name) => ({
          name: `${component.type} ${name}`,
          complete: component.state === 'complete',
        })),
      ) ?? null,
  };
}

/** Each database for itself, as INSTANCE/NAME, whether it has an export of its own or one with others: what holds it may change. */
export const partNames = (component: Component): readonly string[] =>
  component.type === 'tree'
    ? [component.name]
    : component.databases.map((database) => `${component.instance}/${encodeName(database)}`);

/**
 * A revision names the one that it replaces, and names tell the state. Only the first one is sure to be as it was made: a
 * later one may have been marked before.
 */
function mayHaveBeenComplete({ replaces }: ManifestHeader): boolean {
  const before = replaces === null ? null : parseManifestKey(replaces);
  return before === null || before.state === 'complete' || before.revision > 0;
}
