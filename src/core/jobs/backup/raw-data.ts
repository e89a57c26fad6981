/**
 * Finds data directories of database servers in what a tree would capture: by the names packages use, and by
 * the files that InnoDB, Aria and PostgreSQL clusters always hold. Such a tree is refused; databases are
 * exported instead, and dumps of grants that lie in those places may be captured.
 *
 * An account's own files never count: whoever may lay a file called `ibdata1` must not be able to stop the
 * backup. So directories of the account's own user are neither searched nor judged.
 */

import { componentErrorOf } from '../../archive/components.ts';
import type { TreeComponent } from '../../archive/manifest.ts';
import type { Account, Tree } from '../../contracts/panel.ts';
import { HoldfastError } from '../../errors.ts';
import type { Stat } from '../../filesystem/native.ts';
import { PathFilter } from '../../filesystem/patterns.ts';
import { printable } from '../../printable.ts';
import { depthOf } from '../capture/levels.ts';
import { hasName, statOf, TreeLook } from './tree-look.ts';

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

/** The trees that may be captured, and the others with the reason. Reads names and owners only, and nothing that is mounted below a tree. */
export function refuseRawData({ trees, owner }: Pick<Account, 'trees' | 'owner'>): {
  readonly trees: readonly Tree[];
  readonly refused: readonly RefusedTree[];
} {
  const refused = trees.flatMap((tree): RefusedTree[] => {
    const look = new TreeLook(tree);
    try {
      const found = rawDataIn(tree, look, owner?.uid ?? null);
      return found === null ? [] : [{ tree, error: refusal(tree, shown(found)) }];
    } finally {
      look.close();
    }
  });
  return { trees: trees.filter((tree) => !refused.some((one) => one.tree === tree)), refused };
}

export function refusedComponent({ tree, error }: RefusedTree, atMs: number): TreeComponent {
  const at = new Date(atMs).toISOString();
  const nothing = { startedAt: at, endedAt: at, device: 0, entries: 0, bytes: 0 };
  return { type: 'tree', name: tree.name, state: 'failed', error: componentErrorOf(error), ...nothing };
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
function rawDataIn(tree: Tree, look: TreeLook, uid: number | null): string | null {
  const filter = new PathFilter(tree.exclude, tree.include);
  if (isInside(look, uid) && (tree.include === undefined || takesRaw(look, filter))) return '';
  for (const place of usualPlaces) {
    const fd = look.directory(place);
    if (fd === null || !isOthers(statOf(fd), uid)) continue;
    const names = look.namesIn(fd).filter((name) => !harmless.test(name));
    if (names.some((name) => takes(filter, `${place}/${name}`))) {
      // Below PostgreSQL's place lie dumps beside clusters; only what is a cluster counts there.
      if (place.endsWith('mysql') || findCluster(look, place, filter, uid) !== null) return place;
    }
  }
  return findCluster(look, '', filter, uid);
}

/** Breadth first, so that the limits cut off what is deep. */
function findCluster(look: TreeLook, from: string, filter: PathFilter, uid: number | null): string | null {
  const queue = [{ at: from, isLeaf: false }];
  for (const { at, isLeaf } of queue) {
    const fd = look.directory(at);
    if (fd === null) continue;
    const raw = isLeaf ? fileIn(fd) : signatureIn(fd);
    if (raw !== null && at !== '' && takes(filter, `${at}/${raw}`)) return at;
    if (raw !== null || isLeaf || levelOf(at) >= levelOf(from) + deepest) continue;
    const pathOf = (name: string): string => (at === '' ? name : `${at}/${name}`);
    const isWanted = (name: string): boolean => {
      const verdict = filter.judge(pathOf(name), depthOf(pathOf(name)));
      return verdict === 'take' || verdict === 'pass';
    };
    for (const found of look.directoriesIn(fd, isWanted)) {
      if (queue.length >= mostDirectories) break;
      if (isOthers(found.stat, uid)) queue.push({ at: pathOf(found.name), isLeaf: found.isLeaf });
    }
  }
  return null;
}

const levelOf = (path: string): number => (path === '' ? 0 : depthOf(path));

function takesRaw(look: TreeLook, filter: PathFilter): boolean {
  const fd = look.directory('');
  const raw = fd === null ? null : signatureIn(fd);
  return raw !== null && takes(filter, raw);
}

/** The root itself or a directory above it is a data directory. */
function isInside(look: TreeLook, uid: number | null): boolean {
  for (const { fd, stat } of look.upwards()) {
    if (isOthers(stat, uid) && signatureIn(fd) !== null) return true;
  }
  return false;
}

/** Files that only a data directory holds, also one without directories. */
const telling = ['ibdata1', 'aria_log_control', 'mysql.ibd'] as const;

/** Names are looked up, never listed: there may be hundreds of thousands. */
const fileIn = (fd: number): string | null => telling.find((name) => hasName(fd, name)) ?? null;

/** A file that only a data directory holds, or null. */
function signatureIn(fd: number): string | null {
  const has = (name: string): boolean => hasName(fd, name);
  const cluster = (): boolean => has('PG_VERSION') && has('global') && (has('pg_wal') || has('pg_xlog'));
  return fileIn(fd) ?? (cluster() ? 'PG_VERSION' : null);
}

/** Of somebody else than the account, as far as that can be told. */
const isOthers = ({ uid: owner }: Stat, uid: number | null): boolean =>
  uid === null || uid === 0 || owner !== uid;

const shown = (path: string): string => Buffer.from(path, 'latin1').toString();

function takes(filter: PathFilter, path: string): boolean {
  const parts = path.split('/');
  // What lies below something left out is left out with it.
  return parts.every((_, i) => {
    const verdict = filter.judge(parts.slice(0, i + 1).join('/'), i + 1);
    return i === parts.length - 1 ? verdict === 'take' : verdict === 'take' || verdict === 'pass';
  });
}
