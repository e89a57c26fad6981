/** Paths inside a snapshot as people type them. */

import { HoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';

/** Raw bytes, without slashes at either end. */
export const snapshotPath = (typed: string): Buffer => Buffer.from(typed.replace(/^(?:\.?\/)+|\/+$/g, ''));

/**
 * The same from percent-encoded text, as `ls --json` gives it for odd names.
 *
 * @throws USAGE a `%` without two hex digits
 */
export function percentPath(typed: string): Buffer {
  if (/%(?![0-9A-Fa-f]{2})/.test(typed)) {
    throw new HoldfastError('USAGE', `${quoted(typed)} is not percent-encoded`, {
      hint: 'Write a % as %25.',
    });
  }
  const parts = typed.replace(/^\/+|\/+$/g, '').split(/(%[0-9A-Fa-f]{2})/);
  return Buffer.concat(
    parts.map((part, i) => (i % 2 === 1 ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  );
}
