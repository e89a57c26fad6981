/**
 * Whether only root, or whoever runs Holdfast, can change an addin package and whatever it can load.
 *
 * Looks at every file of the package, of the `node_modules` in it and in the directories above it, and of what
 * links in those lead to; and at every directory above. What runs already, Holdfast itself, is left out. Runs
 * nothing and opens nothing.
 */

import { existsSync, lstatSync, readdirSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { ownPackage } from '../own-files.ts';
import { printable } from '../printable.ts';
import { type Found, type Refusal, refusal } from './refusal.ts';

const mostFiles = 20_000;
/** In all that it can load. */
const mostLoadable = 300_000;
const sticky = 0o1000;
const writableByOthers = 0o022;

/** What nobody else can change. */
export interface TrustedFiles {
  /** The first of its own directories and modules that not everybody can read, as a user of its own would have to. */
  readonly unreadable: string | null;
}

/** @param root a real path */
export async function trustedFiles(root: string): Promise<Found<TrustedFiles>> {
  let unreadable: string | null = null;
  const onFile = (path: string, stat: Stats): void => {
    if (!isReadable(path, stat)) unreadable ??= path;
  };
  const fault = faultIn(root, onFile);
  return fault === null ? { found: { unreadable } } : { refusal: fault };
}

/** Links count as what they lead to. Of other files, such as notes, nothing depends. */
const isReadable = (path: string, stat: Stats): boolean =>
  stat.isDirectory()
    ? (stat.mode & 0o005) === 0o005
    : !stat.isFile() || (stat.mode & 0o004) !== 0 || !/\.(?:[cm]?[jt]s|json|node|wasm)$/.test(path);

function faultIn(root: string, onFile: (path: string, stat: Stats) => void): Refusal | null {
  const above = ancestors(root);
  const found = firstFault(above) ?? faultBelow(root, mostFiles, false, { onFile });
  if (found !== null) return found;
  const seen = new Set<string>([ownPackage]);
  const shelves = [root, ...above].map((directory) => join(directory, 'node_modules')).filter(existsSync);
  for (const shelf of shelves) {
    const fault = faultInShelf(realpathSync(shelf), seen);
    if (fault !== null) return fault;
  }
  return null;
}

/** The outermost last. */
function ancestors(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...ancestors(above)];
}

function firstFault(directories: readonly string[]): Refusal | null {
  for (const directory of directories) {
    const stat = lstatSync(directory);
    // In a directory like /tmp nobody can rename what others own.
    const fault = (stat.mode & sticky) === 0 ? faultOf(stat) : ownerFault(stat);
    if (fault !== null) return unsafe(directory, fault);
  }
  return null;
}

/** A directory of packages, and what links in it lead to elsewhere. */
function faultInShelf(shelf: string, seen: Set<string>): Refusal | null {
  const waiting = [shelf];
  const onLink = (target: string): void => {
    if (!target.startsWith(`${shelf}/`)) waiting.push(target);
  };
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const look = { onLink, seen };
    const fault = firstFault(ancestors(path)) ?? faultBelow(path, mostLoadable, true, look);
    if (fault !== null) return fault;
  }
  return null;
}

interface Look {
  readonly onLink?: (target: string) => void;
  readonly onFile?: (path: string, stat: Stats) => void;
  /** Looked at elsewhere. */
  readonly seen?: ReadonlySet<string>;
}

/** Looks at a file, or at a directory and all below it; at what packages it has in itself only where told to. */
function faultBelow(root: string, most: number, packages: boolean, look: Look): Refusal | null {
  let count = 0;
  const waiting = [root];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const stat = lstatSync(path);
    const fault = faultOf(stat);
    if (fault !== null) return unsafe(path, fault);
    look.onFile?.(path, stat);
    count += 1;
    if (count > most) {
      const hint = 'Name the directory of the package itself.';
      return refusal('unsafe-files', `${shown(root)} has more than ${most} files`, hint).refusal;
    }
    if (look.onLink !== undefined && stat.isSymbolicLink() && existsSync(path)) {
      look.onLink(realpathSync(path));
    }
    if (!stat.isDirectory()) continue;
    if (path !== root && (look.seen?.has(path) || /\/\.git$/.test(path))) continue;
    if (path !== root && !packages && /\/node_modules$/.test(path)) continue;
    for (const name of readdirSync(path)) waiting.push(join(path, name));
  }
  return null;
}

function faultOf(stat: Stats): string | null {
  const owner = ownerFault(stat);
  if (owner !== null || stat.isSymbolicLink() || (stat.mode & writableByOthers) === 0) return owner;
  return `has mode ${(stat.mode & 0o7777).toString(8).padStart(4, '0')}, so others can change it`;
}

function ownerFault({ uid }: Stats): string | null {
  return uid === 0 || uid === process.getuid?.() ? null : `belongs to uid ${uid}`;
}

function unsafe(path: string, fault: string): Refusal {
  const hint = `Let root own ${shown(path)} and take write permission from everybody else (chmod go-w).`;
  return refusal('unsafe-files', `${shown(path)} ${fault}`, hint).refusal;
}

const shown = (path: string): string => printable(path, 4096);
