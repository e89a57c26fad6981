/**
 * One extended attribute of a path, read and written without following a link, and what tells that it cannot have changed.
 *
 * For what the state keeps on an account's directory. Trees are walked through descriptors instead.
 */

import {
  AT_FDCWD,
  closeFd,
  errno,
  errnoName,
  getLinkXattr,
  getXattr,
  O,
  openAt,
  Stat,
  setXattr,
  statAt,
  zName,
  zNameForNow,
} from './native.ts';
import { magicPath } from './xattrs.ts';

/** The kernel clears as much memory as is offered: what we keep is short, and there are many accounts. */
const shortValue = Buffer.allocUnsafeSlow(256);
const value = Buffer.allocUnsafeSlow(65536);

/**
 * Null where there is no such path or attribute, or the file system keeps none.
 *
 * @throws an Error with a `code` such as EACCES
 */
export async function readPathXattr(path: string, name: string): Promise<Uint8Array | null> {
  const [subject, attribute] = [zName(path), zName(name)];
  const short = getLinkXattr(subject, attribute, shortValue);
  if (short >= 0) return Buffer.from(shortValue.subarray(0, short));
  const length = short === -errno.ERANGE ? getLinkXattr(subject, attribute, value) : short;
  if (length >= 0) return Buffer.from(value.subarray(0, length));
  if ([errno.ENOENT, errno.ENOTDIR, errno.ENODATA, errno.EOPNOTSUPP].includes(-length)) return null;
  throw failure(`cannot read ${name}`, length);
}

const stat = new Stat();

/** Whatever changes an attribute changes the inode's ctime. Null where there is no such path, or it cannot be looked at. */
export async function readPathStamp(
  path: string,
): Promise<{ readonly text: string; readonly changedAtMs: number } | null> {
  if (statAt(AT_FDCWD, zNameForNow(path), stat) < 0) return null;
  const { deviceMajor, deviceMinor, inode, ctimeSeconds, ctimeNanoseconds } = stat;
  const text = `${deviceMajor}:${deviceMinor} ${inode} ${ctimeSeconds}.${ctimeNanoseconds}`;
  return { text, changedAtMs: ctimeSeconds * 1000 };
}

/** @throws an Error with a `code` such as EOPNOTSUPP, ENOENT or EPERM */
export async function writePathXattr(path: string, name: string, bytes: Uint8Array): Promise<void> {
  const fd = openAt(AT_FDCWD, zName(path), O.PATH | O.NOFOLLOW);
  let outcome = fd;
  if (fd >= 0) {
    try {
      outcome = setXattr(magicPath(fd), zName(name), bytes);
    } finally {
      closeFd(fd);
    }
  }
  if (outcome < 0) throw failure(`cannot write ${name}`, outcome);
}

function failure(what: string, rc: number): Error {
  const code = errnoName(rc);
  return Object.assign(new Error(`${what} of a path: ${code}`), { code });
}

/** Whether the file system of a path keeps attributes such as this one; it need not have it. */
export function supportsXattr(path: string, name: string): boolean {
  const fd = openAt(AT_FDCWD, zName(path), O.PATH | O.NOFOLLOW);
  if (fd < 0) return false;
  try {
    return getXattr(magicPath(fd), zName(name), value) !== -errno.EOPNOTSUPP;
  } finally {
    closeFd(fd);
  }
}
