/**
 * The recovery sheet: an identity on paper, to be typed back when nothing else is left.
 *
 * Three rows of short groups, each with a check of its own, so that a typing error is found in its row, and
 * one check over all. Letters that the alphabet of keys does not have are taken for those they look like.
 * What else stands on the sheet is for people and is not read.
 */

import { hash } from 'node:crypto';
import { HoldfastError } from '../errors.ts';
import type { Identity } from './identities.ts';
import { parseIdentity, recipientText } from './key-text.ts';

const title = 'HOLDFAST RECOVERY SHEET';
const prefix = 'AGE-SECRET-KEY-1';
const rowLengths = [20, 20, 18] as const;
const groupLength = 4;
const checkLength = 4;
const alphabet = 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L';
const rowPattern = /^\s*([1-3])\s*[:.)]\s*(.+?)\s*$/;
const checkPattern = /^\s*check\s*[:.)]\s*(.+?)\s*$/i;

/** What helps whoever holds the sheet to find the backups. */
export interface SheetContext {
  /** ISO 8601. */
  readonly madeAt: string;
  /** UUID of the server, where it has one yet. */
  readonly server: string | null;
  /** Public key with which the server signs its snapshots, where it has one yet. */
  readonly signer: string | null;
  /** SHA-256 of `rescue.py`, and the release it is of. */
  readonly rescue: { readonly sha256: string; readonly release: string };
  /** Where the backups are, in words without secrets, and the id where a first backup has made one. */
  readonly stores: readonly { readonly name: string; readonly place: string; readonly id: string | null }[];
}

/** @param identity of the kind `AGE-SECRET-KEY-1…` */
export function sheetOf({ secret, recipient }: Identity, context: SheetContext): string {
  const rows = rowsOf(secret.slice(prefix.length));
  const stores = context.stores.map(
    ({ name, place, id }) => `  ${name}: ${place}${id === null ? '' : `, store ${id}`}`,
  );
  return `${[
    title,
    '',
    'Whoever has this sheet can read the backups. Keep it where neither the server nor its thief finds it.',
    '',
    `Made:       ${context.madeAt}`,
    `Server:     ${context.server ?? 'not known yet; the backups name it'}`,
    `Signs with: ${context.signer ?? 'not known yet; holdfast doctor shows it after the first backup'}`,
    `Public key: ${recipient}`,
    `rescue.py:  SHA-256 ${context.rescue.sha256} in Holdfast ${context.rescue.release}`,
    ...(stores.length === 0 ? [] : ['Backups:', ...stores]),
    '',
    `Secret key, without its beginning ${prefix}; the last group of a row checks the row:`,
    '',
    ...rows.map((row, index) => `  ${index + 1}:  ${grouped(row)}  ${checkOf(`${index + 1}${row}`)}`),
    '',
    `  Check:  ${grouped(checkOf(rows.join(''), 8))}`,
    '',
    'The alphabet has no B, I, O and no 1: what looks like O is a zero, what looks like I or 1 is an L.',
    '',
    'To use it: type the three rows and the check into a file, as they stand here, then',
    '  holdfast key check --identity FILE',
    '  holdfast key generate --from-sheet FILE --to /root/identity',
    'On a new machine name server and key it signs with in "trustedSigners" of config.json: "SERVER:KEY".',
    'Without Holdfast: rescue.py takes the same file with --identity. For age itself write AGE-SECRET-KEY-1 and',
    'the rows, without spaces and without the last group of each, as one line into a file. RESTORE.md in the',
    'store says how age, zstd and tar go on from there:',
    '  age -d -i <(age -d -i FILE keys/…/….age) data/…/….tar.zst.age | zstd -dc | tar -x …',
  ].join('\n')}\n`;
}

function rowsOf(characters: string): string[] {
  let at = 0;
  return rowLengths.map((length) => {
    at += length;
    return characters.slice(at - length, at);
  });
}

const grouped = (row: string): string => row.match(new RegExp(`.{1,${groupLength}}`, 'g'))?.join(' ') ?? '';

/** A checksum in the alphabet of the rows, so that it is typed in the same way. */
function checkOf(text: string, length = checkLength): string {
  const digest = hash('sha256', `holdfast sheet ${text}`, 'buffer');
  return Array.from({ length }, (_, i) => alphabet[digest[i]! % alphabet.length]).join('');
}

export const isSheet = (text: string): boolean =>
  text.includes(title) || text.split(/\r?\n/).some((line) => rowPattern.test(line));

const typed = (text: string): string =>
  text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replaceAll('B', '8').replace(/[I1]/g, 'L');

/**
 * The identity of a sheet that was typed back.
 *
 * @throws SECRET_UNUSABLE a row is missing or mistyped; the message names the row and nothing of it
 */
export function parseSheet(text: string, what: string): Identity {
  const rows: string[] = [];
  let check: string | null = null;
  for (const line of text.split(/\r?\n/)) {
    const row = rowPattern.exec(line);
    if (row !== null) rows[Number(row[1])] = typed(row[2]!);
    check = checkPattern.exec(line)?.[1] ?? check;
  }
  const characters = rowLengths.map((length, index) => {
    const row = rows[index + 1];
    if (row === undefined) throw mistyped(`row ${index + 1} of the recovery sheet is missing in ${what}`);
    const good =
      row.length === length + checkLength && row.endsWith(checkOf(`${index + 1}${row.slice(0, length)}`));
    if (!good) throw mistyped(`row ${index + 1} of the recovery sheet is mistyped in ${what}`);
    return row.slice(0, length);
  });
  if (check === null || typed(check) !== checkOf(characters.join(''), 8)) {
    throw mistyped(`the check of the recovery sheet is missing or mistyped in ${what}`);
  }
  const secret = `${prefix}${characters.join('')}`;
  const pair = parseIdentity(secret);
  if (pair === null) throw mistyped(`the recovery sheet in ${what} holds no key`);
  return { secret, recipient: recipientText(pair.publicKey) };
}

function mistyped(message: string): HoldfastError {
  return new HoldfastError('SECRET_UNUSABLE', message, {
    hint: 'Compare it with the sheet, character by character.',
  });
}
