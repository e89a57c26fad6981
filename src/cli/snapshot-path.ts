/** Paths inside a snapshot as people type them. */

import { HoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';

/** Raw bytes, without slashes at either end. */
export const snapshotPath = (typed: string): Buffer => Buffer.from(typed.replace(/^(?:\.?\/)+|\/+$/g, ''));

/**
 * The same from percent-encoded text, as `ls --json` gives it for odd names. An encoded slash is a slash.
 *
 * @throws USAGE a `%` without two hex digits
 */
export function percentPath(typed: string): Buffer {
  if (/%(?![0-9A-Fa-f]{2})/.test(typed)) {
    throw new HoldfastError('USAGE', `${quoted(typed)} is not percent-encoded`, {
      hint: 'Write a % as %25.',
    });
  }
  const parts = typed.split(/(%[0-9A-Fa-f]{2})/);
  const bytes = Buffer.concat(
    parts.map((part, i) => (i % 2 === 1 ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  );
  return Buffer.from(bytes.toString('latin1').replace(/^\/+|\/+$/g, ''), 'latin1');
}
