/**
 * Hands the directory of a store to the user its process runs as, once.
 *
 * Only what is a store of ours and belongs to root: a new or an empty directory, or one with `holdfast.json`, and
 * in it only the names a store has. The directory itself comes last, so that its owner tells whether all below
 * was handed over; an interrupted hand-over is done again. Nothing follows a link or leaves the file system.
 */

import { constants, lstatSync, type Stats } from 'node:fs';
import { chown, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../errors.ts';
import type { AddinUser } from './addin-user.ts';

/** Opens nothing: a name for an inode. Not among the constants of Node. */
const O_PATH = 0x20_0000;

type Ids = Pick<AddinUser, 'uid' | 'gid'>;
const root: Ids = { uid: 0, gid: 0 };

/** As on file systems of other systems and over networks. */
const cannotChange = ['EPERM', 'EACCES', 'EROFS', 'EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

const ours = [
  ...['holdfast.json', 'RESTORE.md', 'rescue.py', '.tmp~'],
  ...['data', 'index', 'manifests', 'keys', 'events', 'runs'],
] as const;

/**
 * Who the process of a store in this directory runs as: its owner, where that is not root, else the user given,
 * to whom it is handed. Root itself, who then has no capabilities, where the directory cannot be handed over: it
 * is root's and not a store of ours, or others can change it, or its file system knows no owners or lets nobody
 * change them.
 *
 * @param former whose directories are handed over as well, with all that is theirs in them: numbers that the same
 *   addin may have had before its state was lost
 */
export async function handOver(
  directory: string,
  user: Ids,
  former: (uid: number) => boolean = () => false,
): Promise<Ids> {
  const stat = statOf(directory);
  if (stat === null) return user;
  if (!stat.isDirectory()) return root;
  if (stat.uid !== 0 && stat.uid !== user.uid && former(stat.uid)) {
    await giveTree(directory, user, { device: stat.dev, theirs: former });
    return user;
  }
  if (stat.uid !== 0) return { uid: stat.uid, gid: stat.gid };
  const names = (await readdir(directory)).filter((name) => name !== 'lost+found');
  const foreign = names.length > 0 && !names.includes('holdfast.json');
  if (foreign || (stat.mode & 0o022) !== 0) return root;
  try {
    await giveAll(directory, user, stat.dev);
    await chown(directory, user.uid, user.gid);
    return user;
  } catch (error) {
    if (cannotChange.includes((error as NodeJS.ErrnoException).code ?? '')) return root;
    throw error;
  }
}

/**
 * After a refusal: what root has put into a directory that was handed over belongs to its user as well. True: there
 * was something, so that it is worth another try.
 */
export async function handOverLeftovers(directory: string, user: Ids): Promise<boolean> {
  const stat = statOf(directory);
  if (process.getuid?.() !== 0 || !stat?.isDirectory() || stat.uid !== user.uid) return false;
  return (await giveAll(directory, user, stat.dev).catch(() => 0)) > 0;
}

/** How many names were given. */
async function giveAll(directory: string, user: Ids, device: number): Promise<number> {
  let given = 0;
  for (const name of ours) {
    const path = join(directory, name);
    if (statOf(path) !== null) given += await giveTree(path, user, { device, theirs: (uid) => uid === 0 });
  }
  return given;
}

/** Makes the directory of a store that is not there yet, for its user alone. True: it was made just now. */
export async function makeFor(directory: string, user: Ids): Promise<boolean> {
  if (statOf(directory) !== null) return false;
  const first = await mkdir(directory, { recursive: true, mode: 0o700 }).catch(
    (cause: NodeJS.ErrnoException) => {
      throw new HoldfastError('STORE_DENIED', `cannot make ${directory}: ${cause.code}`, {
        cause,
        hint: 'Check that the directory above is there and mounted writable.',
      });
    },
  );
  // Where it cannot, the next process finds out whom it belongs to.
  await chown(directory, user.uid, user.gid).catch(() => {});
  for (let made = directory; first !== undefined && made.length >= first.length; made = dirname(made)) {
    const handle = await open(dirname(made), 'r');
    await handle.sync().catch(() => {});
    await handle.close();
  }
  return true;
}

/**
 * Where a store is used without a process of its own, by root: what root makes there is root's, so the whole is
 * to be handed over again before the next isolated use.
 */
export async function takeBack(directory: string, { uid }: Ids): Promise<void> {
  const stat = statOf(directory);
  if (process.getuid?.() !== 0 || !stat?.isDirectory() || stat.uid !== uid) return;
  if ((await readdir(directory)).includes('holdfast.json')) await chown(directory, 0, 0);
}

interface Giving {
  readonly device: number;
  /** Whose things are given; those of others stay. */
  readonly theirs: (uid: number) => boolean;
}

/** By descriptors: whoever owns a part of it may exchange names while we are at work. */
async function giveTree(path: string, user: Ids, giving: Giving): Promise<number> {
  const held = await open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    const stat = await held.stat();
    if (stat.dev !== giving.device) return 0;
    const here = `/proc/self/fd/${held.fd}`;
    let given = 0;
    if (stat.isDirectory()) {
      for (const name of await readdir(here)) given += await giveTree(join(here, name), user, giving);
    } else if (!stat.isFile() || stat.nlink > 1) return 0;
    if (!giving.theirs(stat.uid)) return given;
    await chown(here, user.uid, user.gid);
    return given + 1;
  } finally {
    await held.close();
  }
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}
