/**
 * The grammar of store keys, in one place for core and for every store.
 *
 * A store that maps keys to paths must check them: keys also come out of manifests, and those may
 * have been written by someone else.
 */

const legalCharacters = /^[A-Za-z0-9_.%/-]+$/;

/** Longest key in bytes; every character of a legal key is one byte. */
export const longestKeyBytes = 900;

/** Why a text is no store key, or null where it is one. */
export function keyProblem(key: string): string | null {
  if (key.length === 0) return 'it is empty';
  if (key.length > longestKeyBytes) return `it is longer than ${longestKeyBytes} bytes`;
  if (!legalCharacters.test(key)) return 'it has characters outside [A-Za-z0-9_.%/-]';
  for (const component of key.split('/')) {
    if (component === '') return 'it has an empty component';
    if (component === '.' || component === '..') return `it has the component ${component}`;
  }
  return null;
}

/** @throws TypeError the text is no store key: the caller has to check keys it did not make */
export function assertKey(key: string): void {
  const problem = keyProblem(key);
  if (problem !== null) throw new TypeError(`${JSON.stringify(key)} is no store key: ${problem}`);
}
