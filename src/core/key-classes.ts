/**
 * What lies at the top of every store: one folder for each class of objects, and the files beside them.
 *
 * Set-up code needs it for rights and lifecycle rules, which name prefixes. Names of single objects are
 * made in archive/keys.ts alone.
 */

export const keyClasses = ['data', 'index', 'manifests', 'keys', 'events', 'runs'] as const;
export type KeyClass = (typeof keyClasses)[number];

/** Classes from which prune removes. */
export const prunedClasses = ['data', 'index', 'manifests', 'events'] as const satisfies readonly KeyClass[];

/** Written by the first backup into an empty store. */
export const storeFiles = ['holdfast.json', 'RESTORE.md', 'rescue.py'] as const;

const probeFolder = '_verify';

/** Where trial objects go: inside what a writer of this server may write, beside every owner. */
export const probePrefixOf = (keyClass: KeyClass, server: string, probe: string): string =>
  `${keyClass}/${server}/${probeFolder}/${probe}/`;

/** Whether a prefix holds nothing but trial objects, so that removing all of it is safe. */
export const isProbePrefix = (prefix: string): boolean =>
  new RegExp(`^[a-z]+/[^/]+/${probeFolder}/[^/]+/`).test(prefix);
