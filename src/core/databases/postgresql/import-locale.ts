/**
 * Encoding and locale of a database that is gone: read from the `CREATE DATABASE` in the beginning of every archive
 * of pg_dump, taken apart and written anew. What is not known here is left out and told.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { quoteName, quoteText } from './names.ts';
import { type Session, sqlState } from './session.ts';

/** Options of CREATE DATABASE by their keyword. */
export interface SaidLocale {
  readonly encoding: string;
  /** `LOCALE_PROVIDER`, `LOCALE` and the like, ready to be written. */
  readonly options: readonly string[];
}

const headBytes = 64 * 1024;
const statement =
  /CREATE DATABASE (?:"(?:[^"\0]|"")*"|[\w$]+) WITH TEMPLATE = template0((?: [A-Z_]+ = (?:'(?:[^'\\\0]|'')*'|"?[\w$]+"?))*);\n/;
const option = / ([A-Z_]+) = (?:'((?:[^'\\]|'')*)'|(\w+))/g;
const localeNames = new Set(['LOCALE', 'LC_COLLATE', 'LC_CTYPE', 'ICU_LOCALE', 'BUILTIN_LOCALE']);

/** Null where the dump does not say it: SQL without `CREATE DATABASE`. */
export function localeIn(head: Buffer): SaidLocale | null {
  const said = statement.exec(head.toString('utf8'))?.[1];
  if (said === undefined) return null;
  let encoding = '';
  const options: string[] = [];
  for (const [, name = '', quoted, plain = ''] of said.matchAll(option)) {
    const value = quoted?.replaceAll("''", "'") ?? plain;
    if (name === 'ENCODING') encoding = value;
    else if (name === 'LOCALE_PROVIDER' && /^(libc|icu|builtin)$/.test(value))
      options.push(`${name} ${value}`);
    else if (localeNames.has(name)) options.push(`${name} ${quoteText(value)}`);
  }
  return encoding === '' ? null : { encoding, options };
}

export interface Begun {
  readonly head: Buffer;
  /** All of it, the beginning as well. */
  readonly dump: AsyncIterable<Uint8Array>;
  /** Lets go of it, also where nothing more was read. */
  close(): void;
}

/** Reads the first bytes of a dump. */
export async function beginningOf(dump: AsyncIterable<Uint8Array>): Promise<Begun> {
  const chunks = dump[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  let ended = false;
  while (length < headBytes && !ended) {
    const { value, done } = await chunks.next();
    if (done === true) ended = true;
    else {
      // A piece holds its bytes until the next one is asked for.
      first.push(Buffer.from(value));
      length += value.length;
    }
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* first.splice(0);
      for (;;) {
        const { value, done } = ended ? { value: undefined, done: true } : await chunks.next();
        if (done === true) return;
        yield value as Uint8Array;
      }
    } finally {
      await chunks.return?.();
    }
  }
  const head = Buffer.concat(first).subarray(0, headBytes);
  const close = (): void => void chunks.return?.().catch(() => {});
  return { head, dump: all(), close };
}

/**
 * Makes a database with what was said; where the server does not have that locale, with the encoding at least.
 *
 * @param common options that any database gets
 */
export async function createSaid(
  session: Session,
  {
    name,
    common,
    database,
  }: { readonly name: string; readonly common: readonly string[]; readonly database: string },
  said: SaidLocale | null,
): Promise<readonly DatabaseWarning[]> {
  const create = (options: readonly string[]): Promise<unknown> =>
    session.rows(`CREATE DATABASE ${quoteName(name)} ${[...common, ...options].join(' ')}`);
  let why = 'the dump does not say them';
  if (said === null) await create([]);
  else {
    const encoding = `ENCODING ${quoteText(said.encoding)}`;
    try {
      await create([encoding, ...said.options]);
      return [];
    } catch (error) {
      if (sqlState(error) === undefined) throw error;
      why = `the server does not have ${[encoding, ...said.options].join(' ')}`;
      // Any encoding goes with the locale C.
      await create([encoding]).catch((again: unknown) => {
        if (sqlState(again) === undefined) throw again;
        return create([encoding, "LC_COLLATE 'C'", "LC_CTYPE 'C'"]);
      });
    }
  }
  const [row] = await session.rows(
    'SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS locale FROM pg_database WHERE datname = $1',
    [name],
  );
  const has = `it has ${String(row?.['encoding'])} and ${String(row?.['locale'])}`;
  const message = `encoding and locale of the database may not be those it had, since ${why}: ${has}`;
  return [{ code: 'locale-unknown', database, message }];
}
