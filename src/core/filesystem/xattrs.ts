/**
 * Extended attributes of one inode, read whole and set exactly, through a descriptor.
 *
 * `XattrBackend` has two implementations: the system calls here, and fs-xattr (fs-xattr-backend.ts).
 * Names are raw bytes. Which attributes are worth keeping is decided here too: of OverlayFS's own,
 * `origin` and `impure` are file handles and hints of one mounted instance and mean nothing elsewhere. Nor
 * are XFS's own names for the ACLs kept, which `system.posix_acl_*` hold already.
 */

import type { Xattr } from '../archive/entry.ts';
import {
  errno,
  errnoName,
  getXattr,
  getXattrFd,
  listXattrs,
  listXattrsFd,
  removeXattr,
  removeXattrFd,
  setXattr,
  setXattrFd,
  zName,
} from './native.ts';

/** What an inode is reached by: an open descriptor, or the magic path of an O_PATH descriptor. */
export type XattrSubject = number | Buffer;

/** `/proc/self/fd/N`: acts on the inode itself, also where that is a symbolic link. */
export const magicPath = (fd: number): Buffer => Buffer.from(`/proc/self/fd/${fd}\0`);

export interface XattrBackend {
  /** Sorted by name. @throws XattrError, with those that could be read */
  read(subject: XattrSubject): Xattr[];
  set(subject: XattrSubject, name: Buffer, value: Buffer): void;
  remove(subject: XattrSubject, name: Buffer): void;
}

export class XattrError extends Error {
  readonly errno: number;
  /** Escaped for display; empty where the list itself failed. */
  readonly attribute: string;
  readonly found: readonly Xattr[];

  constructor(operation: string, attribute: string, number: number, found: readonly Xattr[] = []) {
    super(
      `cannot ${operation} extended attribute${attribute === '' ? 's' : ` ${attribute}`}: ${errnoName(number)}`,
    );
    this.errno = Math.abs(number);
    this.attribute = attribute;
    this.found = found;
  }
}

const notCaptured = new Set([
  'trusted.overlay.origin',
  'trusted.overlay.impure',
  'trusted.SGI_ACL_FILE',
  'trusted.SGI_ACL_DEFAULT',
]);

/** By its name, as latin1. */
export const isCaptured = (name: string): boolean => !notCaptured.has(name);

/** What a restore leaves on an inode although it was not captured there: a label of the host, our own marks. */
export const isAlwaysKept = (name: string): boolean =>
  name === 'security.selinux' || name.startsWith('trusted.holdfast.');

/** Of access, in the order of their names. */
const decisive = ['security.capability', 'system.posix_acl_access', 'system.posix_acl_default'].map(zName);

const listBuffer = Buffer.allocUnsafeSlow(65536);
const valueBuffer = Buffer.allocUnsafeSlow(65536);
const none: Xattr[] = [];

export const systemXattrs: XattrBackend = {
  read(subject) {
    const listed =
      typeof subject === 'number' ? listXattrsFd(subject, listBuffer) : listXattrs(subject, listBuffer);
    if (listed === 0 || listed === -errno.EOPNOTSUPP) return none;
    const found: Xattr[] = [];
    let failure: { readonly name: Buffer; readonly rc: number } | null = null;
    const take = (cName: Buffer): void => {
      const length =
        typeof subject === 'number'
          ? getXattrFd(subject, cName, valueBuffer)
          : getXattr(subject, cName, valueBuffer);
      const name = cName.subarray(0, -1);
      // Removed since it was listed.
      if (length >= 0) found.push({ name, value: Buffer.from(valueBuffer.subarray(0, length)) });
      else if (length !== -errno.ENODATA) failure ??= { name, rc: length };
    };
    if (listed < 0) {
      // More names than the kernel lists at once: without these, others might do what they must not.
      if (listed === -errno.E2BIG) for (const cName of decisive) take(cName);
      throw new XattrError('list', '', listed, found);
    }
    const names = Buffer.from(listBuffer.subarray(0, listed));
    for (let at = 0; at < names.length; ) {
      const end = names.indexOf(0, at);
      const name = names.subarray(at, end);
      const cName = names.subarray(at, end + 1);
      at = end + 1;
      if (isCaptured(name.toString('latin1'))) take(cName);
    }
    found.sort((a, b) => a.name.compare(b.name));
    const failed = failure as { readonly name: Buffer; readonly rc: number } | null;
    if (failed !== null) throw new XattrError('read', displayName(failed.name), failed.rc, found);
    return found;
  },

  set(subject, name, value) {
    const rc =
      typeof subject === 'number'
        ? setXattrFd(subject, zName(name), value)
        : setXattr(subject, zName(name), value);
    if (rc < 0) throw new XattrError('set', displayName(name), rc);
  },

  remove(subject, name) {
    const rc =
      typeof subject === 'number' ? removeXattrFd(subject, zName(name)) : removeXattr(subject, zName(name));
    if (rc < 0 && rc !== -errno.ENODATA) throw new XattrError('remove', displayName(name), rc);
  },
};

/** A name for messages: printable ASCII as it is, every other byte as `%XX`. */
export function displayName(name: Uint8Array | string): string {
  const bytes = typeof name === 'string' ? Buffer.from(name, 'latin1') : name;
  let out = '';
  for (const byte of bytes) {
    out +=
      byte > 0x20 && byte < 0x7f && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
