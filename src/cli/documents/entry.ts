/** A line of `ls --json` and of `find --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import {
  choice,
  count,
  countOrNull,
  document,
  flag,
  instantOrNull,
  integer,
  text,
  textOrNull,
  texts,
} from './schema.ts';

const path = text('Path in the snapshot; begins with the tree.');
const encoding = choice('`percent` where path and target are percent-encoded.', 'percent', null);
const type = choice(
  'What it is; `database` stands for an export, or for what lies beside one, as grants do.',
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'block',
  'character',
  'database',
);

export const entryDocument = document('entry', 'One line of ls: an entry of a snapshot.', {
  path,
  pathEncoding: encoding,
  type,
  mode: textOrNull('Permissions, four octal digits; null for a database.'),
  uid: countOrNull('Owner; null for a database.'),
  gid: countOrNull('Group; null for a database.'),
  size: count('Bytes of a file or an export; 0 for the rest.'),
  modifiedAt: instantOrNull('When it was modified, to the millisecond; null beyond the years 0 to 9999.'),
  mtimeSeconds: integer('The same in whole seconds since 1970; 0 for a database.'),
  mtimeNanoseconds: count('And the nanoseconds after them.'),
  target: textOrNull('Of a symbolic link, else null.'),
  sha256: textOrNull('SHA-256 of the content of a file that is not empty, else null.'),
  linked: flag('The file has several names.'),
  changed: flag('The file changed while it was read.'),
  xattrs: texts('Names of its extended attributes, ACLs among them; odd bytes percent-encoded.'),
  flags: texts('What chattr had set: immutable, append-only, no-dump.'),
});

export const matchDocument = document('match', 'One line of find: an entry that fits the pattern.', {
  snapshot: text('Id of the snapshot.'),
  path,
  pathEncoding: encoding,
  type,
  size: count('Bytes of a file; 0 for the rest.'),
  modifiedAt: instantOrNull('When it was modified.'),
});

export type EntryDocument = FromSchema<typeof entryDocument>;
export type MatchDocument = FromSchema<typeof matchDocument>;
