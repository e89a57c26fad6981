/** Paths inside a snapshot as people type them. */

import { HoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';

/** Raw bytes, without slashes at either end. @throws USAGE it holds U+FFFD */
export function snapshotPath(typed: string): Buffer {
  refuseReplaced(typed);
  return Buffer.from(typed.replace(/^(?:\.?\/)+|\/+$/g, ''));
}

/**
 * The same from percent-encoded text, as `ls --json` gives it for odd names. An encoded slash is a slash.
 *
 * @throws USAGE a `%` without two hex digits, or U+FFFD as it is
 */
export function percentPath(typed: string): Buffer {
  refuseReplaced(typed);
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

/** What a terminal, or a program, shows in place of bytes that are no text: it may mean one name, or another. */
function refuseReplaced(typed: string): void {
  if (!typed.includes('\ufffd')) return;
  throw new HoldfastError('USAGE', `${quoted(typed, 4096)} holds U+FFFD, which stands for any other bytes`, {
    hint: 'Give the path to --path-percent as holdfast ls shows it; U+FFFD itself is %EF%BF%BD.',
  });
}
