import type { ManifestHeader } from '../../archive/manifest.ts';

/** For an object that joins those of a snapshot. */
export function nextNumber({ objects, references }: Pick<ManifestHeader, 'objects' | 'references'>): number {
  return [...objects, ...references].reduce((highest, { number }) => Math.max(highest, number), -1) + 1;
}
