/**
 * What the retention policy is told of a snapshot, from its manifest. Pure.
 */

import type { ManifestBody, ManifestHeader } from '../../archive/manifest.ts';
import type { RetainedSnapshot } from './types.ts';

export function retainedOf({
  header,
  body,
}: {
  readonly header: ManifestHeader;
  readonly body: ManifestBody | null;
}): RetainedSnapshot {
  const { id, lineage, sequence, level, state } = header;
  return {
    ...{ id, lineage, sequence, level, state },
    atMs: Date.parse(header.startedAt),
    components:
      body?.components.map((one) => ({
        name: `${one.type} ${one.name}`,
        complete: one.state === 'complete',
      })) ?? null,
  };
}
