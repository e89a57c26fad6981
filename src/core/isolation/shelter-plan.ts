/**
 * What the process of an addin sees of the file system: a plan, made of nothing but looks.
 *
 * The accounts' directories are covered by empty ones. What the process needs stays where it is, also below
 * a cover; where a directory on the way is closed to its user (a store below /root, a directory 0700), that
 * directory is covered too and what is needed shown through it, so that paths in settings stay true: where a
 * link on the way vanishes below a cover, what it leads to is shown in its place as well. Files only root may
 * read (credentials, keys) are shown as copies of their content.
 */

import { readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
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

interface View {
  /** What is shown. */
  readonly from: string;
  /** Where the process finds it. */
  readonly path: string;
}

export interface ShelterPlan {
  readonly covers: readonly string[];
  /** Shown through a cover as they are. */
  readonly shown: readonly (View & { readonly kind: 'directory' | 'file' })[];
  /** Shown as copies for the process's user. */
  readonly copied: readonly View[];
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
  const links = new Map([...needs.directories, ...needs.files].map((path) => [path, linksOn(path)]));
  const ways = [...links.values()].flatMap((found) => found.map(({ at }) => at));
  for (const path of [...directories, ...files, ...ways, ...absent(needs.directories)]) {
    const closed = firstClosed(path, needs);
    if (closed !== null && !system.includes(closed)) covers.add(closed);
  }
  const reachable = existing(needs.shown).filter((path) => firstClosed(path, needs) === null);
  const outermost = [...covers].filter((path) => ![...covers].some((other) => isBelow(path, other)));
  const covered = (path: string): boolean =>
    outermost.some((cover) => path === cover || isBelow(path, cover));
  /** Itself, and in the place of the first link on the way to it that is covered. */
  const views = (from: string, written: readonly string[], always: boolean): View[] => {
    const inPlace = written.flatMap((path) => {
      const link = realOf(path) === from ? links.get(path)?.find(({ at }) => covered(at)) : undefined;
      return link === undefined ? [] : [join(link.at, link.rest)];
    });
    const paths = [...(always || covered(from) ? [from] : []), ...inPlace];
    return [...new Set(paths)].map((path) => ({ from, path }));
  };
  const isCopied = (path: string): boolean => !mayRead(statSync(path), needs);
  const shown = [
    ...directories
      .flatMap((path) => views(path, needs.directories, false))
      .map((view) => ({ ...view, kind: 'directory' as const })),
    ...files
      .filter((path) => !isCopied(path))
      .flatMap((path) => views(path, needs.files, false))
      .map((view) => ({ ...view, kind: 'file' as const })),
    ...reachable.filter(covered).map((path) => ({ from: path, path, kind: kindOf(path) })),
  ];
  const copied = files.filter(isCopied).flatMap((path) => views(path, needs.files, true));
  return { covers: outermost, shown, copied, open };
}

/** Whether its user can reach and read all it needs without a plan. */
export function isReachable(needs: ShelterNeeds): boolean {
  const written = [...needs.directories, ...needs.files];
  const ways = written.flatMap((path) => linksOn(path).map(({ at }) => at));
  return (
    [...existing(written), ...ways].every((path) => firstClosed(path, needs) === null) &&
    existing(needs.files).every((path) => mayRead(statSync(path), needs))
  );
}

/** Links on the way along a path, each where it really lies, with what comes after it. */
function linksOn(path: string): { readonly at: string; readonly rest: string }[] {
  const links: { at: string; rest: string }[] = [];
  let at = '/';
  let parts = path.split('/').filter((part) => part !== '');
  for (let [name, ...rest] = parts; name !== undefined && links.length < mostLinks; [name, ...rest] = parts) {
    const step = join(at, name);
    const target = targetOf(step);
    if (target === null) at = step;
    else {
      links.push({ at: step, rest: rest.join('/') });
      if (target.startsWith('/')) at = '/';
    }
    parts = [...(target ?? '').split('/').filter((part) => part !== ''), ...rest];
  }
  return links;
}

/** As many as the kernel follows. */
const mostLinks = 40;

/** Null for what is no link, or not there. */
function targetOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
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
      return join(realpathSync.native(at), 'absent');
    });
}

function realOf(path: string): string | null {
  try {
    return realpathSync.native(path);
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
