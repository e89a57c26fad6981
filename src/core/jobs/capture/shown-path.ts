/** How paths of an account stand in warnings: as text where that is safe, else percent-encoded. */

import { displayName } from '../../filesystem/xattrs.ts';

/** A latin1 byte path as a manifest may show it. */
export function shownPath(path: string): { path: string; pathEncoding?: 'percent' } {
  const text = Buffer.from(path, 'latin1').toString('utf8');
  const plain = !/[\p{Cc}\p{Cf}\u2028\u2029\ufffd]/u.test(text);
  return plain ? { path: text } : { path: displayName(path).replaceAll('%2F', '/'), pathEncoding: 'percent' };
}
