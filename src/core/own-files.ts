/**
 * Where the files of Holdfast itself lie, from the source and from the built package alike.
 *
 * The build joins modules into few files, but leaves this one and those that are named here in their places: so a
 * path that begins at a module of ours is always found here.
 */

import { dirname, join } from 'node:path';

/** `src`, or `dist` of the package. */
export const ownCode = dirname(import.meta.dirname);

/** Holds `package.json`, `templates` and `schemas`. */
export const ownPackage = dirname(ownCode);

export const runsFromSource = import.meta.filename.endsWith('.ts');

/** Where another thread or process begins, or what it imports: `core/isolation/child` without an extension. */
export const ownModule = (name: string): string => join(ownCode, `${name}.${runsFromSource ? 'ts' : 'js'}`);
