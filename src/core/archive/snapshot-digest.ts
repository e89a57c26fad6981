/** What tells a snapshot from any other, whatever becomes of its objects. docs/format.md, section 5. */

import { hash } from 'node:crypto';
import type { ManifestBody, ManifestHeader } from './manifest.ts';

/** Over what compaction and re-keying never change; the next snapshot's `previous`. */
export function snapshotDigest(
  header: Omit<ManifestHeader, 'digest'>,
  body: Pick<ManifestBody, 'components' | 'contentRoot' | 'salt'>,
): string {
  const results = body.components.map((component) => [
    component.type,
    component.name,
    component.state,
    component.type === 'database' ? component.sha256 : null,
  ]);
  const text = JSON.stringify([
    header.id,
    header.server,
    header.owner,
    header.addin.id,
    header.lineage,
    header.sequence,
    header.startedAt,
    header.level,
    header.state,
    results,
    body.contentRoot,
    ...(body.salt === undefined ? [] : [body.salt]),
  ]);
  return hash('sha256', text, 'hex');
}
