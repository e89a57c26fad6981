/**
 * Words of the command line that are not UTF-8. Node hands them over with U+FFFD for what it cannot read, which may be
 * the name of another file.
 */

import { HoldfastError } from '../core/errors.ts';
import { shown } from '../core/filesystem/path-text.ts';

/**
 * @param words the last ones of the command line, as Node has read them
 * @param commandLine see `World`; asked for only where a word may be another than it seems
 * @throws USAGE a word is not what was given
 */
export function refuseOtherBytes(words: readonly string[], commandLine: () => Buffer): void {
  if (!words.some((word) => word.includes('\ufffd'))) return;
  const given = commandLine().toString('latin1').split('\0').slice(0, -1).slice(-words.length);
  words.forEach((word, i) => {
    const bytes = Buffer.from(given[i] ?? '', 'latin1');
    if (bytes.equals(Buffer.from(word))) return;
    throw new HoldfastError('USAGE', `${shown(bytes)} on the command line is not UTF-8`, {
      hint: 'Give paths in a snapshot to --path-percent as holdfast ls shows them, and name files by a path that is UTF-8.',
    });
  });
}
