/**
 * Makes text from strangers safe to show on a terminal, in a log line or in an error message.
 *
 * Owns escaping for people's eyes only; quoting for a shell, SQL or a key is another matter.
 */

// Controls, line and paragraph separators, bidirectional overrides, zero-width marks, lone surrogates.
const unsafe =
  /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\\]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** Most text is nothing else, and tables of thousands of rows are made of it. */
const plain = /^[ -[\]-~]*$/;

/** Escapes everything that does not show as itself as `\u{…}`, and a backslash as two. */
export function printable(text: string, longest = 200): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text;
  if (plain.test(shown)) return shown;
  return shown.replace(unsafe, (found) =>
    found === '\\' ? '\\\\' : `\\u{${found.codePointAt(0)?.toString(16)}}`,
  );
}

/** As `printable`, between double quotes. */
export function quoted(text: string, longest = 200): string {
  return `"${printable(text, longest).replaceAll('"', '\\"')}"`;
}
