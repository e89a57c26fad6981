/**
 * Gives one inode the extended attributes of an entry, and no others.
 *
 * Where it has an ACL of access, mode and ACL change in one instant: nobody has for a moment what neither the old
 * state nor the new one gives.
 */

import { statfsSync } from 'node:fs';
import { aclOfMode, modeWithoutAcl } from '../archive/acl.ts';
import type { Xattr } from '../archive/entry.ts';
import { isOfTarget, targetRefuses } from './exhaustion.ts';
import { errno } from './native.ts';
import { isAlwaysKept, type XattrBackend, XattrError, type XattrSubject } from './xattrs.ts';

/** Hears of what the target refused; the rest of the entry is restored all the same. */
export type Refused = (code: string, message: string) => void;

const accessAcl = 'system.posix_acl_access';

/**
 * Sets what was captured and removes what is there besides, such as inherited ACLs.
 *
 * @param mode what the entry is to have
 * @returns the mode that it is to be given: where its ACL is refused, without what the ACL denies the owning group
 * @throws TARGET_UNWRITABLE the target is full or fails
 */
export function applyXattrs(
  subject: XattrSubject,
  wanted: readonly Xattr[],
  mode: number,
  xattrs: XattrBackend,
  refused: Refused,
): number {
  let given = mode;
  const set = (one: Xattr): boolean => attempt(() => xattrs.set(subject, one.name, one.value), one);
  attempt(() => {
    for (const { name } of xattrs.read(subject)) {
      const label = name.toString('latin1');
      if (isAlwaysKept(label) || wanted.some((one) => one.name.equals(name))) continue;
      if (label === accessAcl) {
        // Of one that stays, they would be the mask.
        if (!set({ name, value: aclOfMode(mode) })) given &= ~0o070;
      } else attempt(() => xattrs.remove(subject, name));
    }
  });
  for (const one of wanted) {
    if (!set(one) && one.name.toString('latin1') === accessAcl) given = modeWithoutAcl(given, one.value);
  }
  return given;

  function attempt(action: () => void, one?: Xattr): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof XattrError)) throw error;
      const outgrown = error.errno === errno.ENOSPC && one !== undefined && outgrows(subject, one, xattrs);
      if (isOfTarget(error.errno) && !outgrown) throw targetRefuses(error.message, error.errno, error);
      refused('xattr-refused', error.message);
      return false;
    }
  }
}

/** Of an attribute in a block of ext4, with what rounding takes. */
const overheadBytes = 24;

/**
 * Tells the two meanings of ENOSPC apart: ext4 holds the attributes of an inode in one block, and says so too where
 * they are too large for it.
 */
function outgrows(subject: XattrSubject, one: Xattr, xattrs: XattrBackend): boolean {
  const path = typeof subject === 'number' ? `/proc/self/fd/${subject}` : subject.subarray(0, -1);
  const { bsize, blocks, bavail } = statfsSync(path);
  if (blocks > 0 && bavail === 0) return false;
  const others = xattrs.read(subject).filter(({ name }) => !name.equals(one.name));
  const bytes = [...others, one].map(({ name, value }) => overheadBytes + name.length + value.length);
  return bytes.reduce((sum, each) => sum + each, 2 * overheadBytes) > bsize;
}
