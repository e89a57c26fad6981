/** For options that are a share of something. */

import { HoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';

/** @throws USAGE it is no number above 0 and at most 1 */
export function shareOf(text: string): number {
  const share = Number(text);
  if (text.trim() !== '' && share > 0 && share <= 1) return share;
  throw new HoldfastError('USAGE', `${quoted(text)} is no share`, {
    hint: 'Give a number above 0 and at most 1, such as 0.5.',
  });
}
