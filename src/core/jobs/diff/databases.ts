/**
 * How the exports of two snapshots differ: by the hashes of their plain bytes. Pure.
 */

import { encodeName } from '../../archive/keys.ts';
import type { Component, DatabaseComponent } from '../../archive/manifest.ts';
import type { Aspect, Difference } from './types.ts';

/** Exports that failed in either snapshot are left out: nothing is known of them. */
export function databaseDifferences(before: readonly Component[], after: readonly Component[]): Difference[] {
  const [left, right] = [byName(before), byName(after)];
  const names = [...new Set([...left.keys(), ...right.keys()])].sort();
  return names.flatMap((name) => {
    const [a, b] = [left.get(name), right.get(name)];
    if (a?.state === 'failed' || b?.state === 'failed') return [];
    const aspects = a === undefined || b === undefined ? [] : aspectsOf(a, b);
    if (a !== undefined && b !== undefined && aspects.length === 0) return [];
    return [
      {
        change: a === undefined ? 'added' : b === undefined ? 'removed' : 'changed',
        path: pathOf((b ?? a)!),
        from: null,
        type: 'database',
        aspects,
        sizeBefore: a?.plainBytes ?? null,
        sizeAfter: b?.plainBytes ?? null,
      },
    ];
  });
}

const byName = (components: readonly Component[]): Map<string, DatabaseComponent> =>
  new Map(components.flatMap((one) => (one.type === 'database' ? [[one.name, one] as const] : [])));

function aspectsOf(a: DatabaseComponent, b: DatabaseComponent): Aspect[] {
  const besides = ({ besides: all }: DatabaseComponent): string =>
    all
      .map(({ suffix, sha256 }) => `${suffix} ${sha256}`)
      .sort()
      .join('\n');
  return [
    ...(a.sha256 === b.sha256 && a.format === b.format ? [] : (['content'] as const)),
    ...(besides(a) === besides(b) ? [] : (['besides'] as const)),
  ];
}

/** Where a restore puts it. */
function pathOf({ instance, databases, format }: DatabaseComponent): Buffer {
  const name = databases.length === 1 ? encodeName(databases[0]!) : '_joint';
  return Buffer.from(`databases/${instance}/${name}.${format}`);
}
