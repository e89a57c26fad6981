/**
 * What can be relied on where a descriptor lies, by the kind of its file system. Magic numbers: statfs(2).
 *
 * What is not named here is not known to keep to it: of network file systems the server decides, of FUSE its program,
 * an overlay shows what somebody changed below it, and FAT does not date directories when names come and go.
 */

import { statfsSync } from 'node:fs';
import type { Stat } from './native.ts';

const [ext, xfs, tmpfs] = [0xef53, 0x58465342, 0x01021994];
const [btrfs, f2fs, zfs] = [0x9123683e, 0xf2f52010, 0x2fc12fc1];
const [overlay, fuse] = [0x794c7630, 0x65735546];
const counting: ReadonlySet<number> = new Set([ext, xfs, tmpfs]);
const dating: ReadonlySet<number> = new Set([ext, xfs, tmpfs, btrfs, f2fs, zfs]);

const kindOf = (fd: number): number => statfsSync(`/proc/self/fd/${fd}`).type;

/** The links of a directory are two and one for each directory within. @throws Error as `statfs` */
export const countsLinks = (fd: number): boolean => counting.has(kindOf(fd));

/** Whether a file that shows one device with others is the only one of its number there. */
export type NumberRule = (stat: Pick<Stat, 'inodeHigh'>) => boolean;

/**
 * What the number of an inode says where a descriptor lies. A program behind FUSE may show several file systems as one, and
 * an overlay above btrfs several subvolumes, each of which counts for itself: such an overlay is known by its upper
 * layer, which counts no inodes, and with another upper layer by the upper half of the number, where `xino` notes the layer.
 */
export function numberRule(fd: number): NumberRule {
  try {
    const { type, files } = statfsSync(`/proc/self/fd/${fd}`);
    if (type === fuse || (type === overlay && files === 0)) return () => false;
    return type === overlay ? ({ inodeHigh }) => inodeHigh === 0 : () => true;
  } catch {
    return () => false; // only programs behind FUSE do not tell
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
