/**
 * Whether only root, or whoever runs Holdfast, can change an addin package.
 *
 * Looks at every file of the package but those below its own `node_modules`, where only the directory counts,
 * and at every directory above it. Runs nothing and opens nothing.
 */

import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { printable } from '../printable.ts';
import { type Refusal, refusal } from './refusal.ts';

const mostFiles = 20_000;
const sticky = 0o1000;
const writableByOthers = 0o022;

interface Found {
  readonly uid: number;
  readonly mode: number;
  isSymbolicLink(): boolean;
}

/** Null where nothing is wrong. `root` is a real path. */
export async function unsafeFiles(root: string): Promise<Refusal | null> {
  for (let above = dirname(root); ; above = dirname(above)) {
    const stat = await lstat(above);
    // In a directory like /tmp nobody can rename what others own.
    const fault = (stat.mode & sticky) === 0 ? faultOf(stat) : ownerFault(stat);
    if (fault !== null) return unsafe(above, fault);
    if (above === dirname(above)) break;
  }
  let seen = 0;
  const waiting = [root];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const stat = await lstat(path);
    const fault = faultOf(stat);
    if (fault !== null) return unsafe(path, fault);
    seen += 1;
    if (seen > mostFiles) {
      const hint = 'Name the directory of the package itself.';
      return refusal('unsafe-files', `${shown(root)} has more than ${mostFiles} files`, hint).refusal;
    }
    if (!stat.isDirectory() || (path !== root && /\/(node_modules|\.git)$/.test(path))) continue;
    for (const name of await readdir(path)) waiting.push(join(path, name));
  }
  return null;
}

function faultOf(stat: Found): string | null {
  const owner = ownerFault(stat);
  if (owner !== null || stat.isSymbolicLink() || (stat.mode & writableByOthers) === 0) return owner;
  return `has mode ${(stat.mode & 0o7777).toString(8).padStart(4, '0')}, so others can change it`;
}

function ownerFault({ uid }: Found): string | null {
  return uid === 0 || uid === process.getuid?.() ? null : `belongs to uid ${uid}`;
}

function unsafe(path: string, fault: string): Refusal {
  const hint = `Let root own ${shown(path)} and take write permission from everybody else (chmod go-w).`;
  return refusal('unsafe-files', `${shown(path)} ${fault}`, hint).refusal;
}

const shown = (path: string): string => printable(path, 4096);
