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

/** For a hint where a path is not there: it may be one of those whose very names are lost. Empty where none are, else with a blank at its end. */
export const lostNamesHint = ({ lost }: Pick<ManifestBody, 'lost'>): string =>
  lost === undefined
    ? ''
    : 'Paths of this snapshot are lost, as holdfast verify says, and some may not even be listed: look for it in another one. ';

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
