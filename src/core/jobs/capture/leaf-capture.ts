/**
 * Captures one name that is no directory: a regular file with its content, or a special entry.
 *
 * Each is opened once, checked after opening, and described from the descriptor alone.
 */

import { type Entry, entryFlags, fileType } from '../../archive/entry.ts';
import { openPatiently, stopWhereExhausted } from '../../filesystem/exhaustion.ts';
import {
  closeFd,
  errno,
  errnoName,
  O,
  openAt,
  readLinkAt,
  type Stat,
  statFd,
} from '../../filesystem/native.ts';
import { magicPath, XattrError } from '../../filesystem/xattrs.ts';
import { systemCode } from '../../system-code.ts';
import { hasContent } from './content-hash.ts';
import type { EntryLog, TreeContext } from './entry-log.ts';
import { captureFile } from './file-capture.ts';
import { linkTarget, plainTarType } from './segment-writer.ts';

/** What `EntryLog.meet` said of the name. */
export type Previous = 'same' | Entry | null;

export interface LeafContext {
  readonly context: TreeContext;
  readonly log: EntryLog;
  /** Scratch; holds the entry's state afterwards. */
  readonly stat: Stat;
  /** True for what lies on a file system that is not captured. */
  readonly isForeign: (stat: Stat) => boolean;
  /** Whether the names of a file with several are known to be those of one, to be stored once. */
  readonly joinsLinks: (stat: Stat) => boolean;
}

export const silentChange = 'has other content although nothing else about it changed; it is stored anew';
export const tornText = 'changed while it was read, twice; the copy may be torn';
const targetBuffer = Buffer.alloc(65536);
const emptyName = Buffer.from([0]);

/** @returns false where it is no regular file any more */
export function captureRegular(
  leaf: LeafContext,
  dirfd: number,
  name: Buffer,
  path: string,
  previous: Previous,
): boolean {
  const { log, stat } = leaf;
  const flags = O.NOFOLLOW | O.NONBLOCK;
  let fd = openPatiently(() => openAt(dirfd, name, flags | O.NOATIME));
  if (fd === -errno.EPERM) fd = openPatiently(() => openAt(dirfd, name, flags));
  if (fd === -errno.ELOOP || fd === -errno.ENXIO || fd === -errno.EISDIR) return false;
  if (fd < 0) {
    if (fd === -errno.ENOENT) log.lost(path, fd);
    else cannotRead(leaf, path, previous, errnoName(fd));
    return true;
  }
  try {
    const rc = statFd(fd, stat);
    if (rc < 0) {
      cannotRead(leaf, path, previous, errnoName(rc));
      return true;
    }
    if ((stat.mode & fileType.mask) !== fileType.regular || leaf.isForeign(stat)) return false;
    if (stat.nlink > 1 && leaf.joinsLinks(stat)) log.emit(log.describe(path, stat, fd, entryFlags.linked));
    else {
      const isSame = previous === 'same' && log.isStillSame(stat);
      captureContent(leaf, fd, path, isSame || previous !== 'same' ? previous : log.replace());
    }
    return true;
  } finally {
    closeFd(fd);
  }
}

const isAsKnown = ({ log, stat }: LeafContext, previous: Previous): boolean =>
  previous === 'same' && log.isStillSame(stat);

/** What seems unchanged and was only to be read once more is not lost for that. */
function cannotRead(leaf: LeafContext, path: string, previous: Previous, why: string): void {
  if (isAsKnown(leaf, previous)) leaf.log.keepUnread(path, why);
  else leaf.log.unreadable(path, why);
}

function captureContent(leaf: LeafContext, fd: number, path: string, previous: Previous): void {
  const { context, log, stat } = leaf;
  const { segments, known, checkStop } = context;
  try {
    const expected = previous === 'same' ? log.keptHash() : null;
    if (
      expected !== null &&
      hasContent(fd, stat, expected, { recorded: () => log.keptContent(), checkStop })
    ) {
      log.keep();
      return;
    }
    const describe = (): Entry => log.describe(path, stat, fd, 0);
    const before = previous === 'same' ? null : (previous?.content ?? null);
    const captured = captureFile(fd, stat, describe, { segments, known, before, checkStop });
    if (captured.readError !== null && isAsKnown(leaf, previous)) {
      log.keepUnread(path, captured.readError);
      return;
    }
    if (expected !== null) {
      // Not where it was changed openly, in the moment after the walk met it.
      const differs = captured.content.sha256?.equals(expected) !== true;
      if (differs && log.isStillSame(stat)) context.warn('silent-change', path, silentChange);
      log.replace();
    }
    const flags = captured.entry.flags | (captured.changed ? entryFlags.changed : 0);
    if (captured.readError !== null) {
      context.warn('unreadable', path, `${captured.readError} while it was read; the rest is zeros`);
    } else if (captured.changed) {
      context.warn('changed', path, tornText);
    }
    log.omitted(path, captured.omitted);
    log.emit({ ...captured.entry, flags, content: captured.content });
  } catch (error) {
    const { errno: number } = error as NodeJS.ErrnoException;
    if (typeof number !== 'number' || error instanceof XattrError) throw error;
    stopWhereExhausted(number);
    cannotRead(leaf, path, previous, systemCode(error) ?? 'an error');
  }
}

/** Links, FIFOs, sockets, devices: reached through O_PATH, which opens nothing. @returns as `captureRegular` */
export function captureSpecial(leaf: LeafContext, dirfd: number, name: Buffer, path: string): boolean {
  const { context, log, stat } = leaf;
  const fd = openAt(dirfd, name, O.PATH | O.NOFOLLOW);
  if (fd < 0) {
    log.lost(path, fd);
    return true;
  }
  try {
    if (statFd(fd, stat) < 0 || leaf.isForeign(stat)) return false;
    const type = stat.mode & fileType.mask;
    if (type === fileType.directory || type === fileType.regular) return false;
    let target: Buffer | null = null;
    if (type === fileType.link) {
      const length = readLinkAt(fd, emptyName, targetBuffer);
      if (length < 0) return false;
      target = Buffer.from(targetBuffer.subarray(0, length));
    }
    const flags = stat.nlink > 1 && leaf.joinsLinks(stat) ? entryFlags.linked : 0;
    const entry = { ...log.describe(path, stat, magicPath(fd), flags), target };
    log.emit(entry);
    const tarType = plainTarType(entry);
    // The tar of a full restores by itself; that of a difference holds contents only.
    if (flags === 0 && tarType !== null && context.known === null) {
      log.omitted(path, context.segments.writePlain(entry, tarType, linkTarget(entry)));
    }
    return true;
  } finally {
    closeFd(fd);
  }
}
