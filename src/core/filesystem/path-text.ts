/** Paths of a snapshot as text: for people, and for documents that say how they are written. One spelling everywhere. */

import { displayName } from './xattrs.ts';

const odd = /[\p{Cc}\p{Cf}\u2028\u2029\ufffd]/u;

/** Text where the bytes are plain UTF-8, else percent-encoded. */
export function encodedPath(path: Buffer): {
  readonly path: string;
  readonly pathEncoding: 'percent' | null;
} {
  const text = path.toString('utf8');
  if (!odd.test(text)) return { path: text, pathEncoding: null };
  return { path: displayName(path), pathEncoding: 'percent' };
}

/** The same for two paths, which share one encoding. */
export function encodedPaths(
  path: Buffer,
  from: Buffer | null,
): { readonly path: string; readonly from: string | null; readonly pathEncoding: 'percent' | null } {
  const percent = [path, from].some((one) => one !== null && odd.test(one.toString('utf8')));
  const text = (bytes: Buffer): string => (percent ? displayName(bytes) : bytes.toString('utf8'));
  return {
    path: text(path),
    from: from === null ? null : text(from),
    pathEncoding: percent ? 'percent' : null,
  };
}

/** What a terminal or a line of `ls` would not show as what it is. */
const misleading = /[%\\]|[^\P{Z} ]|^ | $| -> /u;

/**
 * For people, and always what `--path-percent` takes: decoding it gives the same bytes, so that no two
 * names are shown alike. Plain names stand as they are; others, and those with a `%`, percent-encoded.
 */
export function shown(path: Buffer): string {
  const text = path.toString('utf8');
  return odd.test(text) || misleading.test(text) ? displayName(path) : text;
}

/** As `shown`, with what a document says of it. */
export function shownWithEncoding(path: Buffer): {
  readonly path: string;
  readonly pathEncoding?: 'percent';
} {
  const text = shown(path);
  return text === path.toString('utf8') ? { path: text } : { path: text, pathEncoding: 'percent' };
}
