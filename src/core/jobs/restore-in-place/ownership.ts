/**
 * Which live inodes root may change as they lie: those that nobody but root can have put in their place, and those of
 * the account's users.
 *
 * Whoever may write to a directory may give any of its names to another inode of the tree, also to one of root.
 */

import type { Entry } from '../../archive/entry.ts';
import type { Stat } from '../../filesystem/native.ts';
import { unwritable } from './obstacles.ts';

const us = process.geteuid?.() ?? 0;

export const isOurs = ({ uid }: { readonly uid: number }): boolean => uid === us;

/** Only we can give names in it to other inodes. With an ACL, the bits of the group are its mask. */
export const isClosedToOthers = (directory: Stat): boolean =>
  isOurs(directory) && (directory.mode & 0o022) === 0;

const harmlessXattr = /^(?:user\.|system\.posix_acl_(?:access|default)$|security\.selinux$)/;

/** It gives whoever runs it a right that its owner does not have, such as capabilities. */
export const givesRights = (entry: Entry): boolean =>
  (entry.mode & 0o6000) !== 0 ||
  entry.xattrs.some(({ name }) => !harmlessXattr.test(name.toString('latin1')));

/**
 * Whether a file that has the right content may get its metadata where it lies, instead of being made anew.
 *
 * @param closed only we could put it there
 */
export function mayDescribe(entry: Entry, { uid }: Stat, closed: boolean): boolean {
  return uid === entry.uid && (closed || uid !== us) && !givesRights(entry);
}

export const sameButTime = (entry: Entry, { mode, uid, gid }: Stat): boolean =>
  entry.mode === mode && entry.uid === uid && entry.gid === gid;

/** As `mayDescribe`, of a directory. */
export const mayDescribeDirectory = (entry: Entry, { uid }: Stat, closed: boolean): boolean =>
  closed || (uid === entry.uid && uid !== us);

export function strangersDirectory(entry: Entry, { uid }: Stat): Error {
  const whose =
    uid === entry.uid
      ? `is of user ${uid}`
      : `is of user ${uid} now, and of user ${entry.uid} in the snapshot,`;
  return unwritable(
    `the directory ${whose} where others can have put it; give it owner and mode with chown and chmod, then restore again`,
  );
}
