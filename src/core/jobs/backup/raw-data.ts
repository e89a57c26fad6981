/**
 * Finds data directories of database servers in what a tree would capture: by the names packages use, and by
 * the files that InnoDB, Aria and PostgreSQL clusters always hold. Such a tree is refused; databases are
 * exported instead, and dumps of grants that lie in those places may be captured.
 *
 * An account's own files never count: whoever may lay a file called `ibdata1` must not be able to stop the
 * backup. So directories of the account's own user are neither searched nor judged.
 */

import { type Dirent, lstatSync, readdirSync, type Stats, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TreeComponent } from '../../archive/manifest.ts';
import type { Account, Tree } from '../../contracts/panel.ts';
import { HoldfastError } from '../../errors.ts';
import { PathFilter } from '../../filesystem/patterns.ts';
import { printable } from '../../printable.ts';

export interface RefusedTree {
  readonly tree: Tree;
  readonly error: HoldfastError;
}

const usualPlaces = ['var/lib/mysql', 'var/lib/pgsql', 'var/lib/postgresql', 'lib/mysql', 'lib/pgsql'];
/** What may lie in the usual places and be captured. */
const harmless = /^(?:mysql-grants.*|backups|.*\.sql(?:\.(?:gz|bz2|xz|zst))?)$/;
/** Deep enough for `opt/bitnami/mysql/data`; trees of files are deeper. */
const deepest = 4;
const mostDirectories = 5_000;

/** The trees that may be captured, and the others with the reason. Reads names and owners only. */
export function refuseRawData({ trees, owner }: Pick<Account, 'trees' | 'owner'>): {
  readonly trees: readonly Tree[];
  readonly refused: readonly RefusedTree[];
} {
  const refused = trees.flatMap((tree): RefusedTree[] => {
    const found = rawDataIn(tree, owner?.uid ?? null);
    return found === null ? [] : [{ tree, error: refusal(tree, found) }];
  });
  return { trees: trees.filter((tree) => !refused.some((one) => one.tree === tree)), refused };
}

export function refusedComponent({ tree, error }: RefusedTree, atMs: number): TreeComponent {
  const at = new Date(atMs).toISOString();
  const { code, message } = error;
  const nothing = { startedAt: at, endedAt: at, device: 0, entries: 0, bytes: 0 };
  return { type: 'tree', name: tree.name, state: 'failed', error: { code, message }, ...nothing };
}

function refusal({ name, path }: Tree, found: string): HoldfastError {
  const what = found === '' ? `lies in ${printable(path, 4096)}` : `would capture ${printable(found, 4096)}`;
  return new HoldfastError('RAW_DATABASE_FILES', `tree ${name} ${what}, raw files of a database server`, {
    hint:
      found === ''
        ? 'Take the tree out of the configuration.'
        : `Exclude "${printable(found)}" from the tree.`,
  });
}

/** Path below the root; empty where the root itself lies in a data directory; null where there is none. */
function rawDataIn(tree: Tree, uid: number | null): string | null {
  const filter = new PathFilter(tree.exclude, tree.include);
  if (isInside(tree.path, uid) && (tree.include === undefined || takesRaw(tree, '', filter))) return '';
  for (const place of usualPlaces) {
    if (!foreignDirectory(join(tree.path, place), uid)) continue;
    const entries = namesIn(join(tree.path, place)).filter((name) => !harmless.test(name));
    if (entries.some((name) => takes(filter, `${place}/${name}`))) {
      // Below PostgreSQL's place lie dumps beside clusters; only what is a cluster counts there.
      if (place.endsWith('mysql') || findCluster(tree, place, filter, uid) !== null) return place;
    }
  }
  return findCluster(tree, '', filter, uid);
}

