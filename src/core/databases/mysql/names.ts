/**
 * Names in SQL, and the patterns in which grants name databases.
 *
 * Two readings of a pattern exist on purpose. The server takes an unescaped `_` for any character; we
 * take it for itself where the question is whose database it is, since panels grant `exa_shop` without
 * escaping it, and `exa_%` must never claim `exaorg_shop`.
 */

/** Databases of the server itself; never an account's. */
const systemDatabases: ReadonlySet<string> = new Set([
  'information_schema',
  'mysql',
  'performance_schema',
  'sys',
]);

export function isSystemDatabase(name: string): boolean {
  return systemDatabases.has(name.toLowerCase());
}

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A text literal for SQL we write into files; those are read with backslash escapes on. */
export function quoteText(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}

/** `user@host` for any sql_mode: backticks know no escapes, and double quotes may be names. */
export function quoteUser({ user, host }: { readonly user: string; readonly host: string }): string {
  return `${quoteName(user)}@${quoteName(host)}`;
}

export type Wildcards = 'as-server' | 'percent-only';

/** Whether the database part of a grant covers `database`. */
export function grantCovers(pattern: string, database: string, wildcards: Wildcards): boolean {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at);
    if (char === '\\' && at + 1 < pattern.length) {
      at += 1;
      source += literal(pattern.charAt(at));
    } else if (char === '%') source += '[\\s\\S]*';
    else if (char === '_' && wildcards === 'as-server') source += '[\\s\\S]';
    else source += literal(char);
  }
  return new RegExp(`^${source}$`).test(database);
}

/** Whether the pattern begins with a wildcard, so that it says nothing about whose database it is. */
export function coversAnything(pattern: string): boolean {
  return pattern === '' || pattern.startsWith('%');
}

function literal(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
}
