/**
 * What `restore latest --all --resume` goes on with: the snapshot that each directory was begun with, whatever backups have
 * come since, whether or not they can be read, and whatever the account is called by now.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { encodeDirectoryName } from '../core/archive/keys.ts';
import { HoldfastError, isHoldfastError } from '../core/errors.ts';
import { opened, type Snapshot } from '../core/jobs/catalog.ts';
import { findAnySnapshot } from '../core/jobs/find-snapshot.ts';
import { markIn, type RestoreMark } from '../core/jobs/restore/restore-mark.ts';
import { printable, quoted } from '../core/printable.ts';
import type { Unreadable } from './read-each.ts';
import type { RestrictionOf } from './restricted.ts';
import { listCandidates, type Search } from './search.ts';

export interface Planned {
  readonly snapshot: Snapshot;
  readonly target: string;
}

export interface Begun {
  readonly target: string;
  readonly mark: RestoreMark;
}

/** Name of an account's directory; `shared`: other accounts have, or had, the same site. */
export const directoryOf = (site: string, owner: string, shared: boolean): string =>
  encodeDirectoryName(shared ? `${site}-${owner}` : site);

/**
 * Directories below `root` that a restore of all accounts has begun; none where there is no such directory. One that
 * has another name than such a restore gives was made for something else.
 *
 * @throws TARGET_UNWRITABLE the names in `root` cannot be read
 */
export function begunBelow(root: string): readonly Begun[] {
  return namesIn(root).flatMap((name): Begun[] => {
    const target = join(root, name);
    const mark = markIn(target);
    if (mark === null) return [];
    const site = mark.snapshot.replace(/-\d{8}T\d{6}Z-[0-9a-f]{12}$/, '');
    const ours = [true, false].some((shared) => name === directoryOf(site, mark.owner, shared));
    return ours ? [{ target, mark }] : [];
  });
}

function namesIn(root: string): readonly string[] {
  try {
    return readdirSync(root);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new HoldfastError('TARGET_UNWRITABLE', `cannot read the target ${quoted(root)}: ${code}`, {
      cause,
      hint: 'Name the directory that the restore was begun in.',
    });
  }
}

/** @param newest of accounts, as far as they can be read and `restrictionOf` admits them */
export async function resumedSnapshots(
  search: Search,
  begun: readonly Begun[],
  newest: readonly Snapshot[],
  restrictionOf: RestrictionOf,
): Promise<{
  readonly planned: readonly Planned[];
  /** What was begun and cannot be read or trusted any more; by its target. */
  readonly refused: readonly Unreadable[];
}> {
  const planned: Planned[] = [];
  const refused: Unreadable[] = [];
  const byId = new Map(newest.map((one) => [one.header.id, one]));
  for (const { target, mark } of begun) {
    try {
      const known = byId.get(mark.id);
      const snapshot =
        known?.header.owner === mark.owner ? known : await begunWith(search, mark, restrictionOf);
      planned.push({ snapshot, target });
    } catch (error) {
      if (!isHoldfastError(error) || !ofThisSnapshot.has(error.code)) throw error;
      refused.push({ key: target, owner: mark.owner, error });
    }
  }
  return { planned, refused };
}

const ofThisSnapshot: ReadonlySet<string> = new Set([
  ...['SNAPSHOT_NOT_FOUND', 'SNAPSHOT_UNTRUSTED', 'OBJECT_DAMAGED', 'OBJECT_MISSING', 'FORMAT_UNSUPPORTED'],
  ...['IDENTITY_MISSING', 'IDENTITY_WRONG', 'USAGE'],
]);

async function begunWith(
  search: Search,
  { owner, id }: RestoreMark,
  restrictionOf: RestrictionOf,
): Promise<Snapshot> {
  const { provider, signal, trust } = search;
  const listed = await listCandidates(search, owner);
  const found = await findAnySnapshot(provider, listed, id, signal, { trust });
  const snapshot = await opened(provider, found, signal);
  await restrictionOf(snapshot);
  return snapshot;
}

/** What to tell of each that is gone on with although another is the newest, or may be. */
export function notesOf(
  { planned }: { readonly planned: readonly Planned[] },
  newest: { readonly snapshots: readonly Snapshot[]; readonly damaged: readonly Unreadable[] },
): readonly string[] {
  return planned.flatMap(({ target, snapshot }) => {
    const { owner, id } = snapshot.header;
    const where = `${printable(target, 4096)} was begun with ${snapshot.name}, and goes on with it`;
    const later = newest.snapshots.filter(({ header }) => header.owner === owner && header.id !== id);
    const lost = newest.damaged.filter((one) => one.owner === owner);
    return [
      ...later.map(({ name }) => `${where}; the latest is ${name}`),
      ...lost.map(
        ({ error }) => `${where}; the latest cannot be restored: ${printable(error.message, 4096)}`,
      ),
    ];
  });
}
