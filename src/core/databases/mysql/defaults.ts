/**
 * The default character set and collation of a database, which are part of no dump of a single one: read for all
 * databases of an export at once, written into the dump as a comment, and found there by an import.
 */

import { type Session, text } from './session.ts';

export interface DatabaseDefaults {
  readonly charset: string;
  /** Empty: the usual one of the character set. */
  readonly collation: string;
}

/** Databases that one question asks for; each has a SELECT of its own, for which the server looks at that one only. */
const askedAtOnce = 50;

export async function readDefaults(
  session: Session,
  databases: readonly string[],
): Promise<ReadonlyMap<string, DatabaseDefaults>> {
  const found = new Map<string, DatabaseDefaults>();
  const one = `SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME
    FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`;
  for (let at = 0; at < databases.length; at += askedAtOnce) {
    const some = databases.slice(at, at + askedAtOnce);
    for (const [name, charset, collation] of await session.rows(
      some.map(() => one).join(' UNION ALL '),
      some,
    ))
      found.set(text(name), { charset: text(charset), collation: text(collation) });
  }
  return found;
}

const word = (value: string): string => value.replace(/\W/g, '');

export const defaultsClause = ({ charset, collation }: DatabaseDefaults): string =>
  `CHARACTER SET ${word(charset)}${collation === '' ? '' : ` COLLATE ${word(collation)}`}`;

const comment = '-- Defaults of the database: ';
/** Within these first bytes of a dump. */
const longestHead = 4096;

/** Puts the comment behind the first line, which is to stay the first: it keeps clients from obeying commands. */
export function withDefaults(
  chunks: AsyncIterator<Buffer>,
  defaults: DatabaseDefaults,
): AsyncIterator<Buffer> {
  const line = Buffer.from(`${comment}${defaultsClause(defaults)}\n`);
  let head: Buffer | null = Buffer.alloc(0);
  return {
    async next() {
      while (head !== null) {
        const { value, done } = await chunks.next();
        if (done === true) {
          const rest: Buffer = head;
          head = null;
          return rest.length === 0 ? { value: undefined, done: true } : { value: rest, done: false };
        }
        head = Buffer.concat([head, value]);
        const end = head.indexOf('\n') + 1;
        if (end === 0) continue;
        const begun: Buffer = Buffer.concat([head.subarray(0, end), line, head.subarray(end)]);
        head = null;
        return { value: begun, done: false };
      }
      return await chunks.next();
    },
    async return() {
      return (await chunks.return?.()) ?? { value: undefined, done: true };
    },
  };
}

/** Looks for the comment in the beginning of a dump. */
export class DefaultsReader {
  #head: Buffer | null = Buffer.alloc(0);

  feed(chunk: Uint8Array): DatabaseDefaults | null {
    if (this.#head === null) return null;
    const head: Buffer = Buffer.concat([this.#head, chunk.subarray(0, longestHead)]);
    this.#head = head.length < longestHead ? head : null;
    // A whole line only.
    return defaultsIn(head.subarray(0, head.lastIndexOf('\n') + 1), comment);
  }
}

/** What a statement such as `CREATE DATABASE` says, or a text after `before`; null where it says nothing. */
export function defaultsIn(bytes: Buffer, before = ''): DatabaseDefaults | null {
  const said = new RegExp(`${before}.*?CHARACTER SET (\\w+)(?: COLLATE (\\w+))?`, 'i');
  const found = said.exec(bytes.toString('latin1', 0, longestHead));
  return found === null ? null : { charset: found[1]!, collation: found[2] ?? '' };
}
