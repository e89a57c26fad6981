/**
 * One extended attribute of a path, read and written without following a link.
 *
 * For what the state keeps on an account's directory. Trees are walked through descriptors instead.
 */

import { AT_FDCWD, closeFd, errno, errnoName, getXattr, O, openAt, setXattr, zName } from './native.ts';
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
  const absent = [-errno.ENOENT, -errno.ENOTDIR, -errno.ENODATA, -errno.EOPNOTSUPP];
  return through(path, `cannot read ${name}`, absent, (subject) => {
    const short = getXattr(subject, zName(name), shortValue);
    if (short >= 0) return Buffer.from(shortValue.subarray(0, short));
    const length = short === -errno.ERANGE ? getXattr(subject, zName(name), value) : short;
    return length < 0 ? length : Buffer.from(value.subarray(0, length));
  });
}

/** @throws an Error with a `code` such as EOPNOTSUPP, ENOENT or EPERM */
export async function writePathXattr(path: string, name: string, bytes: Uint8Array): Promise<void> {
  await through(path, `cannot write ${name}`, [], (subject) => setXattr(subject, zName(name), bytes));
}

function through<T>(
  path: string,
  what: string,
  absent: readonly number[],
  action: (subject: Buffer) => number | T,
): T | null {
  const fd = openAt(AT_FDCWD, zName(path), O.PATH | O.NOFOLLOW);
  let outcome: number | T = fd;
  if (fd >= 0) {
    try {
      outcome = action(magicPath(fd));
    } finally {
      closeFd(fd);
    }
  }
  if (typeof outcome !== 'number') return outcome;
  if (outcome >= 0 || absent.includes(outcome)) return null;
  const code = errnoName(outcome);
  throw Object.assign(new Error(`${what} of a path: ${code}`), { code });
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
