/**
 * What a restore gives to files of a snapshot that nobody vouches for: no right that the account's own user
 * could not have made for itself.
 *
 * Pure. Owner and group are those given, never those of the snapshot; setuid, setgid and sticky bits go, so
 * do all xattrs but those in `user.` and ACLs (capabilities are in `security.`), and what `chattr` had set; devices and the tree `info`
 * are left out.
 */

import { type Entry, fileType, inodeFlags, typeOf } from '../../archive/entry.ts';
import { treeName } from './paths-wanted.ts';

export interface Restriction {
  /** Never 0. */
  readonly uid: number;
  readonly gid: number;
}

/** Trees that hold what the panel believes; a forged one would speak to it with root's voice. */
export const panelTrees: readonly string[] = ['info'];

const keptXattr = /^(?:user\.|system\.posix_acl_(?:access|default)$)/;

/** The entry as it may be made, or why it must not be. */
export function restrictEntry(entry: Entry, { uid, gid }: Restriction): Entry | string {
  if (panelTrees.includes(treeName(entry))) return 'belongs to the panel';
  const type = typeOf(entry);
  if (type === fileType.block || type === fileType.character) return 'is a device';
  const xattrs = entry.xattrs.filter(({ name }) => keptXattr.test(name.toString('latin1')));
  const flags = entry.flags & ~inodeFlags;
  return { ...entry, flags, uid, gid, mode: type | (entry.mode & 0o777), xattrs };
}

/** Texts beside an export that would give rights when they are loaded. */
export const givesRights = (suffix: string): boolean => /grant/i.test(suffix);
