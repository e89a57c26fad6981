/** A line of `diff --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { choice, countOrNull, document, text, textOrNull, texts } from './schema.ts';

export const differenceDocument = document('difference', 'One line of diff: a path that differs.', {
  change: choice('What became of it.', 'added', 'removed', 'changed', 'renamed'),
  path: text('Path in the later snapshot, or in the earlier one where it was removed.'),
  from: textOrNull('Its path before, where it was renamed; else null.'),
  pathEncoding: choice('`percent` where path and from are percent-encoded.', 'percent', null),
  type: choice(
    'What it is; `database` stands for an export.',
    'file',
    'directory',
    'symlink',
    'fifo',
    'socket',
    'block',
    'character',
    'database',
  ),
  aspects: texts(
    'What differs: type, content, target, device, mode, owner, group, mtime, acl, xattrs, flags (of chattr), links (it is one file with other names than before); besides (grants and the like) of a database.',
  ),
  sizeBefore: countOrNull('Bytes of a file or an export, 0 for the rest; null where it was not there.'),
  sizeAfter: countOrNull('The same in the later snapshot.'),
});

export type DifferenceDocument = FromSchema<typeof differenceDocument>;
