/** Under which name a database is imported, and whether that may be: pure rules over the names there are. */

import { accountNames } from '../../databases/account-names.ts';
import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import type { ImportPlace, ImportRequest } from './types.ts';

export interface ChosenPlace {
  readonly name: string;
  readonly replaces: boolean;
}

/**
 * @param existing every database of the server
 * @param mine those of the account
 * @throws USAGE the name is taken, not the account's to take, or too long
 */
export function choosePlace(
  {
    database,
    place,
    account,
    importer,
    tables,
  }: Pick<ImportRequest, 'database' | 'place' | 'account' | 'importer' | 'tables'>,
  existing: ReadonlySet<string>,
  mine: ReadonlySet<string>,
): ChosenPlace {
  const { prefix } = account.selector;
  const longest = importer.family === 'mysql' ? 64 : 63;
  const taken = (name: string): boolean =>
    existing.has(name) || [...existing].some((one) => one.toLowerCase() === name.toLowerCase());
  const { hasPrefix, isForeign } = accountNames(account.selector);
  const allowed = (name: string): boolean => prefix === null || prefix === '' || hasPrefix(name);
  if (existing.has(database) && !mine.has(database)) {
    throw usage(
      `database ${quoted(database)} does not belong to ${account.site}`,
      'Name a database of the account.',
    );
  }
  const name = nameOf(database, place, taken, longest);
  if (name === database && existing.has(name)) {
    if (place.kind === 'replace') return { name, replaces: true };
    throw usage(
      `database ${quoted(name)} exists`,
      'Add --replace to put the imported one in its place, --beside to keep both, or --as NAME.',
    );
  }
  if (place.kind === 'replace' && tables !== null) {
    throw usage(
      `there is no database ${quoted(name)} whose tables could be replaced`,
      'Leave out --table, or use --as NAME.',
    );
  }
  if (taken(name)) throw usage(`database ${quoted(name)} exists`, 'Choose another name.');
  if (isForeign(name)) {
    throw usage(
      `${quoted(name)} begins with the prefix of another account`,
      'Choose a name that begins with the prefix of this account only.',
    );
  }
  if (!allowed(name)) {
    throw usage(
      `${quoted(name)} does not begin with the prefix of the account`,
      `Choose a name that begins with ${quoted(prefix ?? '')}.`,
    );
  }
  if (Buffer.byteLength(name) > longest || name === '' || /[\0/\\]/.test(name) || /[ .]$/.test(name)) {
    throw usage(
      `${quoted(name)} cannot name a database`,
      `Choose a name of at most ${longest} bytes, without / and \\, and with no dot or space at its end.`,
    );
  }
  return { name, replaces: false };
}

function nameOf(
  database: string,
  place: ImportPlace,
  taken: (name: string) => boolean,
  longest: number,
): string {
  if (place.kind === 'as') return place.name;
  if (place.kind !== 'beside') return database;
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '_restored' : `_restored${number}`;
    const name = `${database.slice(0, longest - suffix.length)}${suffix}`;
    if (!taken(name)) return name;
  }
}

const usage = (message: string, hint: string): HoldfastError => new HoldfastError('USAGE', message, { hint });
