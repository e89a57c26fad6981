/**
 * Hands the directory of a store to the user its process runs as, once.
 *
 * Only what is a store of ours and belongs to root: a new or an empty directory, or one with `holdfast.json`, and
 * in it only the names a store has. The directory itself comes last, so that its owner tells whether all below
 * was handed over; an interrupted hand-over is done again. Nothing follows a link or leaves the file system.
 */

import { lstatSync, type Stats } from 'node:fs';
import { chown, lchown, lstat, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../errors.ts';
import type { AddinUser } from './addin-user.ts';

type Ids = Pick<AddinUser, 'uid' | 'gid'>;
const root: Ids = { uid: 0, gid: 0 };

const ours = [
  ...['holdfast.json', 'RESTORE.md', 'rescue.py', '.tmp~'],
  ...['data', 'index', 'manifests', 'keys', 'events', 'runs'],
] as const;

/**
 * Who the process of a store in this directory runs as: its owner, where that is not root, else the user given,
 * to whom it is handed. Root itself, who then has no capabilities, where the directory cannot be handed over: it
 * is root's and not a store of ours, or others can change it.
 */
export async function handOver(directory: string, user: Ids): Promise<Ids> {
  const stat = statOf(directory);
  if (stat === null) return user;
  if (!stat.isDirectory()) return root;
  if (stat.uid !== 0) return { uid: stat.uid, gid: stat.gid };
  const names = await readdir(directory);
  const foreign = names.length > 0 && !names.includes('holdfast.json');
  if (foreign || (stat.mode & 0o022) !== 0) return root;
  for (const name of ours.filter((one) => names.includes(one))) {
    await giveTree(join(directory, name), user, stat.dev);
  }
  await give(directory, user);
  return user;
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
  await give(directory, user);
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

async function giveTree(path: string, user: Ids, device: number): Promise<void> {
  const stat = await lstat(path);
  if (stat.dev !== device) return;
  if (stat.isDirectory()) {
    for (const name of await readdir(path)) await giveTree(join(path, name), user, device);
  } else if (!stat.isFile()) return;
  if (stat.uid === 0) await lchown(path, user.uid, user.gid);
}

async function give(directory: string, { uid, gid }: Ids): Promise<void> {
  await chown(directory, uid, gid).catch((cause: NodeJS.ErrnoException) => {
    throw new HoldfastError('STORE_DENIED', `cannot hand ${directory} to uid ${uid}: ${cause.code}`, {
      cause,
      hint: 'Let the directory belong to the user that the store runs as, or set "isolation" to "off".',
    });
  });
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}
