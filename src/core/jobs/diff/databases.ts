/**
 * How the exports of two snapshots differ: by the hashes of their plain bytes. Pure.
 */

import { encodeFileName, jointFileName } from '../../archive/keys.ts';
import type { Component, DatabaseComponent } from '../../archive/manifest.ts';
import { unknownDatabases } from '../backup/unknown-databases.ts';
import type { Aspect, Difference } from './types.ts';

/**
 * Exports that failed in either snapshot are left out: nothing is known of them. Databases that have an export of their own in
 * one and are in that of several in the other are neither gone nor new; whether they changed is not told by the hashes. One
 * that left or joined an export of several is named as if it had its own, without a size.
 */
export function databaseDifferences(before: readonly Component[], after: readonly Component[]): Difference[] {
  const [left, right] = [byName(before), byName(after)];
  const names = [...new Set([...left.keys(), ...right.keys()])].sort();
  return names.flatMap((name) => {
    const [a, b] = [left.get(name), right.get(name)];
    const one = (b ?? a)!;
    if (a?.state === 'failed' || b?.state === 'failed') return [];
    const aspects = a === undefined || b === undefined ? [] : aspectsOf(a, b);
    const each: Difference[] = [
      ...only(a, b, right).map((path) => ({ ...alone, change: 'removed' as const, path })),
      ...only(b, a, left).map((path) => ({ ...alone, change: 'added' as const, path })),
    ];
    if (a !== undefined && b !== undefined && aspects.length === 0) return each;
    const other = a === undefined ? left : b === undefined ? right : null;
    if (other !== null && hasAll(other, one)) return [];
    return [
      ...each,
      {
        change: a === undefined ? 'added' : b === undefined ? 'removed' : 'changed',
        path: pathOf(one),
        from: null,
        type: 'database',
        aspects,
        sizeBefore: a?.plainBytes ?? null,
        sizeAfter: b?.plainBytes ?? null,
      },
    ];
  });
}

type Exports = ReadonlyMap<string, DatabaseComponent>;

const byName = (components: readonly Component[]): Exports =>
  new Map(components.flatMap((one) => (one.type === 'database' ? [[one.name, one] as const] : [])));

/** Or may have: a server that did not tell the names of its databases may have any. */
function hasAll(exports: Exports, { instance, databases }: DatabaseComponent): boolean {
  const same = [...exports.values()].filter((one) => one.instance === instance);
  const isSilent = same.some(
    ({ state, databases: [name] }) => state === 'failed' && name === unknownDatabases,
  );
  const there = new Set(same.flatMap((one) => one.databases));
  return isSilent || databases.every((name) => there.has(name));
}

const alone = { from: null, type: 'database', aspects: [], sizeBefore: null, sizeAfter: null } as const;

/** Databases of an export that neither the same export of the other snapshot has, nor another of it. */
function only(
  one: DatabaseComponent | undefined,
  other: DatabaseComponent | undefined,
  others: Exports,
): Buffer[] {
  if (one === undefined || other === undefined) return [];
  return one.databases
    .filter((name) => !hasAll(others, { ...one, databases: [name] }))
    .map((name) => pathOf({ ...one, databases: [name] }));
}

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
  const name = databases.length === 1 ? encodeFileName(databases[0]!) : jointFileName;
  return Buffer.from(`databases/${instance}/${name}.${format}`);
}
