/**
 * Which snapshot a directory has been restored from: a file of ours in it, without which nothing is gone on with.
 */

import { readFileSync, unlinkSync } from 'node:fs';
import { closeFd, O, openAt, Stat, statFd, zName } from '../../filesystem/native.ts';
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

/** Null where there is none, or one that we have not written. */
export function readMark(directory: number): RestoreMark | null {
  const fd = openAt(directory, zName(markName), O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  if (fd < 0) return null;
  try {
    const stat = new Stat();
    statFd(fd, stat);
    const regular = (stat.mode & 0o170000) === 0o100000;
    if (!regular || stat.uid !== process.geteuid?.() || stat.size > 65536) return null;
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

function isAccess(value: unknown): value is Access {
  if (typeof value !== 'object' || value === null) return false;
  const { uid, gid, mode, acls } = value as Partial<Access>;
  const numbers = [uid, gid, mode].every((one) => Number.isSafeInteger(one));
  return (
    numbers && typeof acls === 'object' && Object.values(acls ?? {}).every((one) => typeof one === 'string')
  );
}

/** Nobody else may write to the directory by then. @throws a system error */
export const writeMark = (directory: number, mark: RestoreMark): Promise<unknown> =>
  writeJsonFile(pathIn(directory), mark);

/** What is in the directory is not to be trusted any more. */
export function removeMark(directory: number): void {
  try {
    unlinkSync(pathIn(directory));
  } catch {
    // Gone with the rest.
  }
}
