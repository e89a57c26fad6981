/**
 * The second xattr backend, on the package fs-xattr: the independent witness of our system calls.
 *
 * Synchronous calls only (the asynchronous ones leak), always through `/proc/self/fd/N` (plain paths
 * would follow links). It cannot carry attribute names that are not UTF-8 and says so.
 */

import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { HoldfastError } from '../errors.ts';
import { displayName, isCaptured, type XattrBackend, XattrError, type XattrSubject } from './xattrs.ts';

interface FsXattr {
  listAttributesSync(path: string): string[];
  getAttributeSync(path: string, name: string): Buffer;
  setAttributeSync(path: string, name: string, value: Buffer): void;
  removeAttributeSync(path: string, name: string): void;
}

const pathOf = (subject: XattrSubject): string =>
  typeof subject === 'number' ? `/proc/self/fd/${subject}` : subject.subarray(0, -1).toString();

/** @throws PREREQUISITE_MISSING the optional package is not installed or not built */
export function fsXattrBackend(): XattrBackend {
  let library: FsXattr;
  try {
    library = createRequire(import.meta.url)('fs-xattr') as FsXattr;
  } catch (cause) {
    throw new HoldfastError('PREREQUISITE_MISSING', 'the package fs-xattr is not built', {
      cause,
      hint: 'Install g++, make and python3, then run `npm rebuild fs-xattr`.',
    });
  }
  const attempt = <T>(operation: string, name: string, action: () => T): T => {
    try {
      return action();
    } catch (error) {
      const number = (error as { errno?: number }).errno ?? constants.errno.EIO;
      throw new XattrError(operation, displayName(Buffer.from(name)), number);
    }
  };
  const asText = (name: Buffer): string => {
    const text = name.toString('utf8');
    if (!Buffer.from(text).equals(name))
      throw new XattrError('use', displayName(name), constants.errno.EILSEQ);
    return text;
  };
  return {
    read(subject) {
      const path = pathOf(subject);
      return attempt('list', '', () => library.listAttributesSync(path))
        .filter(isCaptured)
        .map((name) => ({
          name: Buffer.from(name),
          value: attempt('read', name, () => library.getAttributeSync(path, name)),
        }))
        .sort((a, b) => a.name.compare(b.name));
    },
    set(subject, name, value) {
      const text = asText(name);
      attempt('set', text, () => library.setAttributeSync(pathOf(subject), text, value));
    },
    remove(subject, name) {
      const text = asText(name);
      try {
        library.removeAttributeSync(pathOf(subject), text);
      } catch (error) {
        if ((error as { code?: string }).code === 'ENODATA') return;
        throw new XattrError('remove', displayName(name), (error as { errno?: number }).errno ?? 5);
      }
    },
  };
}
