/** What one statement of a dump is about, told from its words: its verb, its object, whose it says it is. */

import { nameOf, type Token } from './import-tokens.ts';

export interface Definer {
  readonly user: string;
  /** Empty: the user is a role. */
  readonly host: string;
}

export interface StatementHead {
  /** E.g. `CREATE TABLE`, `INSERT`, `SET`; upper case. */
  readonly verb: string;
  /** What stands before the dot of a name in two parts. */
  readonly qualifier: string | null;
  readonly name: string | null;
  /** Tokens of the clause `DEFINER = …`; empty where there is none. */
  readonly definerTokens: readonly Token[];
  readonly definer: Definer | null;
  /** Index of the first token after the name. */
  readonly next: number;
}

const kinds: ReadonlySet<string> = new Set([
  'TABLE',
  'TABLES',
  'VIEW',
  'TRIGGER',
  'PROCEDURE',
  'FUNCTION',
  'PACKAGE',
  'EVENT',
  'SEQUENCE',
  'DATABASE',
  'SCHEMA',
  'INDEX',
  'USER',
  'ROLE',
  'SERVER',
  'TABLESPACE',
]);
const verbsWithObject: ReadonlySet<string> = new Set(['CREATE', 'DROP', 'ALTER', 'LOCK', 'UNLOCK']);

export function headOf(bytes: Buffer, tokens: readonly Token[]): StatementHead {
  const first = tokens[0]?.kind === 'word' ? tokens[0].value : '';
  let at = 1;
  let verb = first;
  let definer: Found = { tokens: [], definer: null };
  if (verbsWithObject.has(first)) {
    for (; at < tokens.length; at += 1) {
      const token = tokens[at]!;
      if (token.kind === 'word' && token.value === 'DEFINER' && tokens[at + 1]?.value === '=') {
        definer = definerAt(bytes, tokens, at);
        at += definer.tokens.length - 1;
      } else if (token.kind === 'word' && kinds.has(token.value)) {
        const body = token.value === 'PACKAGE' && tokens[at + 1]?.value === 'BODY';
        verb = `${first} ${token.value}${body ? ' BODY' : ''}`;
        at += body ? 2 : 1;
        break;
      } else if (token.kind !== 'word' && token.kind !== 'sign') break;
    }
  }
  while (/^(IF|NOT|EXISTS|INTO|IGNORE|LOW_PRIORITY|DELAYED|HIGH_PRIORITY)$/.test(wordAt(tokens, at))) at += 1;
  const name = nameOf(bytes, tokens[at]);
  if (name !== null && tokens[at + 1]?.value === '.' && tokens[at + 1]?.kind === 'sign') {
    const inner = nameOf(bytes, tokens[at + 2]);
    return {
      verb,
      qualifier: name,
      name: inner,
      definerTokens: definer.tokens,
      definer: definer.definer,
      next: at + 3,
    };
  }
  return {
    verb,
    qualifier: null,
    name,
    definerTokens: definer.tokens,
    definer: definer.definer,
    next: at + 1,
  };
}

const wordAt = (tokens: readonly Token[], at: number): string =>
  tokens[at]?.kind === 'word' ? tokens[at].value : '';

interface Found {
  readonly tokens: readonly Token[];
  readonly definer: Definer | null;
}

/** `DEFINER = user@host`, quoted or not; a role has no host, and whoever creates it is no definer. */
function definerAt(bytes: Buffer, tokens: readonly Token[], start: number): Found {
  const user = tokens[start + 2];
  let end = start + 3;
  let host = '';
  const touching = (at: number): boolean => tokens[at]?.start === tokens[at - 1]?.end;
  if (tokens[end]?.value === '(' && tokens[end + 1]?.value === ')') end += 2;
  else if (tokens[end]?.value === '@') {
    const first = tokens[end + 1];
    end += 2;
    while (first?.kind === 'word' && touching(end) && /^[\w.%:-]+$/.test(tokens[end]!.value)) end += 1;
    host =
      first === undefined
        ? ''
        : first.kind === 'word'
          ? bytes.toString('utf8', first.start, tokens[end - 1]!.end)
          : first.value;
  }
  const name = nameOf(bytes, user) ?? user?.value ?? '';
  const isCreator =
    user?.kind === 'word' && host === '' && /^(CURRENT|SESSION)_(USER|ROLE)$/.test(user.value);
  return { tokens: tokens.slice(start, end), definer: isCreator ? null : { user: name, host } };
}
