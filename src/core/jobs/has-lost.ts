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

/** Counts the accounts whose newest snapshot has lost something, for each addin configuration. */
export class NewestLost {
  readonly #newest = new Map<string, { readonly atMs: number; readonly isLost: boolean }>();

  /** Of snapshots of one lineage the older first. */
  add({ server, owner, addin, committedAt }: ManifestHeader, isLost: boolean): void {
    const whose = `${server} ${owner} ${addin.id}`;
    const atMs = Date.parse(committedAt);
    if (atMs >= (this.#newest.get(whose)?.atMs ?? 0)) this.#newest.set(whose, { atMs, isLost });
  }

  get lost(): number {
    return [...this.#newest.values()].filter(({ isLost }) => isLost).length;
  }
}