/** Breadth first, so that the limits cut off what is deep. */
function findCluster(tree: Tree, from: string, filter: PathFilter, uid: number | null): string | null {
  const countedOn = countsDirectories(tree.path);
  const queue = [{ at: from, isLeaf: false }];
  for (const { at, isLeaf } of queue) {
    const entries = isLeaf ? [] : entriesIn(join(tree.path, at));
    const raw = isLeaf ? fileAmong(join(tree.path, at)) : signatureAmong(entries.map(({ name }) => name));
    if (raw !== null && at !== '' && takes(filter, `${at}/${raw}`)) return at;
    if (raw !== null || depthOf(at) >= depthOf(from) + deepest) continue;
    for (const { name } of entries.filter((entry) => entry.isDirectory())) {
      const path = at === '' ? name : `${at}/${name}`;
      const verdict = filter.judge(latin1(path), depthOf(path));
      if (verdict !== 'take' && verdict !== 'pass') continue;
      const stat = statOf(join(tree.path, path));
      if (!isForeignDirectory(stat, uid) || queue.length >= mostDirectories) continue;
      queue.push({ at: path, isLeaf: stat.nlink === 2 && stat.dev === countedOn });
    }
  }
  return null;
}

/** Magic numbers of ext4, XFS and tmpfs: the links of a directory there are two and one for each within. */
const counting: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x01021994]);

/** The device of a path where links tell how many directories there are; null elsewhere. */
function countsDirectories(path: string): number | null {
  try {
    return counting.has(statfsSync(path).type) ? lstatSync(path).dev : null;
  } catch {
    return null;
  }
}

function takesRaw(tree: Tree, at: string, filter: PathFilter): boolean {
  const raw = signatureAmong(namesIn(join(tree.path, at)));
  return raw !== null && takes(filter, raw);
}

/** The path itself or a directory above it is a data directory. */
function isInside(path: string, uid: number | null): boolean {
  for (let at = path; ; at = dirname(at)) {
    const stat = statOf(at);
    if (isForeignDirectory(stat, uid) && (at === path ? hasSignature(at) : hadSignature(at, stat)))
      return true;
    if (at === dirname(at)) return false;
  }
}

const hasSignature = (path: string): boolean => signatureAmong(namesIn(path)) !== null;

/** Directories above trees, as they were when their names were read last: thousands of accounts share them. */
const above = new Map<string, { readonly stat: Stats; readonly has: boolean }>();
const mostAbove = 64;

function hadSignature(path: string, stat: Stats): boolean {
  const known = above.get(path);
  if (known?.stat.ctimeMs === stat.ctimeMs && known.stat.ino === stat.ino && known.stat.dev === stat.dev)
    return known.has;
  const has = hasSignature(path);
  if (above.size >= mostAbove) above.clear();
  above.set(path, { stat, has });
  return has;
}

/** Files that only a data directory holds, also one without directories. */
const telling = ['ibdata1', 'aria_log_control', 'mysql.ibd'] as const;

/** Of a directory that holds no other: its names, perhaps thousands, need not be read. */
const fileAmong = (path: string): string | null =>
  telling.find((name) => statOf(join(path, name)) !== undefined) ?? null;

/** A file that only a data directory holds, or null. */
function signatureAmong(names: readonly string[]): string | null {
  const has = (name: string): boolean => names.includes(name);
  const found = telling.find(has);
  if (found !== undefined) return found;
  const cluster = has('PG_VERSION') && has('global') && (has('pg_wal') || has('pg_xlog'));
  return cluster ? 'PG_VERSION' : null;
}

function foreignDirectory(path: string, uid: number | null): boolean {
  return isForeignDirectory(statOf(path), uid);
}

function isForeignDirectory(stat: Stats | undefined, uid: number | null): stat is Stats {
  return stat?.isDirectory() === true && (uid === null || uid === 0 || stat.uid !== uid);
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function entriesIn(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return [];
  }
}

const namesIn = (path: string): readonly string[] => entriesIn(path).map(({ name }) => name);

const latin1 = (path: string): string => Buffer.from(path).toString('latin1');
const depthOf = (path: string): number => (path === '' ? 0 : path.split('/').length);

function takes(filter: PathFilter, path: string): boolean {
  const parts = latin1(path).split('/');
  // What lies below something left out is left out with it.
  return parts.every((_, i) => {
    const verdict = filter.judge(parts.slice(0, i + 1).join('/'), i + 1);
    return i === parts.length - 1 ? verdict === 'take' : verdict === 'take' || verdict === 'pass';
  });
}
