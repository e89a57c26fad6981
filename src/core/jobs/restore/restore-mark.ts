/**
 * Which snapshot a directory has been restored from: a file of ours in it, without which nothing is gone on with.
 */

import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import {
  AT_FDCWD,
  closeFd,
  O,
  openAt,
  Stat,
  statAt,
  statFd,
  unlinkAt,
  zName,
} from '../../filesystem/native.ts';
import { writeJsonFile } from '../../state/atomic-file.ts';
import type { Snapshot } from '../catalog.ts';

export const markName = '.holdfast-restore.json';

/** A directory's owner, mode and access lists (in base64, by the attribute's name). */
export interface Access {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly acls: Readonly<Record<string, string>>;
}

export interface RestoreMark {
  readonly owner: string;
  readonly id: string;
  /** For people. */
  readonly snapshot: string;
  /** What the directory gets back at the end; null once it has it. */
  readonly access: Access | null;
}

const pathIn = (directory: number): string => `/proc/self/fd/${directory}/${markName}`;

export const markOf = ({ header, name }: Snapshot, access: Access | null): RestoreMark => ({
  owner: header.owner,
  id: header.id,
  snapshot: name,
  access,
});

export const isMarkOf = (mark: RestoreMark, { header }: Snapshot): boolean =>
  mark.owner === header.owner && mark.id === header.id;

/** Of a directory by its path; null also where there is no such directory. */
export function markIn(path: string): RestoreMark | null {
  const fd = openAt(AT_FDCWD, zName(path), O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) return null;
  try {
    return readMark(fd);
  } finally {
    closeFd(fd);
  }
}

/** Null where there is none, or one that we have not written. */
export function readMark(directory: number): RestoreMark | null {
  const fd = openAt(directory, zName(markName), O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  if (fd < 0) return null;
  try {
    const stat = new Stat();
    statFd(fd, stat);
    if (!isRegular(stat) || stat.uid !== process.geteuid?.() || stat.size > 65536) return null;
    const value = JSON.parse(readFileSync(fd, 'utf8')) as Partial<RestoreMark> | null;
    const { owner, id, snapshot, access } = value ?? {};
    const texts = [owner, id, snapshot].every((one) => typeof one === 'string');
    if (!texts || !(access === null || isAccess(access))) return null;
    return value as RestoreMark;
  } catch {
    return null; // cut short by a loss of power, or nobody's
  } finally {
    closeFd(fd);
  }
}

const isRegular = (stat: Stat): boolean => (stat.mode & 0o170000) === 0o100000;

/** Whose a mark is that was not read for that; null where there is none, or it is ours. */
export function strangersMark(directory: number): number | null {
  const stat = new Stat();
  const found = statAt(directory, zName(markName), stat) === 0;
  return found && stat.uid !== process.geteuid?.() ? stat.uid : null;
}

/** Made in a target for a moment, to see what becomes of it. */
export const spareName = `.${markName}.\u00e9.tmp`;

const halfMark = new RegExp(`^\\.${markName.replaceAll('.', '\\.')}\\.(\\d+-\\d+|\u00e9|e\u0301)\\.tmp$`);

/** What a run leaves that was killed while it wrote its mark, before anything else. */
export function isHalfMark(directory: number, name: string): boolean {
  const stat = new Stat();
  if (!halfMark.test(name) || statAt(directory, zName(name), stat) < 0) return false;
  return isRegular(stat) && stat.uid === process.geteuid?.();
}

/** Nobody else may write to the directory by then. */
export function removeHalfMarks(directory: number): void {
  for (const name of readdirSync(`/proc/self/fd/${directory}`))
    if (isHalfMark(directory, name)) unlinkAt(directory, zName(name));
}

function isAccess(value: unknown): value is Access {
  if (typeof value !== 'object' || value === null) return false;
  const { uid, gid, mode, acls } = value as Partial<Access>;
  const numbers = [uid, gid, mode].every((one) => Number.isSafeInteger(one));
  return (
    numbers && typeof acls === 'object' && Object.values(acls ?? {}).every((one) => typeof one === 'string')
  );
}

/** Nobody else may write to the directory by then, unless it has all that it gets back (`access` null). @throws a system error */
export const writeMark = (directory: number, mark: RestoreMark): Promise<unknown> =>
  writeJsonFile(pathIn(directory), mark, { amongOthers: mark.access === null });

/** What is in the directory is not to be trusted any more. */
export function removeMark(directory: number): void {
  try {
    unlinkSync(pathIn(directory));
  } catch {
    // Gone with the rest.
  }
}
