/**
 * The encoding of a dump, and its statements as text to judge them by. They are run as the bytes they are: the server
 * alone knows its encodings, and some databases hold text that has no place in Unicode.
 */

import { isAscii, isUtf8 } from 'node:buffer';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import type { ImportSession } from './import-session.ts';
import { quoteText } from './names.ts';

export interface Said {
  /** What it says; where the server has no Unicode for it, each byte as a character. */
  readonly text: string;
  /** What the server gets in place of `text`; null where that is the same. */
  readonly bytes: Buffer | null;
}

/**
 * Those that a server may have. In the others, which only clients have, a byte of ASCII may be the second half of a
 * character, so that quotes end somewhere else than they seem to.
 */
const readable = /^(SQL_ASCII|UTF8|EUC_\w+|MULE_INTERNAL|LATIN\d+|WIN\d+|ISO_8859_\d|KOI8[RU])$/;

export class DumpEncoding {
  readonly #session: ImportSession;
  #name = 'UTF8';

  constructor(session: ImportSession) {
    this.#session = session;
  }

  /**
   * As the dump's own `SET client_encoding` says it.
   *
   * @returns what sets it in other sessions too
   * @throws IMPORT_REFUSED
   */
  async set(name: string): Promise<string> {
    const [row] = await this.#session.rows(
      'SELECT pg_catalog.pg_encoding_to_char(pg_catalog.pg_char_to_encoding($1)) AS name',
      [name],
    );
    const known = String(row?.['name'] ?? '');
    if (!readable.test(known)) throw refused(`is in the encoding ${quoted(name)}`);
    this.#name = known;
    await this.#speak(known);
    return speaking(known);
  }

  /** @throws IMPORT_REFUSED it is not in the encoding that the dump says */
  async read(bytes: Buffer, line: number): Promise<Said> {
    if (isAscii(bytes)) return { text: bytes.toString('latin1'), bytes: null };
    if (this.#name === 'UTF8') {
      if (isUtf8(bytes)) return { text: bytes.toString('utf8'), bytes: null };
      throw refused(`has text near line ${line} that is not in the encoding UTF8`);
    }
    return { text: await this.#inUnicode(bytes), bytes };
  }

  /** For questions of our own, which are in UTF-8; also where something of the dump has set another one. */
  async ours<T>(work: () => Promise<T>): Promise<T> {
    await this.#speak('UTF8');
    const result = await work();
    await this.#speak(this.#name);
    return result;
  }

  async #inUnicode(bytes: Buffer): Promise<string> {
    const sql = 'SELECT pg_catalog.convert($1::pg_catalog.bytea, $2, $3) AS text';
    try {
      const [row] = await this.#session.rows(sql, [bytes, this.#name, 'UTF8']);
      return Buffer.from(row?.['text'] as Uint8Array).toString('utf8');
    } catch (error) {
      if (!isHoldfastError(error) || error.code !== 'IMPORT_FAILED') throw error;
      return bytes.toString('latin1');
    }
  }

  async #speak(name: string): Promise<void> {
    await this.#session.run(speaking(name));
  }
}

const speaking = (name: string): string => `SET client_encoding TO ${quoteText(name)}`;

function refused(why: string): HoldfastError {
  return new HoldfastError('IMPORT_REFUSED', `the dump ${why}`, {
    hint: 'Make the dump again with pg_dump --encoding=UTF8, or restore another snapshot.',
  });
}
