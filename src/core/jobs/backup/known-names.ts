/**
 * Whether a snapshot has every name that the directories of a tree held when it was made, so that a directory which
 * has not changed since need not be listed again.
 *
 * By what the snapshot says of itself: nothing was left out, on purpose or not, but by the patterns that are in force
 * now. One that was revised may lack what was lost, and another release may have left out what this one would not:
 * after either, everything is listed once.
 */

import { isDeepStrictEqual } from 'node:util';
import type { ManifestBody, ManifestHeader } from '../../archive/manifest.ts';
import type { Tree } from '../../contracts/panel.ts';
import { holdfastVersion } from '../addin.ts';
import { leftOut } from '../left-out.ts';

export interface ToldNames {
  readonly header: Pick<ManifestHeader, 'revision' | 'writtenBy'>;
  readonly body: Pick<ManifestBody, 'exclusions' | 'inclusions' | 'warningCounts'>;
}

export function knowsNames(
  { header, body }: ToldNames,
  { name, exclude, include }: Pick<Tree, 'name' | 'exclude' | 'include'>,
): boolean {
  return (
    header.revision === 0 &&
    header.writtenBy === holdfastVersion &&
    leftOut.every((code) => body.warningCounts[code] === undefined) &&
    include === undefined &&
    body.inclusions !== undefined &&
    body.inclusions[name] === undefined &&
    isDeepStrictEqual(body.exclusions[name], exclude)
  );
}
