/**
 * What can be relied on where a descriptor lies, by the kind of its file system. Magic numbers: statfs(2).
 *
 * What is not named here is not known to keep to it: of network file systems the server decides, of FUSE its program,
 * an overlay shows what somebody changed below it, and FAT does not date directories when names come and go.
 */

import { statfsSync } from 'node:fs';

const [ext, xfs, tmpfs] = [0xef53, 0x58465342, 0x01021994];
const [btrfs, f2fs, zfs] = [0x9123683e, 0xf2f52010, 0x2fc12fc1];
const overlay = 0x794c7630;
const counting: ReadonlySet<number> = new Set([ext, xfs, tmpfs]);
const dating: ReadonlySet<number> = new Set([ext, xfs, tmpfs, btrfs, f2fs, zfs]);

const kindOf = (fd: number): number => statfsSync(`/proc/self/fd/${fd}`).type;

/** The links of a directory are two and one for each directory within. @throws Error as `statfs` */
export const countsLinks = (fd: number): boolean => counting.has(kindOf(fd));

/**
 * Of the files that show one device, no two have one number. Not so on an overlay above btrfs, where each subvolume counts
 * for itself: such an overlay is known by its upper layer, which counts no inodes.
 */
export function numbersInodes(fd: number): boolean {
  try {
    const { type, files } = statfsSync(`/proc/self/fd/${fd}`);
    return type !== overlay || files > 0;
  } catch {
    return true; // an overlay tells, other than some programs behind FUSE
  }
}

/** A directory has another ctime whenever a name has come, gone or been renamed in it. */
export function datesDirectories(fd: number): boolean {
  try {
    return dating.has(kindOf(fd));
  } catch {
    return false;
  }
}
