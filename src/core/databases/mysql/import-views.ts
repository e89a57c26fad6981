/**
 * Views of a dump, which are made last and one by one: a view may show what is not there (yet), or is not the
 * account's to see. Such a view is left out and told of, and costs nothing else of its database.
 *
 * The importer makes them, whose rights end at what the account may see; their bytes go to the server as they are, in
 * the character set that the dump had turned to.
 */

import type { DatabaseWarning } from '../../contracts/database.ts';
import { printable, quoted } from '../../printable.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { refused } from './import-framing.ts';
import type { Token, TokenOptions } from './import-tokens.ts';
import { quoteName, quoteText } from './names.ts';
import { limited, longestOpening } from './patience.ts';
import { errorNumber, openSession, type Session, unreachable } from './session.ts';

export interface HeldView {
  /** What makes it in the scratch database. */
  readonly statement: Buffer;
  /** As it stands in the dump. */
  readonly written: Buffer;
  readonly charset: Charset;
  readonly modes: TokenOptions;
}

/** Of the views of one dump together, in bytes. */
export const longestViews = 64 * 1024 * 1024;

interface Charset {
  readonly client: string;
  /** Null: the usual one. */
  readonly collation: string | null;
}

/** What the client begins with. */
const usual = 'utf8mb4';

/** In which character set the statements of a dump are to be read, told from its SET statements. */
export class CharsetReader {
  #names = usual;
  #client: string | null = null;
  #collation: string | null = null;

  get now(): Charset {
    return { client: this.#client ?? this.#names, collation: this.#collation };
  }

  /** @param tokens of one SET statement */
  note(tokens: readonly Token[]): void {
    for (const [at, { kind, value }] of tokens.entries()) {
      if (kind !== 'word') continue;
      const isUserVariable = tokens[at - 1]?.value === '@' && tokens[at - 2]?.value !== '@';
      const assigned = tokens[at + 1]?.value === '=' && !isUserVariable ? tokens[at + 2] : undefined;
      if (value === 'NAMES' || (value === 'SET' && tokens[at - 1]?.value === 'CHARACTER')) {
        const named = tokens[at + 1];
        this.#names = named === undefined || named.value === 'DEFAULT' ? usual : named.value;
        this.#client = null;
        this.#collation = tokens[at + 2]?.value === 'COLLATE' ? (tokens[at + 3]?.value ?? null) : null;
      }
      // What is taken back from a variable is what was before.
      else if (value === 'CHARACTER_SET_CLIENT' && assigned !== undefined)
        this.#client = plainValue(assigned);
      else if (value === 'COLLATION_CONNECTION' && assigned !== undefined)
        this.#collation = plainValue(assigned);
    }
  }
}

const plainValue = ({ kind, value }: Token): string | null => (kind === 'sign' ? null : value);

export interface MadeViews {
  readonly made: readonly string[];
  readonly warnings: readonly DatabaseWarning[];
}

/**
 * @param importer how the importer logs in
 * @throws IMPORT_REFUSED it takes the server too long to open one; DATABASE_UNREACHABLE
 */
export async function makeViews(
  importer: DatabaseInstanceConfig,
  views: ReadonlyMap<string, HeldView>,
  { scratch, database }: { readonly scratch: string; readonly database: string },
  signal: AbortSignal,
): Promise<MadeViews> {
  if (views.size === 0) return { made: [], warnings: [] };
  const session = await openSession(importer, signal, 'latin1');
  try {
    await session.rows(`USE ${quoteName(scratch)}`);
    const failed = await makeAll(session, [...views]);
    const made = [...views.keys()].filter((name) => !failed.has(name));
    return { made, warnings: warningsOf(failed, views, database) };
  } catch (cause) {
    throw unreachable(importer, cause);
  } finally {
    await session.close();
  }
}

/** Views that need each other are tried until none is left; backwards in turn, since dumps may have the last one first. */
async function makeAll(
  session: Session,
  views: readonly (readonly [string, HeldView])[],
): Promise<ReadonlyMap<string, string>> {
  for (let waiting = views; ; ) {
    const failed = new Map<string, string>();
    for (const [name, view] of waiting) {
      try {
        await make(session, name, view);
      } catch (error) {
        if (errorNumber(error) === undefined || !session.isOpen) throw error;
        failed.set(name, (error as Error).message);
      }
    }
    if (failed.size === 0 || failed.size === waiting.length) return failed;
    waiting = waiting.filter(([name]) => failed.has(name)).reverse();
  }
}

async function make(
  session: Session,
  name: string,
  { statement, charset: { client, collation }, modes }: HeldView,
): Promise<void> {
  await session.rows(`SET NAMES ${quoteText(client)}`);
  if (collation !== null) await session.rows(`SET collation_connection = ${quoteText(collation)}`);
  const sqlMode = [
    ...(modes.ansiQuotes ? ['ANSI_QUOTES'] : []),
    ...(modes.noBackslashEscapes ? ['NO_BACKSLASH_ESCAPES'] : []),
  ];
  await session.rows(`SET SESSION character_set_results = utf8mb4, sql_mode = '${sqlMode.join(',')}'`);
  // Each byte as one character: so they arrive as they are.
  const opened = await limited(session, longestOpening, statement.toString('latin1'));
  if (opened === null) throw refused(`view ${quoted(name)} takes too long, or too much memory, to open`);
}

const mostTold = 50;

function warningsOf(
  failed: ReadonlyMap<string, string>,
  views: ReadonlyMap<string, HeldView>,
  database: string,
): DatabaseWarning[] {
  const warning = (message: string): DatabaseWarning => ({ code: 'view-left-out', database, message });
  const inOrder = [...views].filter(([name]) => failed.has(name)).slice(0, mostTold);
  const told = inOrder.map(([name, { written }]) => {
    const text = printable(written.toString('utf8').trim().replace(/\s+/g, ' '), 1000);
    return warning(
      `view ${quoted(name)} is left out: ${printable(failed.get(name) ?? '', 500)}; its text: ${text}`,
    );
  });
  if (failed.size <= mostTold) return told;
  return [...told, warning(`${failed.size - mostTold} more views are left out`)];
}
