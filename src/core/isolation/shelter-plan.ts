/**
 * What the process of an addin sees of the file system: a plan, made of nothing but looks.
 *
 * The accounts' directories are covered by empty ones. What the process needs stays where it is, also below
 * a cover; where a directory on the way is closed to its user (a store below /root, a directory 0700), that
 * directory is covered too and what is needed shown through it, so that paths in settings stay true. Files
 * only root may read (credentials, keys) are shown as copies of their content.
 */

import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface ShelterNeeds {
  /** User of the process. */
  readonly uid: number;
  readonly gid: number;
  /** Directories that hold accounts. */
  readonly accounts: readonly string[];
  /** Directories it reads or writes: our code, Node, the package, the store's own. */
  readonly directories: readonly string[];
  /** Files it reads. Absent ones are left out. */
  readonly files: readonly string[];
  /** Seen also below a cover over accounts, and never made reachable. */
  readonly shown: readonly string[];
}

export interface ShelterPlan {
  readonly covers: readonly string[];
  /** Shown through a cover as they are. */
  readonly shown: readonly { readonly path: string; readonly kind: 'directory' | 'file' }[];
  /** Shown as copies for the process's user. */
  readonly copied: readonly string[];
  /** Directories of accounts that cannot be covered, because the system itself lies there. */
  readonly open: readonly string[];
}

/** Without these nothing runs. */
const system = [
  '/',
  '/bin',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/proc',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
  '/var',
];

export function planShelter(needs: ShelterNeeds): ShelterPlan {
  const covers = new Set<string>();
  const open: string[] = [];
  for (const path of needs.accounts) {
    const real = realOf(path);
    if (real === null) continue;
    if (system.includes(real)) open.push(real);
    else covers.add(real);
  }
  const directories = existing(needs.directories);
  const files = existing(needs.files);
  for (const path of [...directories, ...files, ...absent(needs.directories)]) {
    const closed = firstClosed(path, needs);
    if (closed !== null && !system.includes(closed)) covers.add(closed);
  }
  const reachable = existing(needs.shown).filter((path) => firstClosed(path, needs) === null);
  const outermost = [...covers].filter((path) => ![...covers].some((other) => isBelow(path, other)));
  const covered = (path: string): boolean =>
    outermost.some((cover) => path === cover || isBelow(path, cover));
  const copied = files.filter((path) => !mayRead(statSync(path), needs));
  const shown = [
    ...directories.filter(covered).map((path) => ({ path, kind: 'directory' as const })),
    ...files
      .filter((path) => covered(path) && !copied.includes(path))
      .map((path) => ({ path, kind: 'file' as const })),
    ...reachable.filter(covered).map((path) => ({ path, kind: kindOf(path) })),
  ];
  return { covers: outermost, shown, copied, open };
}

/** Whether its user can reach and read all it needs without a plan. */
export function isReachable(needs: ShelterNeeds): boolean {
  const directories = existing(needs.directories);
  const files = existing(needs.files);
  return (
    [...directories, ...files].every((path) => firstClosed(path, needs) === null) &&
    files.every((path) => mayRead(statSync(path), needs))
  );
}

const kindOf = (path: string): 'directory' | 'file' => (statSync(path).isDirectory() ? 'directory' : 'file');

const isBelow = (path: string, directory: string): boolean => path.startsWith(`${directory}/`);

function existing(paths: readonly string[]): string[] {
  return [...new Set(paths.map(realOf).filter((path) => path !== null))];
}

/** For what is not there yet: a name in the nearest directory that is, so that looking for it says so. */
function absent(paths: readonly string[]): string[] {
  return paths
    .filter((path) => realOf(path) === null)
    .map((path) => {
      let at = dirname(path);
      while (realOf(at) === null) at = dirname(at);
      return join(realpathSync(at), 'absent');
    });
}

function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** The outermost directory above the path that the user cannot pass through. */
function firstClosed(path: string, user: ShelterNeeds): string | null {
  const above: string[] = [];
  for (let at = dirname(path); at !== '/'; at = dirname(at)) above.unshift(at);
  return above.find((directory) => !mayPass(statSync(directory), user)) ?? null;
}

const mayPass = (stat: Stats, user: ShelterNeeds): boolean => (bitsFor(stat, user) & 1) !== 0;
const mayRead = (stat: Stats, user: ShelterNeeds): boolean => (bitsFor(stat, user) & 4) !== 0;

function bitsFor({ uid, gid, mode }: Stats, user: ShelterNeeds): number {
  if (uid === user.uid) return (mode >> 6) & 7;
  return gid === user.gid ? (mode >> 3) & 7 : mode & 7;
}
