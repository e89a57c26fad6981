/** Tells the revisions of snapshots apart that `repair` wrote for want of something. */

import type { ManifestBody, ManifestHeader } from '../archive/manifest.ts';

/** Whether an earlier revision names more than this one. Known also where the body is locked. */
export const hasLost = ({
  header,
  body,
}: {
  readonly header: ManifestHeader;
  readonly body: ManifestBody | null;
}): boolean => header.lost === true || body?.lost !== undefined;
