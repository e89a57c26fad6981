/**
 * Takes the armor off an age file as a stream, however long it is: a strict kind of PEM, 64 characters a line.
 *
 * White space before and after it is allowed, lines may end in CRLF; whatever else is not as age writes it is damage.
 */

import { damagedAge } from './decrypter.ts';

const begin = '-----BEGIN AGE ENCRYPTED FILE-----';
const end = '-----END AGE ENCRYPTED FILE-----';
const lineLength = 64;
const base64 = /^(?:[A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2}(?:[A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)$/;
/** Of white space before the armor, and of a line: more without a line's end is no armor. */
const mostPending = 64 * 1024;

/** @throws OBJECT_DAMAGED */
export async function* unarmored(stored: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Buffer> {
  const lines = new ArmorLines(what);
  let pending = '';
  for await (const piece of stored) {
    pending += Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1');
    const whole = pending.lastIndexOf('\n') + 1;
    if (whole === 0 && pending.length > mostPending)
      throw damagedAge(what, 'its armor has a line without end');
    const bytes = lines.take(pending.slice(0, whole));
    pending = pending.slice(whole);
    if (bytes.length > 0) yield bytes;
  }
  const bytes = lines.take(`${pending}\n`);
  if (bytes.length > 0) yield bytes;
  lines.finish();
}

class ArmorLines {
  readonly #what: string;
  #place: 'before' | 'inside' | 'after' = 'before';
  /** A line that only the last may be. */
  #short = false;

  constructor(what: string) {
    this.#what = what;
  }

  /** What whole lines hold. */
  take(text: string): Buffer {
    const body: string[] = [];
    for (const line of text.split('\n').slice(0, -1)) {
      const bare = line.endsWith('\r') ? line.slice(0, -1) : line;
      if (this.#place !== 'inside') this.#outside(bare.trim());
      else if (bare.trim() === end) this.#place = 'after';
      else body.push(this.#checked(bare));
    }
    return Buffer.from(body.join(''), 'base64');
  }

  finish(): void {
    if (this.#place !== 'after') throw this.#damaged('its armor is cut short');
  }

  #outside(line: string): void {
    if (line === '') return;
    if (this.#place === 'after' || line !== begin) throw this.#damaged('there is something around its armor');
    this.#place = 'inside';
  }

  #checked(line: string): string {
    if (this.#short || line.length > lineLength || !base64.test(line))
      throw this.#damaged('its armor is not sound');
    this.#short = line.length < lineLength || line.endsWith('=');
    return line;
  }

  #damaged(why: string): Error {
    return damagedAge(this.#what, why);
  }
}
