/**
 * Puts a new database where the account's others lie, so that the panel's quota counts it: panels make
 * `<data directory>/<name>` a link to a directory of the account.
 *
 * Renaming tables between databases renames files, which works only inside one file system. Where the
 * server is on another machine, or keeps the live database in its own directory, there is nothing to place.
 */

import { constants, lstat, mkdir, open, readlink, rmdir, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { DatabaseWarning } from '../../contracts/database.ts';
import { HoldfastError } from '../../errors.ts';
import { quoted } from '../../printable.ts';
import { type DatabaseDefaults, defaultsClause, readDefaults } from './defaults.ts';
import { quoteName } from './names.ts';
import { errorNumber, type Session, text } from './session.ts';

const cannotRemoveDirectory = 1010;

/**
 * Where that of `like` lies, with its character set and collation, as far as there is one. A second call does nothing.
 */
export async function createDatabase(session: Session, name: string, like: string): Promise<void> {
  const known = await readDefaults(session, [name, like]);
  if (known.has(name)) return;
  const model = known.get(like);
  const charset = model === undefined ? '' : ` ${defaultsClause(model)}`;
  if (await placeBeside(session, name, like)) {
    // The directory is the database; this writes its character set into it.
    if (charset !== '') await session.rows(`ALTER DATABASE ${quoteName(name)}${charset}`);
    return;
  }
  await session.rows(`CREATE DATABASE ${quoteName(name)}${charset}`);
}

/** Gives the scratch database what the dump says of the one it was made of; where it does not, that of `origin` stays. */
export async function giveDefaults(
  session: Session,
  {
    scratch,
    origin,
    database,
  }: { readonly scratch: string; readonly origin: string; readonly database: string },
  said: DatabaseDefaults | null,
): Promise<readonly DatabaseWarning[]> {
  const known = await readDefaults(session, [scratch, origin]);
  let why = 'the dump does not say it';
  if (said !== null) {
    try {
      await session.rows(`ALTER DATABASE ${quoteName(scratch)} ${defaultsClause(said)}`);
      return [];
    } catch (error) {
      if (errorNumber(error) === undefined) throw error;
      why = `the server does not have ${defaultsClause(said)}`;
    }
  } else if (known.has(origin)) return [];
  const now = known.get(scratch);
  const has = now === undefined ? '' : `: it is ${defaultsClause(now)}`;
  const message = `the default character set and collation may not be those it had, since ${why}${has}`;
  return [{ code: 'charset-unknown', database, message }];
}

/**
 * Whether `name` was made as a link beside that of `like`.
 *
 * @throws IMPORT_FAILED the directory that the account's databases lie in cannot be used
 */
async function placeBeside(session: Session, name: string, like: string): Promise<boolean> {
  const [row] = await session.rows('SELECT @@datadir, @@hostname');
  const dataDir = text(row?.[0]);
  // Only plain names: of others the server keeps an encoded form.
  if (!isAbsolute(dataDir) || !/^[A-Za-z0-9_]+$/.test(like)) return false;
  const link = join(dataDir, like);
  const stat = await lstat(link).catch(() => null);
  if (stat === null || !stat.isSymbolicLink()) return false;
  const target = await readlink(link);
  const parent = dirname(isAbsolute(target) ? target : join(dataDir, target));
  if (basename(target) !== like) return false;
  const model = await lstat(join(parent, like)).catch(() => null);
  const room = await lstat(parent).catch(() => null);
  if (model === null || !model.isDirectory() || room === null || !room.isDirectory()) {
    throw new HoldfastError('IMPORT_FAILED', `database ${quoted(like)} is a link that leads nowhere`, {
      hint: 'Mend the link in the data directory of the server, then run the command again.',
    });
  }
  const place = join(parent, name);
  await mkdir(place, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  try {
    await own(place, model);
    await symlink(place, join(dataDir, name));
  } catch (error) {
    await rmdir(place).catch(() => {});
    throw error;
  }
  return true;
}

/** Through a descriptor that cannot be a link: the directory lies in an account. */
async function own(
  path: string,
  { uid, gid, mode }: { uid: number; gid: number; mode: number },
): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await handle.chown(uid, gid);
    await handle.chmod(mode & 0o7777);
  } finally {
    await handle.close();
  }
}

/** The server may remove what is in the account's directory, but not always an entry of it. A gone one is a success. */
export async function dropDatabase(session: Session, name: string): Promise<void> {
  const [row] = await session.rows('SELECT @@datadir');
  const link = join(text(row?.[0]), name);
  const target = await readlink(link).catch(() => null);
  try {
    await session.rows(`DROP DATABASE IF EXISTS ${quoteName(name)}`);
  } catch (error) {
    if (errorNumber(error) !== cannotRemoveDirectory || target === null || basename(target) !== name)
      throw error;
    // Only where it is empty.
    await rmdir(target);
    await unlink(link).catch((gone: NodeJS.ErrnoException) => {
      if (gone.code !== 'ENOENT') throw gone;
    });
  }
}
