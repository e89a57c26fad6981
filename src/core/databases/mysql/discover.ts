/** Which databases of a MariaDB or MySQL server belong to an account. */

import type { DiscoveredDatabase } from '../../contracts/database.ts';
import type { DatabaseSelector } from '../../contracts/panel.ts';
import { type AccountNames, accountNames } from '../account-names.ts';
import { isImportDatabase } from '../import/names.ts';
import { coversAnything, grantCovers, isSystemDatabase } from './names.ts';
import { Patience } from './patience.ts';
import { type Session, text } from './session.ts';

/** Databases whose size one question asks for. */
const askedAtOnce = 20;

/**
 * By name, ascending by code units. The server compares names without regard to case and trailing
 * space, so every comparison is made here, on the exact text.
 */
export async function discoverDatabases(
  session: Session,
  selector: DatabaseSelector,
  now: () => number,
): Promise<readonly DiscoveredDatabase[]> {
  const matched = await matchDatabases(session, selector);
  const sizes = await estimateSizes(
    session,
    matched.map(({ name }) => name),
    new Patience({ eachSeconds: 10, allMs: 30_000, now }),
  );
  return matched
    .map(({ name, matchedBy }) => ({ name, matchedBy, estimatedBytes: sizes.get(name) ?? 0 }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Without their sizes, for which the server opens every table. */
export async function matchDatabases(
  session: Session,
  selector: DatabaseSelector,
): Promise<readonly Omit<DiscoveredDatabase, 'estimatedBytes'>[]> {
  const existing = (await session.rows('SELECT SCHEMA_NAME FROM information_schema.SCHEMATA'))
    .map(([name]) => text(name))
    .filter((name) => !isSystemDatabase(name) && !isImportDatabase(name));
  const granted = selector.admin === null ? [] : await patternsGrantedTo(session, selector.admin);
  const names = accountNames(selector);
  return existing.flatMap((name) => {
    const matchedBy = matchOf(name, selector, names, granted);
    return matchedBy === null ? [] : [{ name, matchedBy }];
  });
}

function matchOf(
  name: string,
  { names }: DatabaseSelector,
  { hasPrefix, isOthers }: AccountNames,
  granted: readonly string[],
): DiscoveredDatabase['matchedBy'] | null {
  if (hasPrefix(name)) return 'prefix';
  // A grant on `exa\_%` covers the databases of another account whose prefix is longer, and one may grant what it has.
  if (!isOthers(name) && granted.some((pattern) => grantCovers(pattern, name, 'percent-only')))
    return 'owner';
  return names.includes(name) ? 'name' : null;
}

async function patternsGrantedTo(session: Session, admin: string): Promise<readonly string[]> {
  const rows = await session.rows('SELECT Db, User FROM mysql.db WHERE User = ?', [admin]);
  return rows
    .filter(([, user]) => text(user) === admin)
    .map(([pattern]) => text(pattern))
    .filter((pattern) => !coversAnything(pattern));
}

/** Engines whose tables have the size of others: a thousand of them over one large table make terabytes. */
const borrowing = ['MRG_MyISAM', 'FEDERATED', 'CONNECT', 'SEQUENCE'].map((name) => `'${name}'`).join(', ');

async function estimateSizes(
  session: Session,
  names: readonly string[],
  patience: Patience,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  // Each has a SELECT of its own: for a list of names the server opens every table of every database.
  const one = `SELECT ?, SUM(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0))
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND COALESCE(ENGINE, '') NOT IN (${borrowing})`;
  const ask = async (some: readonly string[]): Promise<boolean> => {
    const sql = some.map(() => one).join(' UNION ALL ');
    const values = some.flatMap((name) => [name, name]);
    const rows = await patience.rows(session, sql, values);
    for (const [name, bytes] of rows ?? []) sizes.set(text(name), Number(text(bytes)));
    return rows !== null;
  };
  for (let at = 0; at < names.length; at += askedAtOnce) {
    const some = names.slice(at, at + askedAtOnce);
    if (await ask(some)) continue;
    // One of them has views that take long to open; its size stays unknown.
    for (const name of some) await ask([name]);
  }
  return sizes;
}
