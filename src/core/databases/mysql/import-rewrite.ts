/**
 * Changes to a statement that leave all else as it is: the definer and the name of the database.
 *
 * Names are compared token by token. A name before a dot may be a table's alias as well as a database's:
 * where the statement uses it alone too, only what cannot be an alias is changed.
 */

import { quoted } from '../../printable.ts';
import { isScratch } from '../import/names.ts';
import { enabledEvent } from './import-events.ts';
import { refused } from './import-framing.ts';
import type { Definition } from './import-read.ts';
import { type Definer, headOf, type StatementHead } from './import-statement.ts';
import { applyEdits, type Edit, nameOf, type Token, type TokenOptions, tokenize } from './import-tokens.ts';
import { quoteName, quoteUser } from './names.ts';

/** Tokens whose database `from` becomes `to`. */
export function renameQualifiers(
  bytes: Buffer,
  tokens: readonly Token[],
  { verb }: Pick<StatementHead, 'verb'>,
  from: string,
  to: string,
): Edit[] {
  const isDot = (at: number): boolean => tokens[at]?.kind === 'sign' && tokens[at].value === '.';
  const places = tokens.flatMap((token, at) =>
    token.kind !== 'text' && nameOf(bytes, token) === from && !isDot(at - 1) ? [at] : [],
  );
  // In a table's definition nothing has an alias.
  const alias = verb !== 'CREATE TABLE' && verb !== 'ALTER TABLE' && places.some((at) => !isDot(at + 1));
  return places
    .filter((at) => {
      if (!isDot(at + 1)) return false;
      const certain = isDot(at + 3) || tokens[at + 3]?.value === '(';
      return !alias || certain;
    })
    .map((at) => {
      const { start, end } = tokens[at]!;
      // The server shows a view's columns with or without its own database; without, it can be moved again.
      const dropped = verb === 'CREATE VIEW' && isDot(at + 3);
      return dropped ? { start, end: tokens[at + 2]!.start, text: '' } : { start, end, text: quoteName(to) };
    });
}

/** Databases of imports of long ago that keys were left leading into: they are meant to lead into their own. */
export const scratchNames = (tokens: readonly Token[], { verb }: StatementHead): string[] =>
  /^(CREATE|ALTER) TABLE$/.test(verb)
    ? tokens.flatMap(({ kind, value }) => (kind === 'name' && isScratch(value) ? [value] : []))
    : [];

/** The clause goes: who creates the object is its definer. */
export function withoutDefiner({ definerTokens }: StatementHead): Edit[] {
  const [first, last] = [definerTokens[0], definerTokens.at(-1)];
  return first === undefined || last === undefined ? [] : [{ start: first.start, end: last.end, text: '' }];
}

/** Whether the words of a `SET` change how the rest of the dump is read; null where they do not. */
export function sqlModeOf(tokens: readonly Token[], usual: TokenOptions): TokenOptions | null {
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== 'word' || token.value !== 'SQL_MODE' || tokens[at + 1]?.value !== '=') continue;
    if (tokens[at - 1]?.value === '@' && tokens[at - 2]?.value !== '@') continue;
    const value = tokens[at + 2];
    if (value?.kind !== 'text') return usual;
    const modes = value.value.toUpperCase().split(',');
    return {
      noBackslashEscapes: modes.includes('NO_BACKSLASH_ESCAPES'),
      ansiQuotes: modes.some((mode) =>
        /^(ANSI_QUOTES|ANSI|ORACLE|DB2|MSSQL|POSTGRESQL|MAXDB)$/.test(mode.trim()),
      ),
    };
  }
  return null;
}

/** A definition as the server shows it, and the mode that it is read in. */
type Shown = Pick<Definition, 'sql' | 'sqlMode'>;

export const optionsOf = ({ sqlMode }: Shown): TokenOptions => ({
  noBackslashEscapes: sqlMode.includes('NO_BACKSLASH_ESCAPES'),
  ansiQuotes: sqlMode.includes('ANSI_QUOTES'),
});

export function definerOf(one: Shown): Definer | null {
  const bytes = Buffer.from(one.sql);
  return headOf(bytes, tokenize(bytes, optionsOf(one))).definer;
}

/** A view or a package with the rights of whoever uses it. */
export function withInvoker(one: Shown): string {
  const bytes = Buffer.from(one.sql);
  const tokens = tokenize(bytes, optionsOf(one));
  const head = headOf(bytes, tokens);
  const clause = ' SQL SECURITY INVOKER';
  if (head.verb !== 'CREATE VIEW') {
    // Of several the last one counts, and what may follow can only be the same.
    const { end } = tokens[head.next - 1]!;
    return applyEdits(bytes, [{ start: end, end, text: clause }]).toString('utf8');
  }
  const view = tokens.findIndex(({ kind, value }) => kind === 'word' && value === 'VIEW');
  const said = tokens.findIndex(
    ({ kind, value }, at) => at < view && kind === 'word' && value === 'SECURITY',
  );
  const [first, last] =
    said < 0 ? [tokens[0]!.end, tokens[0]!.end] : [tokens[said - 2]!.end, tokens[said + 1]!.end];
  return applyEdits(bytes, [{ start: first, end: last, text: clause }]).toString('utf8');
}

/** What becomes of a definition that the server shows. */
export interface Redefinition {
  /** In lower case, e.g. `package body`. */
  readonly kind: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Null: as the definition says. */
  readonly definer: Definer | null;
  /** For an event that is to run. */
  readonly enable: boolean;
  /** How the server will read the statement. */
  readonly options: TokenOptions;
}

/**
 * A definition as the server shows it, for another database and another definer. Read once more before it is given
 * out: it makes this one object of this definer, and nothing else.
 *
 * @throws IMPORT_REFUSED it would not
 */
export function redefined(sql: string, change: Redefinition): string {
  const { definer, from, to, options } = change;
  const bytes = Buffer.from(sql);
  const tokens = tokenize(bytes, options);
  const head = headOf(bytes, tokens);
  const edits = renameQualifiers(bytes, tokens, head, from, to);
  if (change.enable) edits.push(...enabledEvent(tokens, head));
  if (definer !== null) {
    const text = `DEFINER=${definer.host === '' ? quoteName(definer.user) : quoteUser(definer)}`;
    const [first, last] = [head.definerTokens[0], head.definerTokens.at(-1)];
    const create = tokens[0];
    if (first !== undefined && last !== undefined) edits.push({ start: first.start, end: last.end, text });
    else if (create !== undefined) edits.push({ start: create.end, end: create.end, text: ` ${text}` });
  }
  if (edits.length === 0) return sql;
  const changed = applyEdits(bytes, edits);
  const made = headOf(changed, tokenize(changed, options));
  const isMeant =
    made.verb === `CREATE ${change.kind.toUpperCase()}` &&
    made.name?.toLowerCase() === change.name.toLowerCase() &&
    (made.qualifier === null || made.qualifier === to) &&
    (definer === null || (made.definer?.user === definer.user && made.definer.host === definer.host));
  if (isMeant) return changed.toString('utf8');
  throw refused(`${change.kind} ${quoted(change.name)} is written so that it cannot be made again safely`);
}
